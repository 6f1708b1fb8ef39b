"""Instants as a scenario writes them: 26h30m, Mon 02:00, 2026-03-29 03:30, and each with + 1h or - 1s behind it."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.model.duration import parse_duration, write_duration

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHIFT = re.compile(r"\s+([+-])\s*")
_WEEKDAY = re.compile(r"^(?P<day>[A-Za-z]{3})[a-z]*\s+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?$")
_HOW = "write it as in 26h30m, Mon 02:00 or 2026-03-29 03:30, with + 1h or - 1s behind it if need be"


def local_instant(written: str, zone: ZoneInfo) -> datetime:
    """A date, or a date and a time of day, in a zone. Raises ValueError."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{written!r} is no instant; write it as in 2026-11-16 02:00") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


class Clock:
    """The beginning of a scenario and its zone: what its instants are read by."""

    def __init__(self, start: datetime, zone: ZoneInfo) -> None:
        self.start = start
        self.zone = zone

    def read(self, written: str, now: datetime | None = None) -> datetime:
        """`now` is what an event may call its own instant. Raises ValueError, saying how it is written."""
        base, *shifts = _SHIFT.split(written.strip())
        at = self._base(base, now)
        for sign, length in zip(shifts[::2], shifts[1::2], strict=True):
            at += parse_duration(length) * (-1 if sign == "-" else 1)
        return at

    def _base(self, text: str, now: datetime | None) -> datetime:
        if text == "now" and now is not None:
            return now
        if weekday := _WEEKDAY.match(text):
            return self._weekday(weekday)
        if re.match(r"^\d{4}-", text):
            return local_instant(text, self.zone)
        sign, length = (-1, text[1:]) if text.startswith("-") else (1, text)
        try:
            return self.start + sign * parse_duration(length)
        except ValueError:
            raise ValueError(f"{text!r} is no instant; {_HOW}") from None

    def _weekday(self, found: re.Match[str]) -> datetime:
        """The first such local time that is not before the start."""
        day = found["day"].lower()
        if day not in _DAYS:
            raise ValueError(f"{found['day']!r} is no day of the week; write it as in Mon 02:00")
        first = self.start.astimezone(self.zone)
        ahead = (_DAYS.index(day) - first.weekday()) % 7
        for days in (ahead, ahead + 7):
            at = (first + timedelta(days=days)).replace(
                hour=int(found["hour"]), minute=int(found["minute"]), second=int(found["second"] or 0), microsecond=0
            )
            if at.astimezone(UTC) >= self.start:
                return at.astimezone(UTC)
        raise ValueError(f"{found[0]!r} is no instant")

    def write(self, at: datetime) -> str:
        """As a person reads it: how long after the start, and the local time."""
        after = at - self.start
        offset = write_duration(after) if after >= timedelta(0) else f"-{write_duration(-after)}"
        return f"{offset} ({at.astimezone(self.zone):%a %Y-%m-%d %H:%M:%S %Z})"
