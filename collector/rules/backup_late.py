"""A backup should have ended by now and may yet within its grace: shown, so that nobody wonders."""

from datetime import datetime, timedelta

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Every, JobPolicy, Policy
from collector.model.snapshot import JobState, Snapshot, extended
from collector.model.value import earliest
from collector.rules.deadline import Deadline, deadline
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule
from collector.rules.usual import usual_duration

NAME = "backup_late"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.policy is None or _needs_its_time(job.policy, job.state):
            continue
        due = deadline(job.policy, job.state, snapshot.gaps)
        after = policy.rules_of(job.subject).backup_late.after + _length(job.policy, job.state)
        late_at = extended(due.slot_at, due.slot_at + after, snapshot.gaps)
        if not late_at <= now < due.missed_at:
            dues.append(late_at if now < late_at < due.missed_at else None)
            continue
        root = root_of(job, snapshot, now)
        dues += [due.missed_at, root.next_due]
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.NOTICE,
                reason=_reason(job.state),
                since=late_at,
                facts=_facts(job, snapshot, due),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _needs_its_time(job: JobPolicy, state: JobState | None) -> bool:
    """A period counts from the end of the last run, so that each day the next one is due while it still runs."""
    return isinstance(job.schedule, Every) and state is not None and state.running_since is not None


def _length(job: JobPolicy, state: JobState | None) -> timedelta:
    """What a run takes, where that is known: until then it goes on as it does each night. A period holds it already."""
    usual = usual_duration(state) if state and not isinstance(job.schedule, Every) else None
    return usual or timedelta(0)


def _reason(state: JobState | None) -> str:
    return "late_running" if state is not None and state.running_since is not None else "late"


def _facts(job: WatchedJob, snapshot: Snapshot, due: Deadline) -> dict[str, str]:
    times = {"due_at": due.slot_at.isoformat(), "missed_at": due.missed_at.isoformat()}
    return endpoint_name(job, snapshot) | {"job": job.job} | times


BACKUP_LATE = Rule(NAME, check)
