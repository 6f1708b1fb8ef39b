"""How fast a channel may be used; and that nobody's phone rings more often than a person can read."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

MINUTE = timedelta(minutes=1)
# Told one by one; more that wait together come as one digest.
MOST_SINGLES = 5
# Notices a minute where the channel sets no rate: one in six seconds can still be read.
READABLE_RATE = 10


@dataclass(frozen=True)
class Pace:
    """At most `burst` at once, and then one an `interval`: never more than the rate in any minute.

    What is kept, for all workers, is the instant up to which deliveries are spoken for (the generic cell rate
    algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
    """

    interval: timedelta
    burst: int

    @classmethod
    def of_tickets(cls, rate: int | None) -> Self | None:
        """A second's worth at once."""
        return cls._within(rate, max(rate // 60, 1)) if rate else None

    @classmethod
    def of_notices(cls, rate: int | None) -> Self:
        rate = rate or READABLE_RATE
        return cls._within(rate, max(min(MOST_SINGLES, rate // 2), 1))

    @classmethod
    def _within(cls, rate: int, burst: int) -> Self:
        return cls(MINUTE / (rate - burst + 1), burst)

    def room(self, free_at: datetime | None, now: datetime) -> int:
        """How many deliveries may begin now."""
        ahead = max((free_at or now) - now, timedelta(0))
        return max(self.burst - math.ceil(ahead / self.interval), 0)

    def spent(self, free_at: datetime | None, deliveries: int, now: datetime) -> datetime:
        """The instant up to which deliveries are then spoken for."""
        return max(free_at or now, now) + self.interval * deliveries
