"""A practice's open time: its week less public holidays and closures, measured on the clock that never jumps."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays import country_holidays

from collector.model.calendar import Calendar, Closure, Holidays, Hours
from collector.model.policy import Policy
from collector.model.snapshot import Gap

_Week = tuple[tuple[Hours, ...], ...]
_Span = tuple[int, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)

# Of the package's subdivisions, Moselle (57) has the same two more days as Alsace (6AE): Good Friday, 26 December.
_SUBDIVISIONS = {Holidays.FRANCE: None, Holidays.ALSACE_MOSELLE: "57"}

# Open time is looked for this far ahead: the longest amount that can be set is ten years (model/duration.py), and
# who is open two hours a week has it within a lifetime; who is never open has it never.
_FARTHEST = 90  # years


@dataclass(frozen=True)
class Opening:
    """Whether a practice is open, and when that next changes; at the end of a year at the latest while it is open."""

    is_open: bool
    until: datetime | None


@dataclass(frozen=True)
class _Year:
    """The open stretches of one year in order and apart; `before` is the open time of the year ahead of each."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    total: int

    def elapsed(self, at: int) -> int:
        n = bisect_right(self.starts, at) - 1
        return self.before[n] + min(at, self.ends[n]) - self.starts[n] if n >= 0 else 0

    def reached(self, amount: int) -> int:
        n = bisect_left(self.before, amount) - 1
        return self.starts[n] + amount - self.before[n]

    def closes(self, at: int) -> int | None:
        """When the stretch ends that is open at this instant."""
        n = bisect_right(self.starts, at) - 1
        return self.ends[n] if n >= 0 and at < self.ends[n] else None


class _Ordinary:
    """Open time without closures, which most practices of a zone share; years are laid out when asked for."""

    def __init__(self, week: _Week, holidays: Holidays, zone: str) -> None:
        self._week, self._holidays, self._zone = week, holidays, ZoneInfo(zone)
        self._years: dict[int, _Year] = {}

    def between(self, since: int, until: int) -> int:
        first, last = self._year_of(since), self._year_of(until)
        whole = sum(self._year(year).total for year in range(first, last))
        return whole + self._year(last).elapsed(until) - self._year(first).elapsed(since)

    def reached(self, since: int, amount: int) -> int | None:
        if amount <= 0:
            return since
        first = self._year_of(since)
        amount += self._year(first).elapsed(since)
        for year in range(first, min(first + _FARTHEST, date.max.year)):
            stretches = self._year(year)
            if amount <= stretches.total:
                return stretches.reached(amount)
            amount -= stretches.total
        return None

    def closes(self, at: int) -> int | None:
        return self._year(self._year_of(at)).closes(at)

    def _year_of(self, at: int) -> int:
        return _instant(at).astimezone(self._zone).year

    def _year(self, year: int) -> _Year:
        if year not in self._years:
            self._years[year] = _laid_out(self._week, self._holidays, self._zone, year)
        return self._years[year]


class OpenTime:
    """One practice's open time; `away` are spans of ours, which count for nobody."""

    def __init__(self, calendar: Calendar, zone: str) -> None:
        self._ordinary = _ordinary(calendar.week, calendar.holidays, zone)
        self._closures = [_days(closure, ZoneInfo(zone)) for closure in calendar.closures]

    def between(self, since: datetime, until: datetime) -> timedelta:
        """How long it is open between two instants."""
        start, end = _ticks(since), _ticks(until)
        closed = (
            self._ordinary.between(max(a, start), min(b, end)) for a, b in self._shut(()) if a < end and b > start
        )
        return (self._ordinary.between(start, end) - sum(closed)) * _TICK

    def reached(self, since: datetime, amount: timedelta, away: Iterable[Gap] = ()) -> datetime | None:
        """When it has been open for so long since an instant; none if that never comes."""
        start, wanted = _ticks(since), amount // _TICK
        at = self._ordinary.reached(start, wanted)
        for shut, opens in self._shut(gap for gap in away if gap.end > since):
            if at is None or shut >= at:
                break
            if opens > start:
                wanted += self._ordinary.between(max(shut, start), opens)
                at = self._ordinary.reached(start, wanted)
        return None if at is None else _instant(at)

    def opening(self, at: datetime) -> Opening:
        now = _ticks(at)
        closes, shut = self._ordinary.closes(now), self._shut(())
        if closes is None or any(start <= now < end for start, end in shut):
            opened = self.reached(at, _TICK)
            return Opening(is_open=False, until=opened - _TICK if opened else None)
        return Opening(is_open=True, until=_instant(min([closes, *(start for start, _ in shut if start > now)])))

    def _shut(self, away: Iterable[Gap]) -> list[_Span]:
        """Closures and what counts for nobody, in order and apart."""
        return list(_apart([*self._closures, *((_ticks(gap.start), _ticks(gap.end)) for gap in away)]))


def on_the_wall(day: date, at: time, zone: str) -> datetime:
    """When a wall clock first shows a time, or jumps over it."""
    return _instant(_on_the_wall(day, at, ZoneInfo(zone)))


def open_time(policy: Policy) -> OpenTime:
    return OpenTime(policy.calendar, policy.zone)


# A fleet has few different weeks, and a year of one takes 30 kB.
@lru_cache(maxsize=256)
def _ordinary(week: _Week, holidays: Holidays, zone: str) -> _Ordinary:
    return _Ordinary(week, holidays, zone)


def _laid_out(week: _Week, holidays: Holidays, zone: ZoneInfo, year: int) -> _Year:
    spans = list(_apart(_stretches(week, holidays, zone, year)))
    before, total = [], 0
    for start, end in spans:
        before.append(total)
        total += end - start
    return _Year([start for start, _ in spans], [end for _, end in spans], before, total)


def _stretches(week: _Week, holidays: Holidays, zone: ZoneInfo, year: int) -> Iterator[_Span]:
    kept = _kept(holidays, year)
    day = date(year, 1, 1)
    while day.year == year:
        for hours in () if day in kept else week[day.weekday()]:
            last_day = day + _DAY if hours.closes == time(0) else day
            yield _on_the_wall(day, hours.opens, zone), _on_the_wall(last_day, hours.closes, zone, last=True)
        day += _DAY


def _kept(holidays: Holidays, year: int) -> frozenset[date]:
    if holidays is Holidays.NONE:
        return frozenset()
    return frozenset(country_holidays("FR", subdiv=_SUBDIVISIONS[holidays], years=year))


def _days(closure: Closure, zone: ZoneInfo) -> _Span:
    return _on_the_wall(closure.first, time(0), zone), _on_the_wall(closure.last + _DAY, time(0), zone)


def _apart(spans: Iterable[_Span]) -> Iterator[_Span]:
    """In order; what overlaps or touches is one."""
    lasting: _Span | None = None
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if lasting and start <= lasting[1]:
            lasting = lasting[0], max(lasting[1], end)
            continue
        if lasting:
            yield lasting
        lasting = start, end
    if lasting:
        yield lasting


def _on_the_wall(day: date, at: time, zone: ZoneInfo, *, last: bool = False) -> int:
    """When a wall clock shows a time: first or last, where it shows it twice; where never, when it jumps over it."""
    wall = datetime.combine(day, at, tzinfo=zone)
    first_offset, last_offset = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    if first_offset is None or last_offset is None or first_offset >= last_offset:
        return _ticks(wall.replace(fold=int(last)).astimezone(UTC))
    jump = wall.replace(fold=1).astimezone(UTC)
    while jump.astimezone(zone).utcoffset() != last_offset:
        jump += timedelta(minutes=1)
    return _ticks(jump.replace(second=0, microsecond=0))


def _ticks(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _instant(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK
