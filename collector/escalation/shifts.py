"""Who is on call by a rota from an instant on, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collector.escalation.oncall import Roster
from collector.model.book import Rota
from collector.model.escalation import When
from collector.model.open_time import on_the_wall
from collector.model.value import earliest

# Turns end within a week, and no closure is as long: what has not changed in a year stays.
_FARTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Shift:
    """`person` is none while nobody is on call; `until` is none where that does not change."""

    person: str | None
    since: datetime
    until: datetime | None


def shifts(roster: Roster, rota: str, at: datetime) -> Iterator[Shift]:
    """The first one has begun by `at`; it is told as from then on."""
    since: datetime | None = at
    while since is not None:
        person, until = roster.on_call(rota, since), _until(roster, rota, since)
        yield Shift(person, since, until)
        since = until


def _until(roster: Roster, rota: str, since: datetime) -> datetime | None:
    """When it is first somebody else, or nobody, or somebody at all."""
    person, at = roster.on_call(rota, since), _edge(roster, rota, since)
    while at is not None and at - since < _FARTHEST:
        if roster.on_call(rota, at) != person:
            return at
        at = _edge(roster, rota, at)
    return None


def _edge(roster: Roster, rota: str, at: datetime) -> datetime | None:
    """When it may next change."""
    of = roster.book.rotas[rota]
    edges = [edge for one in of.overrides for edge in (one.since, one.until) if edge > at]
    handover = _handover(of, at) if len(of.people) > 1 else None
    return earliest([*edges, handover, _opening(roster, of, at)])


def _handover(rota: Rota, at: datetime) -> datetime:
    """The next one at which a turn begins."""
    day = at.astimezone(ZoneInfo(rota.zone)).date()
    day -= timedelta(days=(day - rota.begins).days % rota.turn_days)
    handover = on_the_wall(day, rota.handover, rota.zone)
    return handover if handover > at else on_the_wall(day + timedelta(days=rota.turn_days), rota.handover, rota.zone)


def _opening(roster: Roster, rota: Rota, at: datetime) -> datetime | None:
    """When the part of the day next begins or ends that the rota covers."""
    if rota.covers is When.ALWAYS:
        return None
    inside = roster.fits(When.IN_HOURS, at)
    return roster.next_fit(When.AFTER_HOURS if inside else When.IN_HOURS, at)
