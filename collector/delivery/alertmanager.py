"""Alerts to a Prometheus Alertmanager, by its API v2: https://prometheus.io/docs/alerting/latest/clients/

An alert is known by its labels, and ends by itself unless it is sent again: `resending.py` does that. One whose labels
change while it burns, as when it grows worse, is another alert: the old one is no longer sent, and ends.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from collector.delivery.answers import answer, retry_after
from collector.delivery.channel import DeliveryError
from collector.delivery.written import Pen, write_line
from collector.model.channels import AlertmanagerChannel
from collector.model.incident import IncidentState
from collector.model.message import IncidentLine, Notice
from collector.store.outbox import Parcel
from collector.store.told import ToldIncident

# Two rounds may fail and a third come late. Source: Prometheus, `sendAlerts` in rules/alerting.go.
INTERVALS = 4
# Of the facts of an incident, by the label that it becomes.
_LABELS = {"machine": "endpoint", "job": "job"}

Alert = Mapping[str, object]


class Alertmanager:
    """One of them. A cluster has a channel for each instance, as its documentation asks."""

    def __init__(
        self, name: str, client: httpx.AsyncClient, spec: AlertmanagerChannel, password: str | None, pen: Pen
    ) -> None:
        self.name = name
        self.timeout: timedelta = spec.timeout
        self.resend: timedelta = spec.resend
        self._client = client
        self._url = f"{str(spec.url).rstrip('/')}/api/v2/alerts"
        signs_in = spec.username and password
        self._auth = httpx.BasicAuth(spec.username or "", password or "") if signs_in else httpx.USE_CLIENT_DEFAULT
        self._pen = pen

    async def deliver(self, parcel: Parcel) -> None:
        await self.deliver_many([parcel])

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        """All in one request; of each incident its last word."""
        in_order = sorted((parcel.message for parcel in parcels), key=lambda message: message.sequence)
        last = {message.about: message for message in in_order}
        notices = [message for message in last.values() if isinstance(message, Notice)]
        if len(notices) < len(last):
            raise DeliveryError("takes notices, no tickets", permanent=True)
        await self.tell([ToldIncident(one.practice, one.incident) for one in notices], datetime.now(UTC))

    async def tell(self, incidents: Sequence[ToldIncident], now: datetime) -> None:
        """What lasts burns for a few intervals more; what is over has ended. Raises DeliveryError."""
        await self._post([alert_of(one, now + INTERVALS * self.resend, self._pen) for one in incidents], now)

    async def end(self, incidents: Sequence[ToldIncident], now: datetime) -> None:
        """They are over, though they last as they stand here."""
        await self._post([alert_of(one, now, self._pen) for one in incidents], now)

    async def _post(self, alerts: Sequence[Alert], now: datetime) -> None:
        timeout = self.timeout.total_seconds()
        try:
            response = await answer(self._client, "POST", self._url, json=alerts, auth=self._auth, timeout=timeout)
        except httpx.HTTPError as error:
            raise DeliveryError(f"no answer: {type(error).__name__}") from error
        if not response.is_success:
            # It has taken what is valid, and would refuse the rest for ever: who sent many sends them in smaller parts.
            refused = response.status_code == httpx.codes.BAD_REQUEST
            raise DeliveryError(f"answered {response.status_code}", retry_after(response, now), permanent=refused)


def alert_of(told: ToldIncident, until: datetime, pen: Pen) -> Alert:
    """As it is posted; `until` is when one that lasts ends by itself."""
    incident = told.incident
    line = write_line(incident, pen)
    if incident.state is IncidentState.RESOLVED:
        until = incident.resolved_at or until
    return {
        "labels": _labels(told.practice, incident),
        "annotations": {
            "summary": f"{line.title} ({told.practice})",
            "description": f"{line.sentence}\n{line.advice}",
            "url": line.url,
        },
        "startsAt": incident.since.isoformat(),
        "endsAt": max(until, incident.since).isoformat(),  # one that ends before it starts is refused
        "generatorURL": line.url,
    }


def _labels(practice: str, incident: IncidentLine) -> Mapping[str, str]:
    """What it is about and how bad it is: nothing that changes from one judgement to the next."""
    known = {label: incident.facts[fact] for label, fact in _LABELS.items() if incident.facts.get(fact)}
    return {
        "alertname": incident.rule,
        "practice": practice,
        "subject": incident.subject,
        "severity": incident.severity.value,
        **known,
    }
