"""Instants as the contract writes them: RFC 3339 with an offset."""

from __future__ import annotations

import re
from datetime import datetime, timezone

UTC = timezone.utc  # noqa: UP017 - datetime.UTC is Python 3.11

_RFC3339 = re.compile(r"(?P<second>.{19})(\.(?P<fraction>\d+))?(?P<offset>[zZ]|[+-]\d\d:\d\d)")


def now() -> datetime:
    """The machine's clock, in its own offset, so that a wrong zone can be seen too."""
    return datetime.now(UTC).astimezone()


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def from_epoch(seconds: float | None) -> str | None:
    """A file's time, where it is known."""
    return None if seconds is None else rfc3339(datetime.fromtimestamp(seconds, UTC))


def parse(text: str) -> datetime | None:
    """An aware instant, or None. Python 3.9 reads neither `Z` nor Go's nanoseconds."""
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    microseconds = (found["fraction"] or "").ljust(6, "0")[:6]
    offset = "+00:00" if found["offset"] in "zZ" else found["offset"]
    try:
        return datetime.fromisoformat(f"{found['second']}.{microseconds}{offset}")
    except ValueError:
        return None
