"""What people did to a ticket in its ticket system, as it comes back: read by polling, or told by a webhook."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from collector.model.value import Name, Text, Value


class Deed(StrEnum):
    """Whoever takes a ticket acknowledges; closing it is believed for a while."""

    CLOSED = "closed"
    REOPENED = "reopened"
    TAKEN = "taken"
    COMMENTED = "commented"


class Happening(Value):
    """`event_id` is the ticket system's own: each is taken once. `by` is what it calls the person."""

    event_id: Name
    ticket_id: UUID
    deed: Deed
    by: Name
    at: datetime
    said: Text = ""
