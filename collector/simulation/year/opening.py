"""When a practice is open, reckoned apart from the rules: what they make of a calendar is judged by it."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from collector.model.calendar import Calendar, Holidays

_DAY = timedelta(days=1)
# The subdivision of `holidays` with the days of Alsace and Moselle is the department of Moselle.
_SUBDIVISION = {Holidays.FRANCE: None, Holidays.ALSACE_MOSELLE: "57"}

UTC_ZONE = ZoneInfo("UTC")

Span = tuple[datetime, datetime]


@cache
def holidays_kept(kept: Holidays, year: int) -> frozenset[date]:
    if kept is Holidays.NONE:
        return frozenset()
    return frozenset(holidays.country_holidays("FR", subdiv=_SUBDIVISION[kept], years=year))


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local time in UTC: the first of a repeated one; where the clock skips it, the instant of the change."""
    instant = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).time() == at:
        return instant
    while instant.astimezone(zone).utcoffset() == (instant - timedelta(minutes=1)).astimezone(zone).utcoffset():
        instant -= timedelta(minutes=1)
    return instant


def is_open_day(calendar: Calendar, day: date) -> bool:
    closed = any(closure.first <= day <= closure.last for closure in calendar.closures)
    return bool(calendar.week[day.weekday()]) and day not in holidays_kept(calendar.holidays, day.year) and not closed


class Opening:
    """The open spans of a practice from one day to another, in order."""

    def __init__(self, calendar: Calendar, zone: ZoneInfo, first: date, last: date) -> None:
        days = [first + number * _DAY for number in range((last - first).days + 1)]
        self.open_days = frozenset(day for day in days if is_open_day(calendar, day))
        self.spans = [
            span for day in days if day in self.open_days for span in _spans(calendar, zone, day) if span[0] < span[1]
        ]
        self._ends = [end for _, end in self.spans]

    def day_span(self, calendar: Calendar, zone: ZoneInfo, day: date) -> Span:
        """From the first opening of an open day to its last closing."""
        spans = _spans(calendar, zone, day)
        return spans[0][0], spans[-1][1]

    def after(self, start: datetime, open_time: timedelta, apart: Sequence[Span] = ()) -> datetime | None:
        """When so much open time has passed since an instant, spans `apart` left out; none if after the last day."""
        left = open_time
        for opens, closes in self.spans[bisect_right(self._ends, start) :]:
            for first, last in _cut(max(opens, start), closes, apart):
                if last - first >= left:
                    return first + left
                left -= last - first
        return None


def _cut(opens: datetime, closes: datetime, apart: Sequence[Span]) -> Iterator[Span]:
    for first, last in apart:
        if first < closes and last > opens:
            if first > opens:
                yield opens, first
            opens = max(opens, last)
    if opens < closes:
        yield opens, closes


def _spans(calendar: Calendar, zone: ZoneInfo, day: date) -> list[Span]:
    return [
        (
            local_instant(day, hours.opens, zone),
            local_instant(day + _DAY if hours.closes == time(0) else day, hours.closes, zone),
        )
        for hours in calendar.week[day.weekday()]
    ]
