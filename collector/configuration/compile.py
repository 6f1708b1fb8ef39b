"""The new policy of each practice, from what the files say and what is in force."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.configuration.fleet import PracticeForm, machine_id
from collector.configuration.rules import Rulebook, RulesForm
from collector.model.policy import Contact, JobPolicy, Policy, awaited
from collector.model.subject import Subject, endpoint_subject, job_subject

_Machines = dict[UUID, str]


@dataclass(frozen=True)
class InForce:
    """What is in force: the policy of each watched practice by its name, and the rules."""

    policies: Mapping[str, Policy]
    rules: RulesForm


@dataclass(frozen=True)
class Change:
    """A practice's policy as it was, none for a new practice, and as it will be."""

    before: Policy | None
    after: Policy


@dataclass(frozen=True)
class Compiled:
    """`beside` counts the practices in force that no file names; `rules` where they differ from those in force."""

    changes: tuple[Change, ...]
    named: int
    unchanged: int
    beside: int
    rules: RulesForm | None

    @property
    def nothing(self) -> bool:
        return not self.changes and self.rules is None


def compile_all(
    practices: Iterable[PracticeForm],
    rules: RulesForm | None,
    in_force: InForce,
    at: datetime,
    new_id: Callable[[], UUID],
) -> Compiled:
    """Practices that are named are wholly described; rules concern every practice in force."""
    book = Rulebook(rules or in_force.rules)
    changes, unchanged, named = [], 0, set()
    for form in practices:
        named.add(form.name)
        before = in_force.policies.get(form.name)
        after = with_rules(_described(form, before, at, new_id), book)
        unchanged += after == before
        changes += [Change(before, after)] if after != before else []
    for policy in in_force.policies.values():
        if policy.practice not in named and (after := with_rules(policy, book)) != policy:
            changes.append(Change(policy, after))
    return Compiled(
        changes=tuple(changes),
        named=len(named),
        unchanged=unchanged,
        beside=len(in_force.policies.keys() - named),
        rules=rules if rules is not None and _said(rules) != _said(in_force.rules) else None,
    )


def _said(rules: RulesForm) -> object:
    """What is set to its usual value is set all the same: it goes before what a weaker layer says."""
    return rules.model_dump(exclude_unset=True)


def with_rules(policy: Policy, book: Rulebook) -> Policy:
    return policy.model_copy(
        update={
            "rules": book.settings(policy.practice, policy.labels),
            "job_rules": book.job_settings(policy.practice, policy.labels),
        }
    )


def _described(form: PracticeForm, before: Policy | None, at: datetime, new_id: Callable[[], UUID]) -> Policy:
    """A retirement made by command is kept, unless the file schedules the job."""
    start = before or Policy(practice_id=new_id(), practice=form.name)
    machines: _Machines = {}
    jobs = {job.subject: job for job in _jobs(form, start, at, machines)}
    by_file = dict(_retired(form, start.practice_id, machines))
    by_command = {
        subject: because
        for subject, because in start.retired.items()
        if subject not in start.retired_by_file and subject not in jobs
    }
    return start.model_copy(
        update={
            "zone": form.zone,
            "customer": form.customer,
            "labels": dict(form.labels),
            "calendar": form.calendar.calendar(),
            "contacts": tuple(Contact(**one.model_dump()) for one in form.contacts),
            "machines": machines,
            "jobs": jobs,
            "retired": by_command | by_file,
            "retired_by_file": tuple(sorted(by_file)),
        }
    )


def _jobs(form: PracticeForm, before: Policy, at: datetime, machines: _Machines) -> Iterator[JobPolicy]:
    """One whose schedule stays goes on counting from when that was first set."""
    for job in form.jobs:
        endpoint_id = _endpoint(job.endpoint, before.practice_id, machines)
        known, schedule = before.jobs.get(job_subject(endpoint_id, job.name)), job.schedule(form.zone)
        since = known.since if known and known.schedule == schedule else at
        yield JobPolicy(
            endpoint_id=endpoint_id, job=job.name, schedule=schedule, grace=job.grace, rpo=job.rpo, since=since
        )


def _retired(form: PracticeForm, practice_id: UUID, machines: _Machines) -> Iterator[tuple[Subject, str]]:
    for one in form.retired:
        endpoint_id = _endpoint(one.endpoint, practice_id, machines)
        if one.job is not None:
            yield job_subject(endpoint_id, one.job), one.because
        elif endpoint_id is not None:
            yield endpoint_subject(endpoint_id), one.because


def _endpoint(endpoint: str | None, practice_id: UUID, machines: _Machines) -> UUID | None:
    """Its id, or what stands for its name until a machine of this name reports (collector/model/placing.py)."""
    if endpoint is None:
        return None
    if known := machine_id(endpoint):
        return known
    stands = awaited(practice_id, endpoint)
    machines[stands] = endpoint
    return stands
