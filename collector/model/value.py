"""The base of every value in the house, and the few types that all of them share."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

# PostgreSQL's text and jsonb cannot hold NUL.
_NO_NUL = r"^[^\x00]*$"

Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
Text = Annotated[str, StringConstraints(max_length=2_000, pattern=_NO_NUL)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]

_EARLIEST = datetime(1601, 1, 1, tzinfo=UTC)  # the zero of Windows' clock
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def _within_calendar(instant: datetime) -> datetime:
    """Refuse what shifting by a zone or a skew could push out of the calendar."""
    if not _EARLIEST <= instant <= _LATEST:
        raise ValueError(f"must lie between the years {_EARLIEST.year} and {_LATEST.year}")
    return instant


def _for_ever_is_finite(instant: datetime) -> datetime:
    """Tools write "for ever" as the last instant of the calendar."""
    return min(instant, _LATEST)


Instant = Annotated[AwareDatetime, AfterValidator(_within_calendar)]
Expiry = Annotated[AwareDatetime, AfterValidator(_for_ever_is_finite)]


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """The first of some instants of which any may be unknown."""
    return min((at for at in instants if at is not None), default=None)


class Value(BaseModel):
    """A frozen value: compared by what it holds, copied to change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Contract(BaseModel):
    """A part of the wire contract: strict where it knows a field, silent where it does not.

    Unknown fields are ignored, so that new agents can speak to old servers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)
