"""When a job's next run is due, by the semantics that users of Healthchecks know."""

from dataclasses import dataclass
from datetime import datetime

from collector.model.clock import SKEW_TOLERATED
from collector.model.policy import Every, JobPolicy, Schedule
from collector.model.snapshot import Gap, JobState, Run, extended


@dataclass(frozen=True)
class Deadline:
    due_at: datetime
    missed_at: datetime


def _slot_after(schedule: Schedule, run: Run) -> datetime:
    """The first slot that a run does not count for: one that began just ahead of its slot counts for it.

    A clock may be ahead by as much as is tolerated and not corrected.
    """
    slot = schedule.due_after(run.finished_at)
    if isinstance(schedule, Every):
        return slot
    following = schedule.due_after(slot)
    early = slot - (run.started_at or run.finished_at)
    return following if early <= min(SKEW_TOLERATED, (following - slot) / 2) else slot


def deadline(job: JobPolicy, state: JobState | None, gaps: tuple[Gap, ...]) -> Deadline:
    """The next slot after the last run that ended, and the end of its grace.

    1. The slot counts from the end of the last run, whatever its outcome; without one, from when the
       schedule was set, so that a job that never reports is missed like any other.
    2. A start moves nothing: a late start does not extend the deadline.
    3. A run that started early is held to the same grace from its start: grace is also the longest run.
    4. Our own outages within the grace move its end.
    """
    last_run = state.last_run if state else None
    due_at = _slot_after(job.schedule, last_run) if last_run else job.schedule.due_after(job.since)
    if state and state.running_since:
        due_at = min(due_at, max(state.running_since, job.since))
    return Deadline(due_at, extended(due_at, due_at + job.grace, gaps))
