"""Who and what stands on a scenario's stage: its clock, its policy, its machines, and when we ourselves were away."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from collector.configuration.faults import Steps, did_you_mean
from collector.configuration.rules import Rulebook, RulesForm, Set, overlaid, written
from collector.model.heartbeat import Endpoint
from collector.model.policy import JobPolicy, Policy
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import Gap
from collector.model.subject import Subject, job_subject
from collector.rules.registry import RULES
from collector.scenario.forms import EndpointForm, ScenarioForm
from collector.scenario.happenings import AgentChanged, ClockStep, Event, Happening, Heartbeats, OurOutage
from collector.scenario.moment import Clock, local_instant

PRACTICE_ID = UUID("7d3c0f5e-52b1-4c9a-8a51-3f1f0f6f2a10")

Told = TypeVar("Told", timedelta, str)


class MisplacedError(Exception):
    """A scenario that cannot be played; the steps lead to what is wrong in it."""

    def __init__(self, steps: Steps, message: str, suggestion: str | None = None) -> None:
        self.steps = steps
        self.message = message
        self.suggestion = suggestion
        super().__init__(message)


@dataclass(frozen=True)
class Outage:
    """We could store nothing; `catching_up` is how long what was held back then takes to come."""

    gap: Gap
    catching_up: timedelta


@dataclass(frozen=True)
class Placed:
    """An event with the way to it in its file, and the instants at which it happens."""

    event: Event
    steps: Steps
    instants: tuple[datetime, ...]

    def read(self, clock: Clock, written: str, name: str, now: datetime | None = None) -> datetime:
        """One of its moments, by the name of its field."""
        try:
            return clock.read(written, now)
        except (ValueError, OverflowError) as error:
            raise MisplacedError((*self.steps, name), str(error)) from None


@dataclass(frozen=True)
class Stage:
    clock: Clock
    policy: Policy
    endpoints: Mapping[str, EndpointForm]
    events: tuple[Placed, ...]
    outages: tuple[Outage, ...]
    _clocks: Mapping[str, Sequence[tuple[datetime, timedelta]]] = field(default_factory=dict)
    _agents: Mapping[str, Sequence[tuple[datetime, str]]] = field(default_factory=dict)

    def lag(self, name: str, at: datetime) -> timedelta:
        """How far the endpoint's clock is behind ours."""
        return next((lag for since, lag in reversed(self._clocks.get(name, ())) if since <= at), timedelta(0))

    def clock_steps(self, name: str) -> Iterator[datetime]:
        return (at for at, _ in self._clocks.get(name, ()))

    def identity(self, name: str, at: datetime) -> Endpoint:
        form = self.endpoints[name]
        agent = next((one for since, one in reversed(self._agents.get(name, ())) if since <= at), form.agent)
        return Endpoint(id=endpoint_id(name), name=name, role=form.role, os=form.os, agent=agent)

    def away(self, at: datetime) -> Outage | None:
        return next((one for one in self.outages if one.gap.start <= at < one.gap.end), None)

    def the_endpoint(self, placed: Placed, name: str | None, key: str = "endpoint") -> str:
        return the_endpoint(self.endpoints, placed, name, key)


def the_endpoint(endpoints: Mapping[str, EndpointForm], placed: Placed, name: str | None, key: str = "endpoint") -> str:
    """A name that is known; without one, that of the only endpoint."""
    if name is None and len(endpoints) == 1:
        return next(iter(endpoints))
    if name is None:
        raise MisplacedError(placed.steps, "say which endpoint", "endpoint: and its name")
    check_endpoint(name, endpoints, (*placed.steps, key))
    return name


def endpoint_id(name: str) -> UUID:
    return uuid5(PRACTICE_ID, name)


def check_endpoint(name: str, endpoints: Mapping[str, EndpointForm], steps: Steps) -> None:
    if name not in endpoints:
        raise MisplacedError(steps, f"there is no endpoint {name!r}", did_you_mean(name, endpoints))


def set_stage(scenario: ScenarioForm, rules: RulesForm, events: Sequence[tuple[Steps, Event]], steps: Steps) -> Stage:
    """Raises MisplacedError; `steps` lead to the scenario."""
    zone = ZoneInfo(scenario.practice.zone)
    try:
        clock = Clock(local_instant(scenario.start, zone), zone)
    except ValueError as error:
        raise MisplacedError((*steps, "start"), str(error)) from None
    endpoints = {one.name: one for one in scenario.endpoints}
    placed = tuple(_place(event, way, clock) for way, event in events)
    return Stage(
        clock=clock,
        policy=_policy(scenario, rules, endpoints, clock, steps),
        endpoints=endpoints,
        events=placed,
        outages=tuple(sorted(_outages(placed), key=lambda one: one.gap.start)),
        _clocks=_by_endpoint(_clock_steps(placed, endpoints)),
        _agents=_by_endpoint(_agent_changes(placed, endpoints)),
    )


def _outages(events: Sequence[Placed]) -> Iterator[Outage]:
    for one in events:
        if isinstance(one.event, OurOutage):
            lasts, catching_up = one.event.our_outage, one.event.catching_up
            yield from (Outage(Gap(start=at, end=at + lasts), catching_up) for at in one.instants)


def _clock_steps(
    events: Sequence[Placed], endpoints: Mapping[str, EndpointForm]
) -> Iterator[tuple[str, tuple[datetime, timedelta]]]:
    for one in events:
        if isinstance(one.event, ClockStep):
            name, lag = the_endpoint(endpoints, one, one.event.clock, "clock"), one.event.behind - one.event.ahead
            yield from ((name, (at, lag)) for at in one.instants)


def _agent_changes(
    events: Sequence[Placed], endpoints: Mapping[str, EndpointForm]
) -> Iterator[tuple[str, tuple[datetime, str]]]:
    for one in events:
        if isinstance(one.event, AgentChanged):
            name, agent = the_endpoint(endpoints, one, one.event.endpoint), one.event.agent
            yield from ((name, (at, agent)) for at in one.instants)


def _by_endpoint(told: Iterable[tuple[str, tuple[datetime, Told]]]) -> dict[str, list[tuple[datetime, Told]]]:
    """Each endpoint's in the order of their time."""
    found: dict[str, list[tuple[datetime, Told]]] = {}
    for name, one in told:
        found.setdefault(name, []).append(one)
    return {name: sorted(some, key=lambda one: one[0]) for name, some in found.items()}


def _place(event: Event, steps: Steps, clock: Clock) -> Placed:
    first = Placed(event, steps, ()).read(clock, event.at, "at")
    if isinstance(event, Heartbeats):
        return Placed(event, steps, (first,))
    return Placed(event, steps, tuple(_repeated(event, first, steps)))


def _repeated(event: Happening, first: datetime, steps: Steps) -> Iterator[datetime]:
    if event.times > 1 and event.every is None:
        raise MisplacedError((*steps, "times"), "say how often", "every: 24h")
    return (first + number * (event.every or timedelta(0)) for number in range(event.times))


def _policy(
    scenario: ScenarioForm, rules: RulesForm, endpoints: Mapping[str, EndpointForm], clock: Clock, steps: Steps
) -> Policy:
    practice = scenario.practice
    jobs: dict[Subject, JobPolicy] = {}
    for number, job in enumerate(practice.jobs):
        if job.endpoint is not None:
            check_endpoint(job.endpoint, endpoints, (*steps, "practice", "jobs", number, "endpoint"))
        on = endpoint_id(job.endpoint) if job.endpoint is not None else None
        policy = JobPolicy(
            endpoint_id=on, job=job.name, schedule=job.schedule(practice.zone), grace=job.grace, rpo=job.rpo,
            since=clock.start,
        )  # fmt: skip
        jobs[policy.subject] = policy
    book = Rulebook(rules)
    own = written(scenario.rules)
    of_jobs = {
        **{one: written(two) for one, two in book.job_settings(practice.name, practice.labels).items()},
        **{job_subject(None, job): written(settings) for job, settings in scenario.job_rules.items()},
    }
    whole = overlaid(written(book.settings(practice.name, practice.labels)), own)
    return Policy(
        practice_id=PRACTICE_ID,
        version=1,
        practice=practice.name,
        zone=practice.zone,
        labels=practice.labels,
        calendar=practice.calendar.calendar(),
        jobs=jobs,
        rules=_settled(whole, scenario.only, steps),
        job_rules={one: _settled(overlaid(whole, two), scenario.only, steps) for one, two in of_jobs.items()},
    )


def _settled(settings: Set, only: tuple[str, ...], steps: Steps) -> RuleSettings:
    known = [rule.name for rule in RULES]
    for number, rule in enumerate(only):
        if rule not in known:
            raise MisplacedError((*steps, "only", number), f"there is no rule {rule!r}", did_you_mean(rule, known))
    off: Set = {rule: {"enabled": False} for rule in known if only and rule not in only}
    return RuleSettings.model_validate(overlaid(settings, off))
