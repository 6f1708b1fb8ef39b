"""One question to a ticket system's HTTP interface, and what its answer says of a message's fate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from collector.delivery.channel import DeliveryError
from collector.delivery.tickets import NotMadeError

# Half of the day that a message has: it is tried again once more before it is given up.
LONGEST_WISH = timedelta(hours=12)
# Words of a ticket system about its refusal, as far as an operator reads them.
LONGEST_REASON = 200
# Bytes of an answer. The largest that we ask for, GLPI's page of 500 tickets with their texts, is a few megabytes.
MOST_READ = 16 * 1024**2
_OF_THE_WAY = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
# No request was sent: whatever it asked for has not been done.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

Json = Mapping[str, object]


class RefusedError(NotMadeError):
    """It was understood and not done. What is refused may be mended there by people: tokens, rights, queues."""

    def __init__(self, status: int, said: str, retry_after: timedelta | None = None) -> None:
        super().__init__(f"answered {status}: {said}" if said else f"answered {status}", retry_after)
        self.status = status
        self.said = said

    @property
    def of_this_alone(self) -> bool:
        """What was asked for is not there, or not for us; other questions may be answered."""
        return self.status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)


@dataclass(frozen=True)
class Door:
    """Where a ticket system answers, and how long one answer may take."""

    client: httpx.AsyncClient
    url: str
    timeout: timedelta

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        json: Json | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A success, else RefusedError, or DeliveryError where nobody can know what became of it."""
        try:
            response = await answer(
                self.client, method, f"{self.url}/{path}", headers=headers, json=json, params=params,
                timeout=self.timeout.total_seconds(),
            )  # fmt: skip
        except NEVER_SENT as error:
            raise NotMadeError(f"cannot be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            raise DeliveryError(f"no answer: {type(error).__name__}") from error
        if response.is_success:
            return response
        wish = retry_after(response, datetime.now(UTC))
        if response.is_client_error:
            raise RefusedError(response.status_code, _words(response), wish)
        raise DeliveryError(f"answered {response.status_code}", wish)


async def answer(client: httpx.AsyncClient, method: str, url: httpx.URL | str, **asked: Any) -> httpx.Response:  # noqa: ANN401
    """As far as MOST_READ: what answers without end must not fill the memory. Raises httpx.HTTPError."""
    async with client.stream(method, url, **asked) as response:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) >= MOST_READ:
                break
    plain = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_WAY]
    return httpx.Response(
        response.status_code, headers=plain, content=bytes(body[:MOST_READ]), request=response.request
    )


def retry_after(response: httpx.Response, now: datetime) -> timedelta | None:
    """Seconds or a date (RFC 9110, section 10.2.3)."""
    wish = response.headers.get("retry-after", "")
    try:
        if wish.isdecimal():
            return timedelta(seconds=min(int(wish), LONGEST_WISH.total_seconds()))
        return min(max(parsedate_to_datetime(wish) - now, timedelta(0)), LONGEST_WISH)
    except (ValueError, TypeError):
        return None


def _words(response: httpx.Response) -> str:
    """What it says of its refusal, on one line; a proxy's page says nothing."""
    if "json" not in response.headers.get("content-type", ""):
        return ""
    return " ".join(response.text.split())[:LONGEST_REASON]
