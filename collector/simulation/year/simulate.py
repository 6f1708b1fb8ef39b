"""The whole simulation: practices are independent and spread over the cores; campaigns are correlated afterwards."""

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.simulation.year.campaigns import correlate_fleet
from collector.simulation.year.draw_practice import draw_practice
from collector.simulation.year.fleet_fate import FleetFate, Outage, draw_fleet_fate
from collector.simulation.year.life import live
from collector.simulation.year.plan import PracticePlan
from collector.simulation.year.play import Player, Raised
from collector.simulation.year.score import Score, score_practice
from collector.simulation.year.score_campaigns import score_campaigns
from collector.simulation.year.truth import Episode, Fault, Harmless, Label
from collector.simulation.year.truth_of_life import truth_of

# A year that holds both changes of the clock, and begins in a holiday week like every other.
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_SHARED = frozenset({Fault.ONE_NIGHT, Fault.CREEPING, Fault.FAILED})


@dataclass(frozen=True)
class Story:
    """What is simulated; `density` multiplies the planted faults."""

    seed: int
    practices: int
    days: int
    noise: float = 1.0
    density: float = 1.0

    @property
    def end(self) -> datetime:
        return BEGIN + timedelta(days=self.days)


@dataclass(frozen=True)
class _Task:
    story: Story
    plan: PracticePlan
    outages: tuple[Outage, ...]
    common: tuple[Episode, ...]


@dataclass(frozen=True)
class _Practice:
    """What one practice's year leaves for the fleet's."""

    number: int
    score: Score
    signed: tuple[Raised, ...]
    shared: tuple[Label, ...]


def simulate(story: Story, processes: int, done: Callable[[], None]) -> Score:
    """`done` is called after each practice."""
    plans, fate = draw(story)
    tasks = [_Task(story, plan, fate.outages, fate.of(plan.number)) for plan in plans]
    score, practices = Score(), []
    for one in _each(tasks, processes):
        score.add(one.score)
        practices.append(one)
        done()
    found = correlate_fleet(plans, {one.number: one.signed for one in practices}, story.end)
    score.add(score_campaigns(fate.common, {one.number: one.shared for one in practices}, found))
    score.decoys[Harmless.OWN_OUTAGE] = len(fate.outages)
    return score


def draw(story: Story) -> tuple[list[PracticePlan], FleetFate]:
    plans = [
        draw_practice(story.seed, number, BEGIN, story.end, story.noise, story.density)
        for number in range(story.practices)
    ]
    return plans, draw_fleet_fate(story.seed, plans, BEGIN, story.end, story.noise, story.density)


def _each(tasks: Iterable[_Task], processes: int) -> Iterator[_Practice]:
    """In the order of the practices, however many processes there are."""
    if processes == 1:
        yield from map(_simulate_practice, tasks)
        return
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        yield from pool.map(_simulate_practice, tasks)


def _simulate_practice(task: _Task) -> _Practice:
    story = task.story
    life = live(story.seed, task.plan, task.outages, task.common, story.noise, story.density)
    gc.freeze()  # a year of reports stays until the end: to look through them again and again costs a fifth
    played = Player(life).play()
    gc.unfreeze()
    truth = truth_of(life)
    score = score_practice(task.plan.number, truth, played.raised)
    score.practice_days = float(story.days)
    score.judgements, score.reports = played.judgements, len(life.reports)
    return _Practice(
        number=task.plan.number,
        score=score,
        signed=tuple(one for one in played.raised if one.signature),
        shared=tuple(one for one in truth.labels if one.fault in _SHARED),
    )
