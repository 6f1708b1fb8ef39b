"""What stands in fleet.yaml: practices, and when each of their jobs must run."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from collector.configuration.hours import DaysText, HoursText, week_of
from collector.model.calendar import Calendar, Closure, Holidays
from collector.model.duration import Duration, write_duration
from collector.model.heartbeat import JobName
from collector.model.policy import DEFAULT_GRACE, Cron, Every, Schedule, Zone, check_cron
from collector.model.value import ONE_LINE

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=ONE_LINE, strip_whitespace=True)]


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError(f"{name!r} holds what cannot be printed")
    return name


# A name stands in the audit log, on pages and in tickets, and is what a practice is found by.
PracticeName = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$"), AfterValidator(_printable)
]
LONGEST = timedelta(days=400)


def _bounded(length: timedelta) -> timedelta:
    if length > LONGEST:
        raise ValueError(f"{write_duration(length)} must be at most {write_duration(LONGEST)}")
    return length


def _lasting(length: timedelta) -> timedelta:
    if length < timedelta(seconds=1):
        raise ValueError("must be at least 1s")
    return length


Length = Annotated[Duration, AfterValidator(_bounded)]
Period = Annotated[Length, AfterValidator(_lasting)]
CronText = Annotated[str, AfterValidator(check_cron), WithJsonSchema({"type": "string", "examples": ["0 2 * * *"]})]


class Form(BaseModel):
    """A part of a file: frozen, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class JobForm(Form):
    """A backup job, and when it must run."""

    name: JobName
    """As the agent, script or mail reports it."""
    endpoint: Word | None = None
    """The machine's name or id; without it the schedule holds for every machine that reports a job of this name."""
    every: Period | None = None
    """A run at least once in each such period, counted from the end of the last one."""
    cron: CronText | None = None
    """A run at the times of this cron expression."""
    zone: Zone | None = None
    """Of the cron expression; the practice's by default."""
    grace: Length = DEFAULT_GRACE
    """How late a run may end; also the longest run."""
    rpo: Period | None = None
    """The largest tolerated age of the last good backup."""

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError("give either every or cron; a job without a schedule need not be named, it is shown grey")
        if self.zone and not self.cron:
            raise ValueError("zone goes with cron: a period has none")
        return self

    def schedule(self, zone: str) -> Schedule:
        if self.cron is not None:
            return Cron(expression=self.cron, zone=self.zone or zone)
        return Every.model_validate({"period": self.every})


class ContactForm(Form):
    """Somebody at the practice, or for it."""

    name: Word
    mail: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[\d .()/-]{3,30}$")] | None = None
    language: Literal["fr", "en"] = "fr"

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.mail and not self.phone:
            raise ValueError(f"{self.name} has neither mail nor phone")
        return self


class CalendarForm(Form):
    """When the practice is open."""

    open: Mapping[DaysText, HoursText] | None = None
    """By weekdays; a day that is not named is closed. Monday to Friday, 08:00-19:00, where nothing is said."""
    holidays: Holidays = Holidays.FRANCE
    """Whose public holidays are kept."""
    closures: tuple[Closure, ...] = ()
    """Days on which it is closed, the last one included."""

    @model_validator(mode="after")
    def _names_no_day_twice(self) -> Self:
        week_of(self.open or {})
        return self

    def calendar(self) -> Calendar:
        usual = Calendar(holidays=self.holidays, closures=self.closures)
        return usual if self.open is None else usual.model_copy(update={"week": week_of(self.open)})


class RetiredForm(Form):
    """A machine, a job, or a job of one machine that is no longer watched."""

    endpoint: Word | None = None
    """The machine's name (every machine of this name) or id."""
    job: JobName | None = None
    because: Word
    """Shown with what closes."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.endpoint and not self.job:
            raise ValueError("name an endpoint, a job, or both")
        return self


class PracticeForm(Form):
    """A practice, wholly described: a job of it that does not stand here ends."""

    name: PracticeName
    zone: Zone = "Europe/Paris"
    """Its time zone."""
    customer: Word | None = None
    """Its number in the ticket system."""
    labels: Mapping[Word, Word] = {}
    """What groups of rules.yaml and routes of escalation.yaml match."""
    calendar: CalendarForm = CalendarForm()
    jobs: tuple[JobForm, ...] = ()
    contacts: tuple[ContactForm, ...] = ()
    retired: tuple[RetiredForm, ...] = ()


class FleetForm(Form):
    """The practices of a provider. Those that do not stand here stay as they are."""

    practices: tuple[PracticeForm, ...]


def machine_id(endpoint: str) -> UUID | None:
    """The id that was given in place of a name."""
    try:
        return UUID(endpoint)
    except ValueError:
        return None
