"""What a ticket system sends back, signed as Standard Webhooks says: checked and read, purely.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from collector.model.happening import Deed, Happening
from collector.model.value import Contract, Instant, Name, Text

# As the libraries of Standard Webhooks tolerate, either way: what is older may be a replay.
FRESH = timedelta(minutes=5)
_PREFIX = "whsec_"
_VERSION = "v1"
_event_id: TypeAdapter[str] = TypeAdapter(Name)


class Sealed(NamedTuple):
    """A body as it came, with the three headers that vouch for it."""

    event_id: str
    timestamp: str
    signature: str
    body: bytes


class TicketNews(Contract):
    """What somebody did to the ticket there; `ticket_id` is ours, as every message about it had it."""

    ticket_id: Annotated[UUID, Field(strict=False)]
    by: Name = Field(description="what the ticket system calls the person")
    text: Text = Field("", description="what they said")
    at: Instant | None = Field(None, description="when, by the ticket system's clock")


class TicketEvent(Contract):
    """One event about one ticket."""

    type: Literal["ticket.closed", "ticket.reopened", "ticket.taken", "ticket.commented"]
    data: TicketNews


def vouched(sealed: Sealed, secret: str, now: datetime) -> bool:
    """Whether it comes from who knows the secret, and was signed just now. Unreadable is not vouched for."""
    try:
        signed_at = datetime.fromtimestamp(int(sealed.timestamp), UTC)
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        _event_id.validate_python(sealed.event_id)
    except (ValueError, OverflowError, OSError, binascii.Error, ValidationError):
        return False
    signed = f"{sealed.event_id}.{sealed.timestamp}.".encode() + sealed.body
    right = hmac.new(key, signed, hashlib.sha256).digest()
    given = [hmac.compare_digest(right, one) for one in _signatures(sealed.signature)]
    return bool(key) and abs(now - signed_at) <= FRESH and any(given)


def _signatures(header: str) -> Iterator[bytes]:
    """There may be several while a secret is being changed, and versions that we do not know."""
    for one in header.split(" "):
        version, _, written = one.partition(",")
        if version == _VERSION:
            try:
                yield base64.b64decode(written, validate=True)
            except (ValueError, binascii.Error):
                continue


def parse(sealed: Sealed, now: datetime) -> Happening:
    """Raises pydantic's ValidationError, which names each field that is wrong."""
    event = TicketEvent.model_validate_json(sealed.body)
    return Happening(
        event_id=sealed.event_id,
        ticket_id=event.data.ticket_id,
        deed=Deed(event.type.removeprefix("ticket.")),
        by=event.data.by,
        at=event.data.at or now,
        said=event.data.text,
    )
