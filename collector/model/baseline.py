"""What is usual, told so that a few bad nights among the many do not move it: medians instead of means."""

from collections.abc import Sequence
from math import ceil, exp, log
from typing import NamedTuple

# Times the median absolute deviation is one standard deviation of what is normally distributed.
# Source: Rousseeuw and Croux, Alternatives to the Median Absolute Deviation, 1993.
MAD_TO_DEVIATION = 1.4826
# Below half a file or byte in a thousand one night is like another.
_NOTHING = 0.0005
# Of the logarithm: a job so steady that its nights differ by less is taken to differ by a quarter.
_LEAST_SPREAD = 0.25
# On the same weekday; fewer are chance.
LEAST_ALIKE = 3


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values: Sequence[float], part: float) -> float:
    """The value that `part` of them do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * part) - 1)]


def deviation(values: Sequence[float]) -> float:
    """The robust standard deviation."""
    middle = median(values)
    return MAD_TO_DEVIATION * median([abs(value - middle) for value in values])


class Spread(NamedTuple):
    """How shares of ordinary nights lie: by their ratios, since a busy night is twice a calm one, not one more.

    `typical` is a busy night, so that the first days after a closure are no surprise to a job that was idle.
    """

    typical: float
    log_deviation: float

    def beyond(self, deviations: float) -> float:
        """The share that lies so many deviations above a typical night."""
        return (self.typical + _NOTHING) * exp(deviations * self.log_deviation)


def spread(values: Sequence[float], alike: Sequence[float], *, typical: float) -> Spread:
    """Of at least one value. `alike` are those of the same weekday, heeded from the third on; `typical` is a quantile.

    The fewer are known, the wider they may lie.
    """
    usual = quantile(values, typical)
    if len(alike) >= LEAST_ALIKE:
        usual = max(usual, median(alike))
    logs = [log(value + _NOTHING) for value in values]
    return Spread(usual, max(deviation(logs), _LEAST_SPREAD) + 1 / len(values))
