"""A backup ends with warnings again and again: some of what it should keep is never kept."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import PastRun, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.results import warnings
from collector.rules.rule import Rule

NAME = "backup_warning"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        streak = warnings(job, policy.rules_of(job.subject).backup_warning, snapshot.gaps, now)
        dues.append(streak.next_due)
        if streak.latest is None or streak.since is None:
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.WARNING,
                reason="warnings",
                since=streak.since,
                facts=_facts(job, snapshot, streak.latest),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _facts(job: WatchedJob, snapshot: Snapshot, latest: PastRun) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "warned_at": latest.finished_at.isoformat()}
    last_run = job.state.last_run if job.state else None
    if last_run and last_run.message and last_run.good:
        facts["message"] = last_run.message
    return facts


BACKUP_WARNING = Rule(NAME, check)
