"""What the backup rules share: which jobs are watched, by which schedule, and what a ticket about one hangs on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from uuid import UUID

from collector.model.policy import JobPolicy, Policy
from collector.model.snapshot import JobState, Snapshot
from collector.model.subject import Subject, endpoint_subject, job_subject
from collector.rules.liveness import overdue_at


@dataclass(frozen=True)
class WatchedJob:
    """A job as it should run and as it is known; either may be missing. `machine` is one known by name alone."""

    endpoint_id: UUID | None
    job: str
    policy: JobPolicy | None
    state: JobState | None
    machine: str | None = None

    @cached_property
    def subject(self) -> Subject:
        return job_subject(self.endpoint_id, self.job)


@dataclass(frozen=True, eq=False)
class _Judged:
    """One snapshot under one policy: the very same values, since to compare them is dearer than to judge them."""

    snapshot: Snapshot
    policy: Policy

    def __hash__(self) -> int:
        return hash((id(self.snapshot), id(self.policy)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Judged) and self.snapshot is other.snapshot and self.policy is other.policy


def watched_jobs(snapshot: Snapshot, policy: Policy) -> Sequence[WatchedJob]:
    """Every job reported or scheduled, less what is retired itself or with its endpoint."""
    return _watched_jobs(_Judged(snapshot, policy))


# Half of the rules ask it one after another of the same practice.
@lru_cache(maxsize=1)
def _watched_jobs(judged: _Judged) -> Sequence[WatchedJob]:
    every = _all_jobs(judged.snapshot, judged.policy)
    return tuple(job for job in every if judged.policy.retirement(job.subject) is None)


def _all_jobs(snapshot: Snapshot, policy: Policy) -> Iterator[WatchedJob]:
    for state in snapshot.jobs.values():
        machine = policy.machines.get(state.endpoint_id) if state.endpoint_id else None
        yield WatchedJob(state.endpoint_id, state.job, policy.for_job(state.endpoint_id, state.job), state, machine)
    reported_names = {state.job for state in snapshot.jobs.values() if policy.retirement(state.subject) is None}
    for scheduled in policy.jobs.values():
        known = scheduled.job in reported_names if scheduled.endpoint_id is None else scheduled.subject in snapshot.jobs
        if not known:
            machine = policy.machines.get(scheduled.endpoint_id) if scheduled.endpoint_id else None
            yield WatchedJob(scheduled.endpoint_id, scheduled.job, scheduled, None, machine)


@dataclass(frozen=True)
class Root:
    """What a finding about a job hangs on, and when that could change."""

    subject: Subject
    next_due: datetime | None


def root_of(job: WatchedJob, snapshot: Snapshot, now: datetime) -> Root:
    """The endpoint once its heartbeat is overdue (a dead server's late jobs are one problem), else the job."""
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    if endpoint is None:
        return Root(job.subject, None)
    overdue = overdue_at(endpoint, snapshot.gaps)
    if overdue <= now:
        return Root(endpoint_subject(endpoint.endpoint_id), None)
    return Root(job.subject, overdue)


def endpoint_name(job: WatchedJob, snapshot: Snapshot) -> dict[str, str]:
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    name = endpoint.name if endpoint else job.machine
    return {"endpoint": name} if name else {}
