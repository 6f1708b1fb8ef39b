"""Machines that the configuration knows by name: which machine bears each is told by what has reported."""

from collections.abc import Mapping
from uuid import UUID

from collector.model.policy import JobPolicy, Policy
from collector.model.snapshot import Snapshot
from collector.model.subject import Subject, endpoint_subject, job_subject


def placed(policy: Policy, snapshot: Snapshot) -> Policy:
    """The policy with the names of machines replaced by those that bear them.

    1. A name is borne by the one machine so called that is not retired by its id; where all are, by one of them, so
       that retiring a machine ends its jobs until another of its name reports.
    2. A name that no machine bears waits, and one that several bear: its jobs are watched as never reported.
    3. A job that was told of under the name (by ping) stays there.
    4. A retirement by name holds for every machine so called.
    """
    if not policy.machines:
        return policy
    so_called = {stands: _so_called(name, snapshot) for stands, name in policy.machines.items()}
    bears = {stands: one for stands, machines in so_called.items() if (one := _only(machines, policy))}
    retired = dict(policy.retired)
    for stands, machines in so_called.items():
        for machine in machines:
            retired |= _moved_retirements(policy.retired, stands, machine)
    return policy.model_copy(update={"jobs": _moved_jobs(policy, bears, snapshot), "retired": retired})


def _so_called(name: str, snapshot: Snapshot) -> list[UUID]:
    return [one.endpoint_id for one in snapshot.endpoints.values() if one.name == name]


def _only(machines: list[UUID], policy: Policy) -> UUID | None:
    watched = [one for one in machines if endpoint_subject(one) not in policy.retired] or machines[:1]
    return watched[0] if len(watched) == 1 else None


def _moved_jobs(policy: Policy, bears: Mapping[UUID, UUID], snapshot: Snapshot) -> dict[Subject, JobPolicy]:
    """A schedule that was set for the machine by its id goes before one by its name."""
    jobs: dict[Subject, JobPolicy] = {}
    for job in policy.jobs.values():
        machine = bears.get(job.endpoint_id) if job.endpoint_id else None
        if machine is None or job.subject in snapshot.jobs:
            jobs[job.subject] = job
        elif job_subject(machine, job.job) not in policy.jobs:
            there = job.model_copy(update={"endpoint_id": machine})
            jobs[there.subject] = there
    return jobs


def _moved_retirements(retired: Mapping[Subject, str], stands: UUID, machine: UUID) -> dict[Subject, str]:
    """Of the machine itself, and of its jobs."""
    old, new = str(stands), str(machine)
    return {Subject(subject.replace(old, new, 1)): why for subject, why in retired.items() if old in subject}
