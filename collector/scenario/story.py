"""A scenario ready to be played: its policy, its lives, what arrives when, and what is expected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from collector.configuration.faults import Steps
from collector.configuration.rules import RulesForm
from collector.model.report import Report, Source
from collector.scenario.expectation import Expectation, read_expectations
from collector.scenario.forms import ScenarioForm
from collector.scenario.happenings import Event
from collector.scenario.life import Life, Lives, Span
from collector.scenario.lives import Uptime, losses, stored, uptimes
from collector.scenario.moment import Clock
from collector.scenario.stage import Stage, endpoint_id, set_stage
from collector.scenario.telling import reports

# Heartbeats that are to last go on behind the last look, so that it sees nobody's end.
BEYOND = timedelta(days=2)
LineOf = Callable[[Steps], int]


@dataclass(frozen=True)
class Heard:
    """What happens at one instant; without reports a sign of life alone."""

    at: datetime
    reports: tuple[Report, ...]


@dataclass(frozen=True)
class Story:
    name: str
    line: int
    stage: Stage
    lives: Lives
    heard: tuple[Heard, ...]
    expected: tuple[Expectation, ...]

    @property
    def clock(self) -> Clock:
        return self.stage.clock


def tell(
    scenario: ScenarioForm, rules: RulesForm, events: Sequence[tuple[Steps, Event]], steps: Steps, line_of: LineOf
) -> Story:
    """Raises MisplacedError for what cannot be played."""
    stage = set_stage(scenario, rules, events, steps)
    expected = read_expectations(scenario, stage, steps, line_of)
    until = max(one.at for one in expected) + BEYOND
    up = uptimes(stage, until)
    told = sorted(reports(stage, up), key=lambda one: (one.received_at, one.sent_at))
    lives = {endpoint_id(name): _life(stage, name, up, told) for name in stage.endpoints}
    return Story(scenario.name, line_of(steps), stage, lives, _heard(told, lives), expected)


def _life(stage: Stage, name: str, up: dict[str, Uptime], told: Sequence[Report]) -> Life:
    """A report is a sign of life too, where no span holds it."""
    heartbeats = Life(stored(stage, up[name]) if name in up else ())
    interval = round(stage.endpoints[name].interval.total_seconds())
    alone = [
        Span(one.received_at, one.received_at, interval, skew_s=round(one.skew.total_seconds()))
        for one in told
        if one.source is Source.AGENT
        and one.endpoint_id == endpoint_id(name)
        and not heartbeats.lasts_at(one.received_at)
    ]
    return Life([*heartbeats.spans, *alone], losses(stage, name))


def _heard(told: Sequence[Report], lives: Lives) -> tuple[Heard, ...]:
    happened = [Heard(one.received_at, (one,)) for one in told]
    happened += [Heard(at, ()) for life in lives.values() for at in life.turns()]
    happened.sort(key=lambda one: one.at)
    return tuple(
        Heard(at, tuple(report for one in same for report in one.reports))
        for at, same in groupby(happened, key=lambda one: one.at)
    )
