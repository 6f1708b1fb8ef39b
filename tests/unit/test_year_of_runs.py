"""A year of jobs of several shapes: no false alarm of ransomware, and every attack that the figures can tell."""

from collections.abc import Iterator, Sequence
from random import Random

import pytest

from collector.model.finding import Finding
from collector.model.snapshot import JobState
from collector.rules import backup_looks_wrong, ransomware_signature
from tests.factories import DAY, policy, snapshot
from tests.unit.year_of_runs import BEGIN, HARD_NEGATIVES, SHAPES, Event, Shape, encryption, files_moved, followed, runs

NOISES = [1.0, 2.0]
WHOLE = ["server", "documents", "imaging", "every six hours"]
PARTIAL = ["borg", "rsync", "disk image"]


def signs(job: JobState) -> Sequence[Finding]:
    """Only with readings can there be any; most nights have none."""
    last = job.history[-1].finished_at
    return ransomware_signature.check(snapshot(jobs=[job]), policy(), last).findings if job.readings else ()


def chance(*words: object) -> Random:
    return Random(" ".join(map(str, words)))  # noqa: S311 - tests repeat


def harmless(name: str, shape: Shape, random: Random) -> dict[float, Event]:
    """Each a few times a year; a folder that moved looks like encryption to a tool that tells of files alone."""
    events = [one for one in HARD_NEGATIVES if shape.tells_data or one is not files_moved]
    return {day: random.choice(events) for day in random.sample(range(5, 345), 12)}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", SHAPES)
def test_year_of_ordinary_life_looks_like_no_attack(name: str, noise: float) -> None:
    random = chance(name, noise)
    lived = followed(runs(SHAPES[name], random, noise=noise, events=harmless(name, SHAPES[name], random)))
    assert not [(one.facts, one.since) for job in lived for one in signs(job)]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", SHAPES)
def test_year_without_events_looks_right(name: str, noise: float) -> None:
    for job in followed(runs(SHAPES[name], chance(name, noise, "calm"), noise=noise)):
        assert not backup_looks_wrong.check(snapshot(jobs=[job]), policy(), job.history[-1].finished_at).findings


def attacked(name: str, part: float, nights: int, noise: float, seed: int) -> Iterator[JobState]:
    """The job after each run of an attack that begins some weeks after its first."""
    random, shape = chance(name, seed), SHAPES[name]
    day = random.randint(20, 60)
    nth = {day + at * (shape.every / DAY): encryption(part) for at in range(nights)}
    lived = followed(runs(shape, random, days=day + 7, noise=noise, events=nth))
    return (job for job in lived if job.history[-1].finished_at >= BEGIN + day * DAY)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "part"), [*((name, part) for name in WHOLE for part in (0.6, 0.9)), *((name, 0.9) for name in PARTIAL)]
)
def test_encryption_of_one_night_is_found_in_its_first_run(name: str, part: float, seed: int, noise: float) -> None:
    assert signs(next(attacked(name, part, 1, noise, seed)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WHOLE)
def test_creeping_encryption_is_found_within_three_runs(name: str, seed: int) -> None:
    lived = attacked(name, 0.08, 6, 1.0, seed)
    assert any(signs(next(lived)) for _ in range(3))


def test_weekly_full_is_no_attack_once_it_was_seen() -> None:
    weekly = Shape(80 * 2**30, 120_000, 0.003, 0.004, 0.0004, full_on=5)
    lived = [job for job in followed(runs(weekly, chance("weekly"), days=200)) if len(job.history) > 1]
    begun = {one.since for job in lived[12:] for one in signs(job)}
    assert {(at - BEGIN).days for at in begun} <= {5, 12}
