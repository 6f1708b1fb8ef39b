"""Instants as the contract writes them: RFC 3339 with an offset."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

UTC = timezone.utc  # noqa: UP017 - datetime.UTC is Python 3.11

_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
_SHORT_FRACTION = re.compile(r"\.(\d{1,5})(?=[+-]|$)")


def now() -> datetime:
    """The machine's clock, in its own offset, so that a wrong zone can be seen too."""
    return datetime.now(UTC).astimezone()


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def from_epoch(seconds: float) -> str:
    """A file's time as the contract writes it."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def parse(text: str) -> datetime | None:
    """An aware instant, or None. Python 3.9 knows neither `Z` nor Go's nanoseconds."""
    plain = re.sub(r"[zZ]$", "+00:00", _NANOSECONDS.sub(r"\1", text))
    plain = _SHORT_FRACTION.sub(lambda found: "." + found[1].ljust(6, "0"), plain)
    try:
        at = datetime.fromisoformat(plain)
    except ValueError:
        return None
    return at if at.tzinfo else None


def from_local(text: str) -> float | None:
    """Seconds since the epoch of a `YYYY-MM-DD HH:MM:SS` in the machine's own zone, as dpkg logs it."""
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None
