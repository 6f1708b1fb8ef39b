"""A scenario file as a provider writes it. What stands above the scenarios holds for each of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from collector.configuration.fleet import CalendarForm, Form, JobForm
from collector.model.duration import Duration
from collector.model.finding import Severity
from collector.model.heartbeat import JobName, Role
from collector.model.policy import Zone
from collector.model.rule_settings import RuleSettings
from collector.model.value import Label, Name
from collector.scenario.happenings import Moment

# A Monday in winter, in a week without a public holiday.
START = "2026-01-12 00:00"


class EndpointForm(Form):
    """A machine that is there; it tells nothing until an event says so."""

    name: Name
    role: Role = Role.SERVER
    interval: Duration = timedelta(minutes=5)
    """Of its heartbeats."""
    os: Label | None = None
    agent: Label | None = None


class PracticeForm(Form):
    """The practice as fleet.yaml would describe it."""

    name: Label = "Cabinet Test"
    zone: Zone = "Europe/Paris"
    labels: Mapping[str, str] = {}
    """What groups of a rules.yaml match."""
    calendar: CalendarForm = CalendarForm()
    jobs: tuple[JobForm, ...] = ()


class IncidentForm(Form):
    """An incident that is expected. What is left out may be anything."""

    rule: str
    job: JobName | None = None
    endpoint: Name | None = None
    alert: Label | None = None
    """The alert's id."""
    reason: str | None = None
    severity: Severity | None = None
    raised: Moment | None = None
    """The very second in which it opened."""
    signature: str | None = None
    facts: Mapping[str, str] = {}


class ExpectForm(Form):
    """All there is at an instant: one more is as wrong as one less."""

    at: Moment
    open: tuple[IncidentForm, ...] = ()
    """Incidents that last and speak for themselves."""
    inhibited: tuple[IncidentForm, ...] = ()
    """Those that another speaks for."""
    grey: tuple[IncidentForm, ...] = ()
    """Findings that open nothing, since they may be our own doing or nobody has looked."""


class CommonForm(Form):
    """What a file may say for all of its scenarios, and a scenario for itself."""

    start: Moment = START
    """A date and time of the practice's zone: what 0s means."""
    practice: PracticeForm = PracticeForm()
    rules_file: str | None = None
    """A rules.yaml to test, its path counted from this file."""
    rules: RuleSettings = RuleSettings()
    """Settings laid over those."""
    job_rules: Mapping[JobName, RuleSettings] = {}
    """Of one job, laid over those."""
    only: tuple[str, ...] = ()
    """The rules on trial; all others are off. Without it, all are on."""
    endpoints: tuple[EndpointForm, ...] = ()
    events: tuple[Mapping[str, object], ...] = ()
    """In any order; each is known by its verb (collector/scenario/happenings.py)."""


class ScenarioForm(CommonForm):
    """A timeline, and what must be open at instants of it."""

    name: Label
    expect: Annotated[tuple[ExpectForm, ...], Field(min_length=1)]


class ScenariosForm(CommonForm):
    """Scenarios to run with `vigie rules test`."""

    scenarios: Annotated[tuple[ScenarioForm, ...], Field(min_length=1)]
