"""Open hours as people write them: `mon-fri: 08:00-12:00, 14:00-19:00`."""

import re
from collections.abc import Iterable, Mapping
from datetime import time
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from collector.model.calendar import Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED = "closed"
_DAY = rf"({'|'.join(DAYS)})"
_STRETCH = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")

Week = tuple[tuple[Hours, ...], ...]


def days_of(written: str) -> tuple[int, ...]:
    """The days that `mon-fri` or `mon, wed` means, Monday as 0. Raises ValueError, saying how days are written."""
    days: list[int] = []
    for part in written.split(","):
        first, _, last = (one.strip() for one in part.partition("-"))
        if first not in DAYS or (last and last not in DAYS) or (last and DAYS.index(last) < DAYS.index(first)):
            raise ValueError(f"{written!r} names no days; write them as in mon-fri, sat or 'mon, wed'")
        days += range(DAYS.index(first), DAYS.index(last or first) + 1)
    return tuple(days)


def hours_of(written: str) -> tuple[Hours, ...]:
    """The stretches of a day, in order. Raises ValueError, saying what is wrong with them."""
    if written.strip() == CLOSED:
        return ()
    stretches = tuple(_stretch(part.strip()) for part in written.split(","))
    for one, following in pairwise(stretches):
        if one.closes == time(0) or following.opens < one.closes:
            raise ValueError(f"{written!r}: the stretches of a day must follow one another")
    return stretches


def _stretch(written: str) -> Hours:
    found = _STRETCH.fullmatch(written)
    if not found:
        raise ValueError(f"{written!r} are no hours; write them as in '08:00-12:00, 14:00-19:00', or closed")
    opens, closes = _time(found[1], found[2]), _time(found[3], found[4])
    if closes != time(0) and opens >= closes:
        raise ValueError(f"{written!r} closes before it opens; the end of a day is 24:00")
    return Hours(opens=opens, closes=closes)


def clock_of(written: str) -> time:
    """A time of day. Raises ValueError, saying how it is written."""
    found = _CLOCK.fullmatch(written.strip())
    if not found:
        raise ValueError(f"{written!r} is no time of day; write it as in 08:00")
    return _time(found[1], found[2])


def _time(hour: str, minute: str) -> time:
    """24:00 is the end of the day."""
    if (hour, minute) == ("24", "00"):
        return time(0)
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(f"{hour}:{minute} is no time of day") from None


def week_of(written: Mapping[str, str]) -> Week:
    """Monday to Sunday; a day that is not named is closed. Raises ValueError where one is named twice."""
    week: dict[int, tuple[Hours, ...]] = {}
    for days, hours in written.items():
        for day in days_of(days):
            if day in week:
                raise ValueError(f"{DAYS[day]} is named twice")
            week[day] = hours_of(hours)
    return tuple(week.get(day, ()) for day in range(7))


def write_week(week: Week) -> str:
    """As it may be written in a file: days that follow each other and have the same hours together."""
    said: list[str] = []
    start = 0
    for day in range(1, 8):
        if day == 7 or week[day] != week[start]:
            if week[start]:
                days = DAYS[start] if day == start + 1 else f"{DAYS[start]}-{DAYS[day - 1]}"
                said.append(f"{days}: {_write_day(week[start])}")
            start = day
    return "; ".join(said) or "never open"


def _write_day(stretches: Iterable[Hours]) -> str:
    return ", ".join(
        f"{one.opens:%H:%M}-{'24:00' if one.closes == time(0) else f'{one.closes:%H:%M}'}" for one in stretches
    )


def _checked_days(written: str) -> str:
    days_of(written)
    return written


def _checked_hours(written: str) -> str:
    hours_of(written)
    return written


_HOURS = r"\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2}"
DaysText = Annotated[
    str,
    AfterValidator(_checked_days),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DAY}(\s*-\s*{_DAY})?(\s*,\s*{_DAY}(\s*-\s*{_DAY})?)*$"}),
]
HoursText = Annotated[
    str,
    AfterValidator(_checked_hours),
    WithJsonSchema({"type": "string", "pattern": rf"^({CLOSED}|{_HOURS}(\s*,\s*{_HOURS})*)$"}),
]
