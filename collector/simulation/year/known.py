"""How our own outages and an agent's spool move what is due: reckoned apart from the rules."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from collector.simulation.year.fleet_fate import Outage
from collector.simulation.year.plan import INTERVAL
from collector.simulation.year.presence import Presence

Item = TypeVar("Item")

# What an agent is given after an outage: the quarter of an hour of the default configuration, and no more than it
# needs, which waits twice as long after each attempt that failed.
_CATCHING_UP = timedelta(minutes=15)
_FIRST_WAITS = timedelta(minutes=1)


def moved(start: datetime, due: datetime, outages: Sequence[Outage]) -> datetime:
    """A deadline that our own outages push back by as much as they take of its span."""
    for one in outages:
        if one.begins < due and one.ends > start:
            due += one.ends - max(one.begins, start)
    return due


def settled(presence: Presence, at: datetime, outages: Sequence[Outage]) -> datetime:
    """When something that falls due may be said: not before a machine had the time to send what it kept."""
    for one in outages:
        until = one.ends + min(_CATCHING_UP, 2 * (one.ends - one.begins) + _FIRST_WAITS)
        if one.begins <= at < until:
            at = max(at, min(until, _empty_after(presence, one.ends) or until))
    return at


def _empty_after(presence: Presence, at: datetime) -> datetime | None:
    return next((one.first for one in presence.stretches if one.first >= at and not one.queued), None)


def heard_about(presence: Presence, at: datetime) -> bool:
    """Whether the machine is heard around an instant."""
    sighting = presence.sighting(at, ahead=False)
    return sighting is not None and at - sighting.received_at <= 2 * INTERVAL


def with_next(items: Sequence[Item]) -> Iterator[tuple[Item, Item | None]]:
    """Each with the one that follows it, the last with none."""
    for place, one in enumerate(items, start=1):
        yield one, items[place] if place < len(items) else None
