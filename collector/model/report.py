"""What the store keeps of a heartbeat that said something new, and what the fold reads."""

from datetime import datetime, timedelta
from uuid import UUID

from collector.model.heartbeat import Endpoint, Sections
from collector.model.value import Value

# A clock further off than this is not explained by a slow send. Source: Kerberos refuses
# more than 5 minutes (RFC 4120, section 8.2), so a working Windows domain stays within it.
SKEW_TOLERATED = timedelta(minutes=5)


class Report(Value):
    """The changed sections of one heartbeat, with what is needed to place them in time."""

    heartbeat_id: UUID
    endpoint_id: UUID
    received_at: datetime
    sent_at: datetime
    queued: int
    endpoint: Endpoint | None = None
    sections: Sections = Sections()

    @property
    def skew(self) -> timedelta:
        """How far the endpoint's clock lags ours; zero where a spool explains the delay."""
        lag = self.received_at - self.sent_at
        explained = self.queued > 0 and lag > timedelta(0)
        return timedelta(0) if explained or abs(lag) <= SKEW_TOLERATED else lag

    @property
    def as_of(self) -> datetime:
        """When it was true, by our clock."""
        return self.ours(self.sent_at)

    def ours(self, theirs: datetime) -> datetime:
        """An instant of the endpoint's clock by ours; what was reported cannot lie ahead of its arrival."""
        return min(theirs + self.skew, self.received_at)
