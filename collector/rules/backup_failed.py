"""The last run of a backup ended badly; only a later good run heals that."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import Run, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "backup_failed"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        run = job.state.last_run if job.state else None
        if run is None or run.good:
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.CRITICAL,
                reason="failed",
                since=run.finished_at,
                facts=_facts(job, snapshot, run),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _facts(job: WatchedJob, snapshot: Snapshot, run: Run) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "failed_at": run.finished_at.isoformat()}
    if run.message:
        facts["message"] = run.message
    if job.state is not None and job.state.last_good is not None:
        facts["last_good_at"] = job.state.last_good.finished_at.isoformat()
    return facts


BACKUP_FAILED = Rule(NAME, check)
