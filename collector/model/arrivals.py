"""What the fleet owes us and what arrives of it."""

from collections.abc import Mapping
from datetime import timedelta

from collector.model.value import Value


class Owed(Value):
    """Endpoints that are up, counted by their interval in seconds; `largest` is what one practice owes at most."""

    endpoints: Mapping[int, int] = {}
    largest: float = 0.0

    @property
    def per_second(self) -> float:
        return sum(number / interval_s for interval_s, number in self.endpoints.items())


class Arrivals(Value):
    """The heartbeats that arrived within a window, against what the fleet owes."""

    owed: Owed
    window: timedelta
    arrived: int

    @property
    def per_second(self) -> float:
        return self.arrived / self.window.total_seconds()
