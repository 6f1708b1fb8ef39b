"""When a job's next run is due, by the semantics that users of Healthchecks know."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from collector.model.clock import SKEW_TOLERATED
from collector.model.policy import Every, JobPolicy, Schedule
from collector.model.snapshot import Gap, JobState, extended


@dataclass(frozen=True)
class Deadline:
    """`slot_at` is when the schedule wants the next run; `due_at` is earlier where one began before that."""

    slot_at: datetime
    due_at: datetime
    missed_at: datetime


# Several rules ask it of each job of one practice, and a cron's next time takes 20 microseconds.
@lru_cache(maxsize=4_096)
def slot_after(schedule: Schedule, began: datetime, ended: datetime) -> datetime:
    """The first slot that a run does not count for: one that began just ahead of its slot counts for it.

    A clock may be ahead by as much as is tolerated and not corrected.
    """
    slot = schedule.due_after(ended)
    early = slot - began
    if isinstance(schedule, Every) or early > SKEW_TOLERATED:
        return slot
    following = schedule.due_after(slot)
    return following if early <= (following - slot) / 2 else slot


def deadline(job: JobPolicy, state: JobState | None, gaps: tuple[Gap, ...]) -> Deadline:
    """The next slot after the last run that ended, and the end of its grace.

    1. The slot counts from the end of the last run, whatever its outcome; without one, from when the
       schedule was set, so that a job that never reports is missed like any other.
    2. A start moves nothing: a late start does not extend the deadline.
    3. A run that started early is held to the same grace from its start: grace is also the longest run.
    4. Our own outages within the grace move its end.
    """
    slot_at = due_at = _next_slot(job, state).astimezone(UTC)
    if state and state.running_since:
        due_at = min(due_at, max(state.running_since, job.since))
    return Deadline(slot_at, due_at, extended(due_at, due_at + job.grace, gaps))


def _next_slot(job: JobPolicy, state: JobState | None) -> datetime:
    last_run = state.last_run if state else None
    if last_run is None:
        return _first_slot(job.schedule, job.since)
    return slot_after(job.schedule, last_run.started_at or last_run.finished_at, last_run.finished_at)


@lru_cache(maxsize=4_096)
def _first_slot(schedule: Schedule, since: datetime) -> datetime:
    return schedule.due_after(since)
