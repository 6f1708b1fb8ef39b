"""A file of stories of escalation as a provider writes it. What stands above the scenarios holds for each of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from collector.configuration.fleet import Form, Word
from collector.model.finding import Severity
from collector.model.value import Label
from collector.scenario.forms import START
from collector.scenario.happenings import Moment


def _shortly(key: str) -> BeforeValidator:
    """A name alone stands for what is told of nothing else."""
    return BeforeValidator(lambda written: {key: written} if isinstance(written, str) else written)


class PracticeForm(Form):
    """The practice that the story is about; its labels are what routes go by."""

    name: Label = "Cabinet Test"
    labels: Mapping[Word, Word] = {}


class SentForm(Form):
    """Something that was sent. What is left out may be anything."""

    of: Word | None = None
    """An incident, by its rule or by what it is called."""
    severity: Severity | None = None
    at: Moment | None = None
    """The very second."""


class TicketForm(SentForm):
    """Word to a ticket system."""

    event: Literal["opened", "appended", "resolved", "reopened"]
    to: Word | None = None
    """The ticket system."""


class ToldForm(SentForm):
    """Word to people, by a channel."""

    to: Word
    person: Word | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    """How often this step was taken."""


Tickets = tuple[Annotated[TicketForm, _shortly("event")], ...]
Told = tuple[Annotated[ToldForm, _shortly("to")], ...]


class ExpectForm(Form):
    """All that was sent since the look before, and all that is held back now: one more is as wrong as one less."""

    at: Moment
    tickets: Tickets = ()
    """opened, appended, resolved, reopened; in any order."""
    pages: Told = ()
    notices: Told = ()
    over: Told = ()
    """Channels that told of it hear that it is over."""
    held: Mapping[Word, Word] = {}
    """By incident, why it takes no step: acknowledged, snooze, quiet, a silence's name, or the rule that speaks for it.

    Quiet is what flaps and is not found just now.
    """
    refused: tuple[Word, ...] = ()
    """What people tried since the look before and may not, by the name of its refusal."""
    walks: Mapping[Word, Word] = {}
    """By incident the policy that it walks; those that are not named may walk any."""


class CommonForm(Form):
    """What a file may say for all of its scenarios, and a scenario for itself."""

    start: Moment = START
    """A date and time of the provider's zone: what 0s means."""
    practice: PracticeForm = PracticeForm()
    escalation_file: str | None = None
    """An escalation.yaml to test, its path counted from this file."""
    escalation: Mapping[str, object] | None = None
    """Or what would stand in it."""
    events: tuple[Mapping[str, object], ...] = ()
    """In any order; each is known by its verb (collector/scenario/escalation/happenings.py)."""


class ScenarioForm(CommonForm):
    """A story, and what must have been done by instants of it."""

    name: Label
    expect: Annotated[tuple[ExpectForm, ...], Field(min_length=1)]


class ScenariosForm(CommonForm):
    """Scenarios to run with `vigie escalation test`."""

    scenarios: Annotated[tuple[ScenarioForm, ...], Field(min_length=1)]
