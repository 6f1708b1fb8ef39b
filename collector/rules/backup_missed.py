"""A backup that should have run by now has not ended: neither well nor badly."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import JobState, Snapshot
from collector.model.value import earliest
from collector.rules.deadline import Deadline, deadline
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "backup_missed"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.policy is None:
            continue  # never scheduled: shown grey, nothing can be missed
        due = deadline(job.policy, job.state, snapshot.gaps)
        if now < due.missed_at:
            dues.append(due.missed_at)
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.CRITICAL,
                reason=_reason(job.state),
                since=due.missed_at,
                facts=_facts(job, snapshot, due),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _reason(state: JobState | None) -> str:
    if state is not None and state.running_since is not None:
        return "still_running"
    if state is None or state.last_run is None:
        return "never_reported"
    return "not_run"


def _facts(job: WatchedJob, snapshot: Snapshot, due: Deadline) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "due_at": due.due_at.isoformat()}
    if job.policy is not None and _reason(job.state) == "never_reported":
        facts["scheduled_since"] = job.policy.since.isoformat()
    if job.state is not None and job.state.last_good is not None:
        facts["last_good_at"] = job.state.last_good.finished_at.isoformat()
    return facts


BACKUP_MISSED = Rule(NAME, check)
