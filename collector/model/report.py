"""What the store keeps of a heartbeat that said something new, and what the fold reads."""

from datetime import datetime, timedelta
from uuid import UUID

from collector.model.heartbeat import Endpoint, Sections
from collector.model.value import EARLIEST, Value


class Report(Value):
    """The changed sections of one heartbeat; `skew` is how far its endpoint's clock lagged ours."""

    heartbeat_id: UUID
    endpoint_id: UUID
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
        return min(theirs + max(self.skew, EARLIEST - theirs), self.received_at)
