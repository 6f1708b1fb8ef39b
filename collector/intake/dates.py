"""Dates as the headers of HTTP and mail write them (RFC 9110, section 5.6.7; RFC 5322, section 3.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from collector.model.value import EARLIEST, LATEST


def read_date(header: str) -> datetime | None:
    """Within the calendar; anything else tells nothing."""
    try:
        read = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    told = read if read.tzinfo else read.replace(tzinfo=UTC)
    return told if EARLIEST <= told <= LATEST else None
