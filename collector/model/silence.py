"""An expiring, scoped, reasoned "do not notify": evaluation goes on, and a resolve always passes."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from collector.model.policy import Zone
from collector.model.subject import Subject, endpoint_subject, scopes
from collector.model.value import Instant, Label, Name, Value

# A window that nobody remembers is a hole in the watch.
LONGEST = timedelta(days=366)


class Scope(Value):
    """What a silence is about: all that it names must fit, and it must name something."""

    practice_id: UUID | None = None
    labels: Mapping[Label, Label] = {}
    rule: Name | None = None
    endpoint_id: UUID | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.practice_id or self.labels or self.rule):
            raise ValueError("a silence names a practice, labels or a rule; to silence everything is to be blind")
        if self.endpoint_id and not self.practice_id:
            raise ValueError("an endpoint belongs to a practice: name it as well")
        return self

    def covers(self, practice_id: UUID, labels: Mapping[str, str], rule: str, subject: Subject) -> bool:
        return (
            self.practice_id in (None, practice_id)
            and all(labels.get(label) == value for label, value in self.labels.items())
            and self.rule in (None, rule)
            and (self.endpoint_id is None or endpoint_subject(self.endpoint_id) in scopes(subject))
        )


class Weekly(Value):
    """A window of every week in local time: from `opens` on each of `days` (0 is Monday) for `lasts`."""

    zone: Zone
    days: Annotated[frozenset[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1)]
    opens: time
    lasts: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=1))]

    def until(self, now: datetime) -> datetime | None:
        """The end of the window that is open now."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        starts = (
            datetime.combine(day, self.opens, ZoneInfo(self.zone)).astimezone(now.tzinfo)
            for day in (today - timedelta(days=1), today)
            if day.weekday() in self.days
        )
        return max((start + self.lasts for start in starts if start <= now < start + self.lasts), default=None)


class Silence(Value):
    """`by` asked for it; `approved_by`, somebody else, makes it hold for what one person cannot silence."""

    silence_id: UUID
    scope: Scope
    since: Instant
    until: Instant
    weekly: Weekly | None = None
    reason: Annotated[Label, Field(max_length=200)]
    by: Name
    approved_by: Name | None = None
    ended_at: datetime | None = None
    ended_by: Name | None = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.until <= self.since:
            raise ValueError("a silence ends after it begins")
        if self.until - self.since > LONGEST:
            raise ValueError(f"a silence lasts at most {LONGEST.days} days; it can be renewed")
        return self

    def holds_until(self, now: datetime) -> datetime | None:
        """When what it holds now is free again; none while it holds nothing."""
        over = min(self.until, self.ended_at or self.until)
        if not self.since <= now < over:
            return None
        window = self.weekly.until(now) if self.weekly else over
        return min(window, over) if window else None
