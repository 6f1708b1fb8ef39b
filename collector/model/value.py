"""The base of every value in the house, and the few types that all of them share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# PostgreSQL's text and jsonb cannot hold NUL.
_NO_NUL = r"^[^\x00]*$"
# What stands in subjects, titles and pages stays on one line.
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"

Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE)]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=_NO_NUL)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]

EARLIEST = datetime(1601, 1, 1, tzinfo=UTC)  # the zero of Windows' clock
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def _within_calendar(instant: datetime) -> datetime:
    """Refuse what shifting by a zone or a skew could push out of the calendar."""
    if EARLIEST.year < instant.year < LATEST.year - 1:
        return instant  # whatever its offset; to compare instants of two zones is slow
    if not EARLIEST <= instant <= LATEST:
        raise ValueError(f"must lie between the years {EARLIEST.year} and {LATEST.year}")
    return instant


def _for_ever_is_finite(instant: datetime) -> datetime:
    """Tools write "for ever" as the last instant of the calendar, and "never" as the first."""
    return max(min(instant, LATEST), EARLIEST)


def _written_as_a_date(written: object) -> object:
    """Refuse a string of digits, which pydantic would read as seconds since 1970."""
    if not isinstance(written, datetime) and (not isinstance(written, str) or written[4:5] != "-"):
        raise ValueError("must be an RFC 3339 instant with an offset")
    return written


_Written = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_as_a_date)]
Instant = Annotated[_Written, AfterValidator(_within_calendar)]
Expiry = Annotated[_Written, AfterValidator(_for_ever_is_finite)]


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """The first of some instants of which any may be unknown."""
    return min((at for at in instants if at is not None), default=None)


def latest(instants: Iterable[datetime | None]) -> datetime | None:
    """The last of some instants of which any may be unknown."""
    return max((at for at in instants if at is not None), default=None)


class Value(BaseModel):
    """A frozen value: compared by what it holds, copied to change.

    What is stored outlives the code that wrote it: fields that it has too many are ignored, and a new
    field needs a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Contract(BaseModel):
    """A part of the wire contract: strict where it knows a field, silent where it does not.

    Unknown fields are ignored, so that new agents can speak to old servers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
