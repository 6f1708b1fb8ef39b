"""The configuration in force for one practice; versioned, so that a finding can name what made it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from collector.model.calendar import Calendar
from collector.model.heartbeat import JobName
from collector.model.rule_settings import RuleSettings
from collector.model.subject import Subject, job_subject, scopes
from collector.model.value import Label, Name, Value

# Long enough for a slow run, short enough that a practice hears of it before it opens.
DEFAULT_GRACE = timedelta(hours=1)
_LONGEST = timedelta(days=400)


# Reading them walks the zone folders of the machine: 5 ms, and a policy is read with every judgement.
_zones = cache(available_timezones)


def _known_zone(zone: str) -> str:
    if zone not in _zones():
        raise ValueError(f"unknown time zone {zone!r}; write it as in 'Europe/Paris'")
    return zone


Zone = Annotated[str, AfterValidator(_known_zone)]
Period = Annotated[timedelta, Field(ge=timedelta(seconds=1), le=_LONGEST)]


class Every(Value):
    """A run at least once in each period, counted from the end of the last one."""

    kind: Literal["every"] = "every"
    period: Period

    def due_after(self, anchor: datetime) -> datetime:
        return anchor + self.period


def check_cron(expression: str) -> str:
    """Raises ValueError, saying why, for what is no cron expression or never fires."""
    try:
        next(CronSim(expression, datetime(2026, 1, 1)))  # noqa: DTZ001 - only whether it ever fires
    except CronSimError as error:
        raise ValueError(f"cron expression {expression!r}: {error}") from error
    except StopIteration:
        raise ValueError(f"cron expression {expression!r} never fires") from None
    return expression


class Cron(Value):
    """Runs at the times of a cron expression, read in the job's own zone."""

    kind: Literal["cron"] = "cron"
    expression: str
    zone: Zone

    @model_validator(mode="after")
    def _has_a_next_time(self) -> Self:
        check_cron(self.expression)
        return self

    def due_after(self, anchor: datetime) -> datetime:
        """The next time strictly after `anchor`, found in the zone and only then taken to UTC (safe at DST)."""
        local = anchor.astimezone(ZoneInfo(self.zone))
        # cronsim drops `fold`: in the repeated hour it begins with slots that are past.
        slots = (slot.astimezone(anchor.tzinfo) for slot in CronSim(self.expression, local))
        return next(slot for slot in slots if slot > anchor)


Schedule = Annotated[Every | Cron, Field(discriminator="kind")]


class JobPolicy(Value):
    """When a job must run. Without an endpoint it holds for every job of that name in the practice."""

    endpoint_id: UUID | None
    job: JobName
    schedule: Schedule
    grace: Annotated[timedelta, Field(ge=timedelta(0), le=_LONGEST)] = DEFAULT_GRACE
    rpo: Period | None = None
    since: datetime

    @property
    def subject(self) -> Subject:
        return job_subject(self.endpoint_id, self.job)


class Contact(Value):
    """Somebody at the practice, or for it."""

    name: Label
    mail: str | None = None
    phone: str | None = None
    language: Literal["fr", "en"] = "fr"


def awaited(practice_id: UUID, name: str) -> UUID:
    """What stands for a machine that is known by its name alone (collector/model/placing.py)."""
    return uuid5(practice_id, name)


class Policy(Value):
    """`customer` is the practice's number in the ticket system.

    `rules` and `job_rules` are whole, with defaults and groups laid under them.

    `machines` names those that the configuration knows by name alone, by what stands for each until one bears it.
    `retired_by_file` are the retirements that a file made and may take back.
    """

    practice_id: UUID
    version: int = 0
    practice: Label
    customer: Name | None = None
    zone: Zone = "Europe/Paris"
    labels: Mapping[str, str] = {}
    calendar: Calendar = Calendar()
    contacts: tuple[Contact, ...] = ()
    machines: Mapping[UUID, str] = {}
    jobs: Mapping[Subject, JobPolicy] = {}
    rules: RuleSettings = RuleSettings()
    job_rules: Mapping[Subject, RuleSettings] = {}
    retired: Mapping[Subject, str] = {}
    retired_by_file: tuple[Subject, ...] = ()
    retired_because: str | None = None

    def for_job(self, endpoint_id: UUID | None, job: str) -> JobPolicy | None:
        """The endpoint's own schedule of this job, else the practice-wide one."""
        own = self.jobs.get(job_subject(endpoint_id, job))
        return own or self.jobs.get(job_subject(None, job))

    def rules_of(self, subject: Subject) -> RuleSettings:
        """What is set for a subject: its own, that of the practice-wide job of its name, else the practice's."""
        return next((self.job_rules[scope] for scope in scopes(subject) if scope in self.job_rules), self.rules)

    def retirement(self, subject: Subject) -> str | None:
        """Why a subject is no longer watched, if it is not: itself, what it goes with, or the whole practice."""
        if self.retired_because is not None:
            return self.retired_because
        own, *wider = scopes(subject)
        if own in self.jobs:  # a schedule of its own outlives a retirement of the practice-wide job
            wider = wider[1:]
        return next((self.retired[scope] for scope in (own, *wider) if scope in self.retired), None)
