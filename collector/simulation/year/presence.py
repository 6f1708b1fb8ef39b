"""When each machine is up and when it is heard: spans and stretches instead of single heartbeats."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.model.heartbeat import Role
from collector.model.snapshot import Sighting
from collector.model.subject import PRACTICE
from collector.simulation.year.chance import Chance
from collector.simulation.year.fleet_fate import Outage
from collector.simulation.year.opening import Opening, Span
from collector.simulation.year.plan import INTERVAL, Hours, MachinePlan, PracticePlan
from collector.simulation.year.truth import Episode, Fault, Harmless

_DAY = timedelta(days=1)
# An agent waits twice as long after each failure, a quarter less by chance, and ten minutes at most
# (collector/agent/sending/backoff.py): what is left of its wait when it could get through is as long as it tried.
_WAITS, _LONGEST_WAIT = 1.5, timedelta(minutes=10)
# Between two outages so near to each other no agent gets its spool out.
_TOO_SHORT = _LONGEST_WAIT + timedelta(minutes=1)
_DARK = frozenset({Fault.SILENT_MACHINE, Fault.SILENT_PRACTICE, Harmless.REBOOT})


@dataclass(frozen=True)
class Stretch:
    """Heartbeats that arrive one an interval, from the first to the last."""

    first: datetime
    last: datetime
    queued: int = 0

    def seen_at(self, now: datetime) -> datetime:
        return self.first + (min(now, self.last) - self.first) // INTERVAL * INTERVAL


@dataclass(frozen=True)
class Barred:
    """Nothing arrives from `begins` on; from `opens` the spool is sent, and is empty at `drained`."""

    begins: datetime
    opens: datetime
    drained: datetime


@dataclass(frozen=True)
class Presence:
    """`up` is when the machine runs, `stretches` when it is heard."""

    up: tuple[Span, ...]
    stretches: tuple[Stretch, ...]
    barred: tuple[Barred, ...]

    def up_at(self, at: datetime) -> Span | None:
        index = bisect_right(self.up, at, key=lambda span: span[0]) - 1
        return self.up[index] if index >= 0 and at < self.up[index][1] else None

    def next_beat(self, at: datetime) -> datetime | None:
        """When the agent next looks, and writes a heartbeat."""
        span = self.up_at(at)
        if span is not None:
            beat = span[0] + -((span[0] - at) // INTERVAL) * INTERVAL
            if beat < span[1]:
                return beat
        index = bisect_right(self.up, at, key=lambda one: one[0])
        return self.up[index][0] if index < len(self.up) else None

    def heard_at(self, sent: datetime) -> datetime | None:
        """When what was sent at an instant arrives; the spool goes out in its order."""
        index = bisect_right(self.barred, sent, key=lambda one: one.begins) - 1
        if index < 0 or sent >= self.barred[index].opens:
            return sent
        bar = self.barred[index]
        if self.up_at(bar.opens) is None:
            return self.next_beat(bar.opens)
        return bar.opens + (sent - bar.begins) / (bar.opens - bar.begins) * (bar.drained - bar.opens)

    def sighting(self, now: datetime, *, ahead: bool) -> Sighting | None:
        """The last heartbeat until now; `ahead` names the last of its stretch, since nothing changes until then."""
        index = bisect_right(self.stretches, now, key=lambda one: one.first) - 1
        if index < 0:
            return None
        stretch = self.stretches[index]
        seen = stretch.seen_at(stretch.last if ahead else now)
        return Sighting(received_at=seen, interval_s=INTERVAL.seconds, queued=stretch.queued, skew_s=0)


def presence_of(
    chance: Chance,
    plan: PracticePlan,
    machine: MachinePlan,
    opening: Opening,
    episodes: Sequence[Episode],
    outages: Sequence[Outage],
    dark: Sequence[Span],
) -> Presence:
    """`dark` is when an attack has taken the machine away."""
    about = [one for one in episodes if one.subject in (machine.subject, PRACTICE)]
    away = [(one.begins, one.ends) for one in about if one.kind in _DARK]
    up = _without(_powered(chance, plan, machine, opening), merged([*away, *dark]))
    lines = [(one.begins, one.ends) for one in about if one.kind is Harmless.LATE_UPLINK]
    closed = merged([*lines, *((one.begins, one.ends) for one in outages)], _TOO_SHORT)
    barred = [_bar(chance, span) for span in closed]
    return Presence(tuple(up), tuple(_stretches(up, barred)), tuple(barred))


def _powered(chance: Chance, plan: PracticePlan, machine: MachinePlan, opening: Opening) -> list[Span]:
    if machine.role is not Role.WORKSTATION or machine.hours is Hours.ALWAYS:
        return [(plan.begin + timedelta(seconds=chance.whole(0, 299)), plan.end)]
    holidays = _holidays(chance, plan)
    days = [day for day in sorted(opening.open_days) if not any(first <= day < last for first, last in holidays)]
    spans: list[Span] = [(plan.begin, plan.begin + timedelta(hours=2))]  # it is enrolled, whatever the day
    for day in days:
        opens, closes = opening.day_span(plan.calendar, plan.local, day)
        if machine.hours is Hours.LAPTOP:
            spans += _carried(chance, opens, closes)
        else:
            spans.append(_desk_day(chance, opens, closes))
    return merged([(max(first, plan.begin), min(last, plan.end)) for first, last in spans if first < plan.end])


def _holidays(chance: Chance, plan: PracticePlan) -> list[tuple[date, date]]:
    """Two of the five weeks that an employee has fall outside of the practice's own closures."""
    years = range(plan.begin.year, plan.end.year + 1)
    starts = [plan.begin.date().replace(year=year, day=1, month=month) for year in years for month in (3, 10)]
    return [(at, at + _DAY * 7) for at in (start + _DAY * chance.whole(0, 50) for start in starts)]


def _desk_day(chance: Chance, opens: datetime, closes: datetime) -> Span:
    """On a little before the practice opens, off when the last one goes; every sixth evening it is forgotten."""
    on = opens + timedelta(minutes=chance.normal(-8, 10))
    off = closes + timedelta(minutes=chance.normal(20, 20))
    return _whole(on, on + timedelta(hours=20) if chance.happens(0.16) else max(off, on + timedelta(hours=1)))


def _carried(chance: Chance, opens: datetime, closes: datetime) -> list[Span]:
    """A laptop stays away on one open day of six, and is shut over noon on half of the others."""
    if chance.happens(0.16):
        return []
    on, off = opens + timedelta(minutes=chance.normal(10, 25)), closes + timedelta(minutes=chance.normal(-15, 40))
    if off - on < timedelta(hours=2):
        return [_whole(on, on + timedelta(hours=1))]
    if chance.happens(0.5):
        return [_whole(on, off)]
    noon = on + (off - on) * chance.between(0.35, 0.5)
    return [_whole(on, noon), _whole(noon + (off - noon) * 0.2, off)]


def _whole(first: datetime, last: datetime) -> Span:
    return first.replace(microsecond=0), last.replace(microsecond=0)


def merged(spans: Iterable[Span], apart: timedelta = timedelta(0)) -> list[Span]:
    """In order, those no further apart made one."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + apart:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return result


def _without(spans: Iterable[Span], holes: Sequence[Span]) -> list[Span]:
    pieces: list[Span] = []
    for first, last in spans:
        for begins, ends in holes:
            if ends <= first or begins >= last:
                continue
            if begins > first:
                pieces.append((first, begins))
            first = max(first, ends)
        if first < last:
            pieces.append((first, last))
    return pieces


def _bar(chance: Chance, span: Span) -> Barred:
    """The spool goes out once the agent tries again, hundreds in a batch."""
    waits = min(_LONGEST_WAIT, _WAITS * (span[1] - span[0]))
    opens = span[1] + timedelta(seconds=round(chance.between(0, 1) * waits.total_seconds()) + 1)
    return Barred(span[0], opens, opens + timedelta(seconds=round(chance.between(1, 20))))


def _stretches(up: Sequence[Span], barred: Sequence[Barred]) -> Iterable[Stretch]:
    for first, last in up:
        begins = first
        for bar in barred:
            if bar.opens <= first or bar.begins >= last:
                continue
            if begins < bar.begins:
                yield from _grid(first, begins, min(bar.begins, last))
            begins = bar.opens
            if bar.drained < last:
                queued = (bar.opens - max(bar.begins, first)) // INTERVAL + 1
                yield Stretch(bar.opens, bar.opens, queued)
                yield Stretch(bar.drained, bar.drained)
                begins = bar.drained + timedelta(seconds=1)
        if begins < last:
            yield from _grid(first, begins, last)


def _grid(base: datetime, begins: datetime, ends: datetime) -> Iterable[Stretch]:
    """The heartbeats of a machine that booted at `base`, between two instants."""
    first = base + -((base - begins) // INTERVAL) * INTERVAL
    if first < ends:
        last = first + (ends - timedelta(seconds=1) - first) // INTERVAL * INTERVAL
        yield Stretch(first, last)
