"""A job with the same figures night after night, but for what a test is about."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from collector.model.figures import figures_after
from collector.model.heartbeat import RunStatus
from collector.model.history import MOST_PAST_RUNS
from collector.model.snapshot import JobState, PastRun
from tests.factories import NOW, job_state

SIZE, FILES = 1_000_000, 10_000


def night(number: float, part: float = 0.01, **more: Any) -> PastRun:
    """A run that rewrote a part of its data and files; its number counts days."""
    ordinary = PastRun(
        NOW + timedelta(days=number), RunStatus.SUCCESS, 600, SIZE, round(part * SIZE), FILES, round(part * FILES),
        restore_points=30, tool="restic 0.16.4", repository=1,
    )  # fmt: skip
    return ordinary._replace(**more)


def nights(count: int = 20) -> list[PastRun]:
    return [night(number) for number in range(-count, 0)]


def followed(runs: Sequence[PastRun]) -> JobState:
    job = job_state()
    for at in range(len(runs)):
        history = tuple(sorted(runs[: at + 1], key=lambda one: one.finished_at))[-MOST_PAST_RUNS:]
        job = job.model_copy(update=dict(figures_after(job, history)))
    return job
