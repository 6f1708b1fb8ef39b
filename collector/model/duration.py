"""Lengths of time as people write them: 90s, 30m, 26h, 14d, 2w, and 1h30m."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(written: str) -> timedelta:
    """Raises ValueError, saying how it is written, for what is no length of time."""
    text = written.strip()
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{written!r} is no duration; write it as in 30m, 26h, 14d or 1h30m")
    try:
        return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
    except OverflowError:
        raise ValueError(f"{written!r} is too long") from None


def write_duration(length: timedelta) -> str:
    """The shortest way in which `parse_duration` reads the same."""
    left = round(length.total_seconds())
    said = ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        said += f"{count}{unit}" if count else ""
    return said or "0s"


def _as_written(value: object) -> object:
    """What people write; what was stored (ISO 8601) is read by pydantic itself, a bare number by nobody."""
    if isinstance(value, str) and not value.startswith(("P", "-P")):
        return parse_duration(value)
    if isinstance(value, int | float):
        raise ValueError(f"{value!r} has no unit; write it as in 30m, 26h or 14d")
    return value


# Ten years: more than anybody agrees on, and near enough that no deadline leaves the calendar.
LONGEST = timedelta(days=3_660)

Duration = Annotated[
    timedelta,
    Field(ge=timedelta(0), le=LONGEST),
    BeforeValidator(_as_written),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?[smhdw])+$", "examples": ["30m", "26h", "14d", "1h30m"]}
    ),
]
