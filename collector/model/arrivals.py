"""What the fleet owes us, what arrives of it, and how much of the fleet is heard."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from collector.model.value import Value

# For so long a shortfall excuses silence: long enough to mend a balancer, short enough for a night. Practices that
# were struck at once look the same from here, and must alarm.
SHORTFALL_COUNTS = timedelta(hours=1)


class Share(Value):
    """The endpoints of one interval; each practice counts one in all, whatever number of endpoints it has."""

    endpoints: int
    practices: float


class Owed(Value):
    """By the endpoints that are up, by their interval in seconds."""

    shares: Mapping[int, Share] = {}

    @property
    def per_second(self) -> float:
        return sum(share.endpoints / interval_s for interval_s, share in self.shares.items())

    @property
    def practices(self) -> float:
        return sum(share.practices for share in self.shares.values())


class Arrivals(Value):
    """The heartbeats that arrived within the window before an instant, against what the fleet owes."""

    until: datetime
    owed: Owed
    window: timedelta
    arrived: int

    @property
    def per_second(self) -> float:
        return self.arrived / self.window.total_seconds()


class Heard(Value):
    """`part` is how much of the endpoints of these practices was heard, on the average of practices."""

    practices: int
    part: float
