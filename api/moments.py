"""Instants in a reader's words: rendered here, so that they stand without JavaScript, which then keeps them fresh."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from markupsafe import Markup

from api.language import Language, locale_of

_LONG: Mapping[Language, tuple[str, str]] = {
    Language.FR: ("EEEE d MMMM 'à' HH:mm", "EEEE d MMMM y 'à' HH:mm"),
    Language.EN: ("EEEE d MMMM 'at' HH:mm", "EEEE d MMMM y 'at' HH:mm"),
}
_SHORT: tuple[str, str] = ("EEE d MMM HH:mm", "d MMM y HH:mm")
_TIME = Markup('<time datetime="{iso}" data-moment="{kind}" title="{title}">{words}</time>')

_Unit = Literal["second", "minute", "hour", "day"]


def _unit(distance: timedelta) -> _Unit:
    """The unit that still says something: 36 hours rather than "2 days", and never "1 week" for six days."""
    length = abs(distance)
    if length < timedelta(minutes=1):
        return "second"
    if length < timedelta(minutes=90):
        return "minute"
    return "hour" if length < timedelta(hours=48) else "day"


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
        length = timedelta(seconds=abs(seconds))
        return format_timedelta(length, granularity=_unit(length), threshold=math.inf, locale=locale_of(self.language))

    def clock(self) -> Markup:
        """When the page was made, to the second."""
        words = format_datetime(self.now, "HH:mm:ss", self._zone, locale_of(self.language))
        return self._time(self.now, "clock", words)

    def _distance(self, instant: datetime, *, towards: bool) -> str:
        distance = instant - self.now
        return format_timedelta(
            distance,
            granularity=_unit(distance),
            threshold=math.inf,
            add_direction=towards,
            locale=locale_of(self.language),
        )

    def _dated(self, instant: datetime, patterns: tuple[str, str]) -> str:
        same_year = instant.astimezone(self._zone).year == self.now.astimezone(self._zone).year
        return format_datetime(instant, patterns[not same_year], self._zone, locale_of(self.language))

    def _time(self, instant: datetime, kind: str, words: str) -> Markup:
        iso = instant.astimezone(UTC).isoformat(timespec="seconds")
        return _TIME.format(iso=iso, kind=kind, title=self._dated(instant, _LONG[self.language]), words=words)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
