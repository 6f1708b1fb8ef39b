"""What the store keeps of a heartbeat that said something new, and what the fold reads."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from collector.model.heartbeat import Endpoint, Sections
from collector.model.value import EARLIEST, Value


class Source(StrEnum):
    """Who told."""

    AGENT = "agent"
    PING = "ping"
    MAIL = "mail"


class Report(Value):
    """The changed sections of one heartbeat, or a run that a ping or a mail told of.

    `skew` is how far the endpoint's clock lagged ours. What no agent told says nothing about an endpoint:
    its `endpoint_id` is the job's, none for one of the whole practice.
    """

    heartbeat_id: UUID
    source: Source = Source.AGENT
    endpoint_id: UUID | None
    received_at: datetime
    sent_at: datetime
    skew: timedelta = timedelta(0)
    endpoint: Endpoint | None = None
    sections: Sections = Sections()

    @property
    def as_of(self) -> datetime:
        """When it was true, by our clock."""
        return self.ours(self.sent_at)

    def ours(self, theirs: datetime) -> datetime:
        """An instant of the endpoint's clock by ours; what was reported cannot lie ahead of its arrival."""
        return min(theirs.astimezone(UTC) + max(self.skew, EARLIEST - theirs), self.received_at)
