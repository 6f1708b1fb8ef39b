"""Instants in a reader's words: rendered here, so that they stand without JavaScript, which then keeps them fresh."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from markupsafe import Markup, escape

from api.language import Language, locale_of

_LONG: Mapping[Language, tuple[str, str]] = {
    Language.FR: ("EEEE d MMMM 'à' HH:mm", "EEEE d MMMM y 'à' HH:mm"),
    Language.EN: ("EEEE d MMMM 'at' HH:mm", "EEEE d MMMM y 'at' HH:mm"),
}
_SHORT: tuple[str, str] = ("EEE d MMM HH:mm", "d MMM y HH:mm")

_Unit = Literal["second", "minute", "hour", "day"]
_UNITS: Mapping[_Unit, timedelta] = {
    "second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}  # fmt: skip


def _unit(distance: timedelta) -> _Unit:
    """The unit that still says something: 36 hours rather than "2 days", and never "1 week" for six days."""
    length = abs(distance)
    if length < timedelta(minutes=1):
        return "second"
    if length < timedelta(minutes=90):
        return "minute"
    return "hour" if length < timedelta(hours=48) else "day"


# A page has hundreds of instants, and is read every few seconds with the same ones.
@lru_cache(maxsize=10_000)
def _written(instant: datetime, pattern: str, zone: str, language: Language) -> str:
    return format_datetime(instant, pattern, ZoneInfo(zone), locale_of(language))


@lru_cache(maxsize=1_000)
def _length(count: int, unit: _Unit, language: Language, *, towards: bool) -> str:
    length = count * _UNITS[unit]
    return format_timedelta(
        length, granularity=unit, threshold=math.inf, add_direction=towards, locale=locale_of(language)
    )


def _counted(distance: timedelta) -> tuple[int, _Unit]:
    """In whole numbers of the unit that still says something; none of it only where there is no distance."""
    unit, whole = _unit(distance), timedelta(seconds=distance // timedelta(seconds=1))
    count = max(1, round(abs(whole) / _UNITS[unit])) if whole else 0
    return (count if whole >= timedelta(0) else -count), unit


@dataclass(frozen=True)
class Moments:
    """How instants read for one page: its language, its zone, and when it was made."""

    language: Language
    zone: str
    now: datetime

    def at(self, instant: datetime) -> Markup:
        """In full, for a sentence."""
        return self._time(instant, "long", self._dated(instant, _LONG[self.language]))

    def on(self, instant: datetime) -> Markup:
        """In short, for a table."""
        return self._time(instant, "short", self._dated(instant, _SHORT))

    def ago(self, instant: datetime) -> Markup:
        """Its distance from now, the instant itself on demand."""
        return self._time(instant, "ago", self._distance(instant, towards=True))

    def age(self, instant: datetime) -> Markup:
        """How much time has gone by since, without saying "ago"."""
        return self._time(instant, "age", self._distance(instant, towards=False))

    def length(self, seconds: int) -> str:
        """How long that is, by its one unit that still says something."""
        return _length(*_counted(timedelta(seconds=abs(seconds))), self.language, towards=False)

    def clock(self) -> Markup:
        """When the page was made, to the second."""
        words = format_datetime(self.now, "HH:mm:ss", ZoneInfo(self.zone), locale_of(self.language))
        return self._time(self.now, "clock", words)

    def _distance(self, instant: datetime, *, towards: bool) -> str:
        return _length(*_counted(instant - self.now), self.language, towards=towards)

    def _dated(self, instant: datetime, patterns: tuple[str, str]) -> str:
        zone = ZoneInfo(self.zone)
        same_year = instant.astimezone(zone).year == self.now.astimezone(zone).year
        return _written(instant, patterns[not same_year], self.zone, self.language)

    def _time(self, instant: datetime, kind: str, words: str) -> Markup:
        iso = instant.astimezone(UTC).isoformat(timespec="seconds")
        title = escape(self._dated(instant, _LONG[self.language]))
        return Markup(f'<time datetime="{iso}" data-moment="{kind}" title="{title}">{escape(words)}</time>')  # noqa: S704
