"""What operators send and read about silences under /v1."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.contract import Answer, IncidentAnswer
from collector.model.duration import Duration
from collector.model.policy import Zone
from collector.model.silence import LONGEST, Silence, Weekly
from collector.model.value import Instant, Label, Name
from collector.silences import SilenceRefusal, Weighed, unfit
from collector.store.silences import Standing

# Of what a silence holds, an answer lists the newest; their number it tells whole.
MOST_LISTED = 100


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


DAYS = tuple(Day)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ScopeAsked(_Asked):
    """What the silence is about: all that it names must fit. It names a practice, labels or a rule at least."""

    practice_id: UUID | None = None
    labels: Annotated[Mapping[Label, Label], Field(max_length=20)] = Field({}, description="all of these")
    rule: Name | None = None
    endpoint_id: UUID | None = Field(None, description="a machine of the practice, with its jobs and alerts")


class WeeklyAsked(_Asked):
    """A window of every week in local time."""

    zone: Zone = Field(description="as in `Europe/Paris`")
    days: Annotated[frozenset[Day], Field(min_length=1)]
    opens: time
    lasts: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))]


class NewSilence(_Asked):
    """Do not notify: what, until when, and why. Evaluation goes on, and a resolve always passes."""

    silence_id: UUID | None = Field(
        None, description="chosen by who asks, so that the same request sent again makes no second one"
    )
    scope: ScopeAsked
    since: Instant | None = Field(None, description="now, unless it is said")
    until: Instant | None = Field(None, description=f"at most {LONGEST.days} days after it begins")
    lasts: Duration | None = Field(None, alias="for", description="how long, in place of `until`")
    weekly: WeeklyAsked | None = Field(None, description="holds only in this window of every week")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if (self.until is None) == (self.lasts is None):
            raise ValueError("a silence ends: say `until` or `for`, one of both")
        return self

    def made(self, by: str, now: datetime) -> Silence:
        """Raises pydantic's ValidationError, as the model of a silence has rules of its own."""
        since = self.since or now
        return Silence.model_validate(
            {
                "silence_id": self.silence_id or uuid4(),
                "scope": self.scope.model_dump(),
                "since": since,
                "until": self.until or since + (self.lasts or timedelta(0)),
                "weekly": self.weekly and _weekly(self.weekly),
                "reason": self.reason,
                "by": by,
            }
        )


def _weekly(asked: WeeklyAsked) -> Weekly:
    days = frozenset(DAYS.index(day) for day in asked.days)
    return Weekly(zone=asked.zone, days=days, opens=asked.opens.replace(tzinfo=None), lasts=asked.lasts)


class WeeklyAnswer(BaseModel):
    """A window of every week."""

    zone: str
    days: list[Day]
    opens: time
    lasts_s: int = Field(description="seconds")


class SilenceAnswer(BaseModel):
    """A silence as it stands."""

    silence_id: UUID
    scope: ScopeAsked
    since: datetime
    until: datetime
    weekly: WeeklyAnswer | None
    reason: str
    by: str
    approved_by: str | None = Field(description="somebody else, without whom it does not hold what takes two people")
    ended_at: datetime | None = Field(description="when somebody ended it before its time")
    ended_by: str | None
    standing: Standing
    holds_until: datetime | None = Field(
        description="when what it holds now is free again; null while it holds nothing"
    )

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> Self:
        own = silence.model_dump(exclude={"weekly", "scope"})
        return cls(
            **own,
            scope=ScopeAsked.model_validate(silence.scope.model_dump()),
            weekly=silence.weekly and _told(silence.weekly),
            standing=standing(silence, now),
            holds_until=silence.holds_until(now),
        )


def _told(weekly: Weekly) -> WeeklyAnswer:
    return WeeklyAnswer(
        zone=weekly.zone, days=[DAYS[day] for day in sorted(weekly.days)], opens=weekly.opens,
        lasts_s=int(weekly.lasts.total_seconds()),
    )  # fmt: skip


def standing(silence: Silence, now: datetime) -> Standing:
    if silence.ended_at or silence.until <= now:
        return Standing.OVER
    return Standing.COMING if silence.since > now else Standing.RUNNING


class WeighedAnswer(Answer):
    """A silence, and what lasts within its scope now."""

    silence: SilenceAnswer
    covers: int = Field(description="incidents that last within its scope")
    holding: list[IncidentAnswer] = Field(
        description=f"those of them that it holds while it runs; the first {MOST_LISTED}"
    )
    not_holding: list[IncidentAnswer] = Field(
        description=f"those that it cannot hold until somebody else approves it; the first {MOST_LISTED}"
    )
    note: str | None = Field(description="what one person cannot silence, and the way out")

    @classmethod
    def of(cls, weighed: Weighed, now: datetime) -> Self:
        held, beyond = weighed.covered.held, weighed.covered.beyond
        return cls(
            silence=SilenceAnswer.of(weighed.silence, now),
            covers=len(held) + len(beyond),
            holding=[IncidentAnswer.of(one) for one in held[:MOST_LISTED]],
            not_holding=[IncidentAnswer.of(one) for one in beyond[:MOST_LISTED]],
            note=_note(weighed, now),
        )


def _note(weighed: Weighed, now: datetime) -> str | None:
    silence, beyond = weighed.silence, len(weighed.covered.beyond)
    if silence.approved_by or standing(silence, now) is Standing.OVER:
        return None
    way_out = "until somebody else approves this silence, they go on notifying."
    if unfit(silence, "") is SilenceRefusal.NO_OPERATORS:
        way_out = (
            "they go on notifying, and nobody can approve what was asked for at the command line. Ask for it here."
        )
    return (
        f"An attack on many, and encryption anywhere, takes two people to silence: {way_out} "
        f"Of what lasts now, that is {beyond}."
    )
