"""The whole truth about a practice's year."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from collector.simulation.year.life import Life
from collector.simulation.year.opening import holidays_kept, local_instant
from collector.simulation.year.truth import Decoy, Excuse, Harmless, Label, Truth
from collector.simulation.year.truth_of_data import truth_of_data
from collector.simulation.year.truth_of_machines import truth_of_machine
from collector.simulation.year.truth_of_runs import truth_of_runs

_DAY = timedelta(days=1)
# How long after it something is still laid to a happening of the whole practice.
_AFTER = {
    Harmless.LATE_UPLINK: timedelta(hours=6),
    Harmless.REBOOT: timedelta(hours=1),
    Harmless.LOW_ALERT: timedelta(days=1),
}


def truth_of(life: Life) -> Truth:
    truths = list(_truths(life))
    return Truth(
        labels=tuple(one for one in truths if isinstance(one, Label)),
        excuses=tuple(one for one in truths if isinstance(one, Excuse)),
        decoys=tuple(one for one in truths if isinstance(one, Decoy)),
    )


def _truths(life: Life) -> Iterator[Label | Excuse | Decoy]:
    for machine in life.machines:
        yield from truth_of_machine(life, machine)
        for year in machine.jobs:
            yield from truth_of_runs(life, machine, year)
            yield from truth_of_data(life, machine, year)
    for one in life.episodes:
        if one.kind in _AFTER:
            kind = Harmless(one.kind)
            yield Decoy(kind, one.subject, one.begins, one.ends + _AFTER[kind])
    for outage in life.outages:
        yield Decoy(Harmless.OWN_OUTAGE, None, outage.begins, outage.ends + timedelta(hours=2))
    yield from _days(life)


def _days(life: Life) -> Iterator[Decoy]:
    """Closures, public holidays and the two nights on which the clock changes."""
    zone, begin, end = life.plan.local, life.plan.begin, life.plan.end
    for closure in life.plan.calendar.closures:
        first, last = _midnight(closure.first, zone), _midnight(closure.last + 2 * _DAY, zone)
        if begin < first < end:
            yield Decoy(Harmless.CLOSURE, None, first, last)
    for year in range(begin.year, end.year + 1):
        for day in holidays_kept(life.plan.calendar.holidays, year):
            if begin < _midnight(day, zone) < end:
                yield Decoy(Harmless.HOLIDAY, None, _midnight(day, zone), _midnight(day + 2 * _DAY, zone))
    day = begin.date()
    while day < end.date():
        midnight, after = _midnight(day, zone), _midnight(day + _DAY, zone)
        if after - midnight != _DAY:
            yield Decoy(Harmless.DST_NIGHT, None, midnight, after + _DAY / 2)
        day += _DAY


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return local_instant(day, time(0), zone)
