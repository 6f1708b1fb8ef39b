"""Tickets to any system that takes a webhook, signed as Standard Webhooks says.

`webhook-id` is the outbox row's id, the same on every attempt: a receiver that honours it gets each event once, so
nothing has to settle here and nothing is looked for.
"""

import json
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook

from collector.delivery.answers import answer, retry_after
from collector.delivery.channel import DeliveryError
from collector.delivery.written import ticket_url
from collector.model.message import Notice, TicketMessage
from collector.store.outbox import Parcel


class TicketWebhook:
    """One receiver of `ticket.opened`, `ticket.appended`, `ticket.resolved`, `ticket.reopened`."""

    def __init__(
        self, name: str, client: httpx.AsyncClient, url: str, secret: str, public_url: str, timeout: timedelta
    ) -> None:
        self.name = name
        self._client = client
        self._url = url
        self._signer = Webhook(secret)
        self._public_url = public_url
        self.timeout = timeout

    async def deliver(self, parcel: Parcel) -> None:
        if isinstance(parcel.message, Notice):
            raise DeliveryError("takes tickets, no notices", permanent=True)
        body = webhook_body(parcel.message, self._public_url)
        signed_at = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": str(parcel.outbox_id),
            "webhook-timestamp": str(int(signed_at.timestamp())),
            "webhook-signature": self._signer.sign(str(parcel.outbox_id), signed_at, body),
        }
        try:
            response = await answer(
                self._client, "POST", self._url, content=body, headers=headers, timeout=self.timeout.total_seconds()
            )
        except httpx.HTTPError as error:
            raise DeliveryError(f"no answer: {type(error).__name__}") from error
        if not response.is_success:
            raise DeliveryError(f"answered {response.status_code}", retry_after(response, signed_at))


def webhook_body(message: TicketMessage, public_url: str) -> str:
    """The event as JSON: `type`, `timestamp` and `data`, as Standard Webhooks recommends."""
    data = message.model_dump(mode="json", exclude={"event", "at"})
    data["url"] = ticket_url(message, public_url)
    return json.dumps({"type": message.event.value, "timestamp": message.at.isoformat(), "data": data})
