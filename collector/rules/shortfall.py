"""Whether far fewer heartbeats arrive than the fleet owes: then the way to us is broken, and no practice is silent.

A load balancer, a name or a certificate of ours can fail while collectors go on listening to nobody. That shows as
a sudden fall at all practices at once, against what the endpoints that are up owe.

Machines that are switched off at night do not look like it: a quarter must be left within one interval of most
of the fleet. Practices close one after another, those found silent owe nothing any more (their spans of liveness
end), and servers, network storage and imaging stations stay on. Only if more than three quarters of a fleet
went within one minute would it be taken for our own outage, for a day at most (collector/store/listening.py).
"""

from datetime import timedelta

from collector.model.arrivals import Arrivals, Owed

# Less than this part of what is owed. A quarter, since in any window as long as the interval by which half is owed,
# a fleet in which nothing changed delivers more, whatever its phases: see `window`.
LEAST_PART = 0.25
# A window in which fewer than so many are owed tells nothing.
LEAST_OWED = 4
# One practice must owe less of the whole, so that at least three fall silent at once: one whose line is cut must not
# look like ours, nor two that share a house.
LARGEST_PART = 0.5

NARROWEST = timedelta(seconds=15)
WIDEST = timedelta(seconds=300)


def window(owed: Owed) -> timedelta:
    """Over how long arrivals are counted: the shorter, the sooner we know.

    As long as the interval by which half is owed: then that half has sent at least once each, more than half of
    what it owes in that time, and so more than a quarter of all has come even if all send at the same instant.
    """
    return min(max(_wanted(owed), NARROWEST), WIDEST) if owed.endpoints else NARROWEST


def is_short(arrivals: Arrivals) -> bool:
    """Whether the way to us is broken; false where that cannot be told."""
    owed = arrivals.owed
    return _can_tell(owed) and arrivals.per_second < owed.per_second * LEAST_PART


def _can_tell(owed: Owed) -> bool:
    return bool(owed.endpoints) and _wanted(owed) <= WIDEST and owed.largest < owed.per_second * LARGEST_PART


def _wanted(owed: Owed) -> timedelta:
    return timedelta(seconds=max(_typical_interval_s(owed), LEAST_OWED / owed.per_second))


def _typical_interval_s(owed: Owed) -> int:
    """The interval by which half of what is owed comes."""
    reached = 0.0
    for interval_s, number in sorted(owed.endpoints.items()):
        reached += number / interval_s
        if reached >= owed.per_second / 2:
            return interval_s
    return max(owed.endpoints)
