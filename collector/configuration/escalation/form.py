"""What stands in escalation.yaml: who is told what, when and how, as short as people write it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from collector.configuration.fleet import Form, Word
from collector.configuration.hours import DaysText, HoursText, clock_of, week_of
from collector.model.book import Flapping
from collector.model.calendar import Closure, Holidays
from collector.model.channels import ChannelSpec, Language
from collector.model.duration import Duration
from collector.model.escalation import SHORTEST_REPEAT, Action, When
from collector.model.finding import Severity
from collector.model.policy import Zone

# No rota is as old or planned as far ahead; what lies outside was mistyped.
_EARLIEST, _LATEST = 2000, 2200
# An acknowledgement says "I am on it": who needs longer than a month acknowledges again, or silences with a reason.
LONGEST_ACKNOWLEDGEMENT = timedelta(days=31)


@dataclass(frozen=True, eq=False)
class Shortly:
    """Lets a value be written shorter too: `read` makes of that what the model takes."""

    read: Callable[[object], object]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {"anyOf": [dict(self.schema), handler(schema)]}


def _listed(written: object) -> object:
    return [written] if isinstance(written, str) else written


def _day(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        day = date.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{written!r} is no date; write it as in 2026-01-05") from None
    return _in_reach(day)


def _wall(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{written!r} is no instant; write it as in 2026-12-24 08:00") from None
    if at.tzinfo:
        raise ValueError(f"{written!r} has an offset; write it as the rota's wall clock shows it")
    return _in_reach(at)


def _in_reach(day: date) -> date:
    if not _EARLIEST <= day.year < _LATEST:
        raise ValueError(f"{day} must lie between {_EARLIEST} and {_LATEST}")
    return day


def _clock(written: object) -> object:
    return clock_of(written) if isinstance(written, str) else written


_NAME = {"type": "string", "minLength": 1}
Names = Annotated[tuple[Word, ...], Field(min_length=1), Shortly(_listed, _NAME)]
Severities = Annotated[
    frozenset[Severity], Field(min_length=1), Shortly(_listed, {"enum": [one.value for one in Severity]})
]
Day = Annotated[date, BeforeValidator(_day)]
Wall = Annotated[datetime, BeforeValidator(_wall), WithJsonSchema({"type": "string", "examples": ["2026-12-24 08:00"]})]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$"}),
]


class PersonForm(Form):
    """Somebody of the provider, and the channels that reach them: one, or a list; the one for pages may stand alone."""

    page: Names | None = None
    """For what asks them to come."""
    notify: Names | None = None
    """For what may wait; where one of both is missing, the other is used."""
    language: Language = "fr"

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.page and not self.notify:
            raise ValueError("nobody can reach this person: name a channel in page, notify, or both")
        return self


class OverrideForm(Form):
    """Somebody else is on call for a while: above the turns and the hours of the rota; of two the later one wins."""

    person: Word
    since: Wall
    """On the rota's wall clock."""
    until: Wall


class RotaForm(Form):
    """Who is on call, in turn."""

    people: Names
    """In the order of their turns."""
    turn: Literal["day", "week"] = "week"
    handover: Annotated[Clock, Field(json_schema_extra={"default": "08:00"})] = time(8)
    """The time of day at which the next one takes over."""
    begins: Day | None = None
    """The day on which the first one's turn begins."""
    covers: When = When.ALWAYS
    """The part of the provider's day in which somebody is on call."""
    zone: Zone | None = None
    """Of its wall clock; the provider's by default."""
    overrides: tuple[OverrideForm, ...] = ()

    @model_validator(mode="after")
    def _says_when_turns_begin(self) -> Self:
        if len(self.people) > 1 and self.begins is None:
            raise ValueError("say with begins on which day the first one's turn begins, as in begins: 2026-01-05")
        return self


class StepForm(Form):
    """One thing that is done: a ticket, a notice that may wait, or a page that asks somebody to come."""

    ticket: Word | None = None
    """Open a ticket, in this ticket system or in the provider's own."""
    notify: Names | None = None
    """Tell people, rotas, teams or channels."""
    page: Names | None = None
    """Ask them to come."""
    after: Duration = timedelta(0)
    """How long after the incident opened, or came back."""
    repeat: Duration | None = None
    """Again and again until somebody acknowledges it."""
    when: When = When.ALWAYS
    """The part of the provider's day in which it is done."""
    otherwise: Literal["skip", "wait"] = "skip"
    """Whether it waits for that part of the day, or is left out."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        named = self.model_fields_set & {one.value for one in Action}
        if len(named) != 1:
            raise ValueError("say what is done by one of ticket, notify and page")
        if self.action is not Action.TICKET and not self.to:
            raise ValueError(f"say whom {self.action.value} is for")
        if self.action is Action.TICKET and self.repeat is not None:
            raise ValueError("a ticket is opened once: repeat goes with notify and page")
        if self.repeat is not None and self.repeat < SHORTEST_REPEAT:
            raise ValueError("repeat must be at least 1m: more often than this nobody can act")
        if self.when is When.ALWAYS and "otherwise" in self.model_fields_set:
            raise ValueError("otherwise goes with when: what is always done never waits")
        return self

    @property
    def action(self) -> Action:
        return next(one for one in Action if one.value in self.model_fields_set)

    @property
    def to(self) -> tuple[str, ...]:
        if self.action is Action.TICKET:
            return (self.ticket,) if self.ticket else ()
        return (self.page if self.action is Action.PAGE else self.notify) or ()


def _step(written: object) -> object:
    return {"ticket": None} if written == Action.TICKET.value else written


def _person(written: object) -> object:
    return {"page": written} if isinstance(written, str | list) else written


Step = Annotated[StepForm, Shortly(_step, {"const": Action.TICKET.value})]
Person = Annotated[PersonForm, Shortly(_person, {"type": ["string", "array"], "items": _NAME})]


class RouteForm(Form):
    """What walks which policy; a condition that is not named fits anything."""

    policy: Word
    name: Word | None = None
    """What plans call it."""
    severity: Severities | None = None
    rule: Names | None = None
    labels: Mapping[Word, Word] = {}
    """The labels that a practice must have, all of them."""


class EscalationForm(Form):
    """Who is told what, when and how; one for all practices."""

    zone: Zone = "Europe/Paris"
    """The provider's own, of its hours and rotas."""
    hours: Mapping[DaysText, HoursText] | None = None
    """When somebody of the provider is there. Monday to Friday, 08:00-19:00, where nothing is said."""
    holidays: Holidays = Holidays.FRANCE
    """Whose public holidays are kept: all day is after hours."""
    closures: tuple[Closure, ...] = ()
    """Days on which nobody is there, the last one included."""
    channels: Mapping[Word, ChannelSpec] = {}
    """Ways out: ticket systems, and what reaches people."""
    people: Mapping[Word, Person] = {}
    rotas: Mapping[Word, RotaForm] = {}
    teams: Mapping[Word, Names] = {}
    """People, rotas, other teams and channels that are told together."""
    policies: Mapping[Word, tuple[Step, ...]] = {}
    """Steps in the order of their time; without any, nobody is disturbed."""
    routes: tuple[RouteForm, ...] = ()
    """The first one that fits says which policy an incident walks."""
    default: Word | None = None
    """The policy of what no route fits; need not be said where there is one policy alone."""
    tickets: Word | None = None
    """Where tickets go whose step names no ticket system; need not be said where there is one alone."""
    acknowledged_for: Annotated[Duration, Field(ge=timedelta(minutes=1), le=LONGEST_ACKNOWLEDGEMENT)] = timedelta(
        days=1
    )
    """How long an acknowledgement holds before the incident comes back, unless whoever gives it says otherwise."""
    closed_by_hand_for: Annotated[Duration, Field(le=timedelta(days=1))] = timedelta(minutes=5)
    """How long somebody who closes what still fails is believed."""
    flapping: Flapping = Flapping()
    """When what opens again and again is held open."""

    @model_validator(mode="after")
    def _names_no_day_twice(self) -> Self:
        if self.hours is not None and not any(week_of(self.hours)):
            raise ValueError("hours: nobody is ever there; name a day with its hours, as in mon-fri: 08:30-18:30")
        return self
