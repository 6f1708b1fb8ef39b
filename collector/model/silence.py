"""An expiring, scoped, reasoned "do not notify": evaluation goes on, and a resolve always passes."""

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from collector.model.open_time import on_the_wall
from collector.model.policy import Zone
from collector.model.subject import Subject, endpoint_subject, scopes
from collector.model.value import Instant, Label, Name, Value

# A window that nobody remembers is a hole in the watch.
LONGEST = timedelta(days=366)


def same_person(one: str, other: str) -> bool:
    """Nobody becomes two people by how a name is written."""
    return one.casefold() == other.casefold()


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
    """A window of every week: from when the local clock shows `opens` on each of `days` (0 is Monday), for `lasts`.

    In the night in which that time is skipped it opens when the clock jumps over it; where it comes twice, the first.
    """

    zone: Zone
    days: Annotated[frozenset[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1)]
    opens: time
    lasts: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=1))]

    def until(self, now: datetime) -> datetime | None:
        """The end of the window that is open now."""
        # Two days back: the one between may have 23 hours, and a window may last 24.
        starts = self._openings(now, range(-2, 1))
        return max((start + self.lasts for start in starts if start <= now < start + self.lasts), default=None)

    def opens_after(self, now: datetime) -> datetime:
        """The next time that it opens."""
        return min(start for start in self._openings(now, range(9)) if start > now)

    def _openings(self, now: datetime, days: range) -> Iterator[datetime]:
        today = now.astimezone(ZoneInfo(self.zone)).date()
        dates = (today + timedelta(days=day) for day in days)
        return (on_the_wall(day, self.opens, self.zone) for day in dates if day.weekday() in self.days)


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
        if self.approved_by is not None and same_person(self.approved_by, self.by):
            raise ValueError("a silence is approved by somebody else than who asked for it")
        return self

    def holds_until(self, now: datetime) -> datetime | None:
        """When what it holds now is free again; none while it holds nothing."""
        if not self.since <= now < self._over:
            return None
        window = self.weekly.until(now) if self.weekly else self._over
        return min(window, self._over) if window else None

    def begins(self, now: datetime) -> datetime | None:
        """When it next begins to hold something, while it holds nothing."""
        first = max(now, self.since)
        if self.weekly and not self.weekly.until(first):
            first = self.weekly.opens_after(first)
        return first if now < first < self._over else None

    @property
    def _over(self) -> datetime:
        return min(self.until, self.ended_at or self.until)
