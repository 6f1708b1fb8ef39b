"""A practice as it is drawn: its calendar, machines and jobs, before anything happens to it."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from collector.model.calendar import Calendar
from collector.model.heartbeat import Role
from collector.model.policy import Schedule
from collector.model.subject import Subject, endpoint_subject, job_subject

# What the agent does unless told otherwise (collector/agent/settings.py).
INTERVAL = timedelta(seconds=300)


class Hours(StrEnum):
    """When a machine is up."""

    ALWAYS = "always"
    OPEN = "open"  # a desktop: switched off at the end of the day
    LAPTOP = "laptop"  # carried away at will


class Kind(StrEnum):
    """What a job backs up, and so how its figures behave."""

    FILES = "files"
    IMAGE = "image"
    DUMP = "dump"
    IMAGING = "imaging"


class Tool(StrEnum):
    RESTIC = "restic"
    BORG = "borg"
    VEEAM = "Veeam Agent"
    HYPER = "Hyper Backup"
    DUMP = "pg_dump"


@dataclass(frozen=True)
class MachinePlan:
    endpoint_id: UUID
    name: str
    role: Role
    os: str
    hours: Hours
    clock: timedelta  # how far its clock is ahead of ours
    scan_at: time  # local

    @property
    def subject(self) -> Subject:
        return endpoint_subject(self.endpoint_id)


@dataclass(frozen=True)
class Habits:
    """How the data of a job behaves: sizes in bytes, shares of the whole a day."""

    bytes_total: float
    files_total: float
    changed: float
    spread: float  # sigma of the nightly share
    weekend: float
    compress: float
    new_part: float  # of what changed, how much is new data
    database: float  # part of the data that is one database
    counts_files: bool
    tells_added: bool


@dataclass(frozen=True)
class JobPlan:
    machine: MachinePlan
    name: str
    kind: Kind
    tool: Tool
    version: tuple[int, int]
    at: time | None  # local; none for one that runs by interval
    every: timedelta
    weekdays_only: bool
    schedule: Schedule
    grace: timedelta
    rpo: timedelta
    open_rpo: bool
    duration: timedelta
    habits: Habits
    retries: bool
    tells_start: bool
    keeps: int  # restore points
    prunes_weekly: bool
    rotates: bool  # an offline medium is changed every week
    immutable: timedelta | None
    tests_every: timedelta | None
    since: datetime  # when its schedule was set
    silent_until: datetime  # and when it first runs

    @property
    def subject(self) -> Subject:
        return job_subject(self.machine.endpoint_id, self.name)


@dataclass(frozen=True)
class PracticePlan:
    number: int
    practice_id: UUID
    name: str
    zone: str
    calendar: Calendar
    machines: tuple[MachinePlan, ...]
    jobs: tuple[JobPlan, ...]
    begin: datetime
    end: datetime

    @property
    def local(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def jobs_of(self, machine: MachinePlan) -> tuple[JobPlan, ...]:
        return tuple(job for job in self.jobs if job.machine is machine)
