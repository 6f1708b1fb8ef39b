"""The last results of a backup were bad; only a later good one heals that."""

from datetime import datetime

from collector.model.campaign import tool_signature
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.report import Source
from collector.model.snapshot import PastRun, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.results import failures
from collector.rules.rule import Rule

NAME = "backup_failed"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        streak = failures(job, policy.rules_of(job.subject).backup_failed, snapshot.gaps, now)
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
                severity=Severity.CRITICAL,
                reason="failed",
                since=streak.since,
                facts=_facts(job, snapshot, streak.latest),
                signature=_signature(streak.latest.tool),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _facts(job: WatchedJob, snapshot: Snapshot, failed: PastRun) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "failed_at": failed.finished_at.isoformat()}
    last_run, last_good = (job.state.last_run, job.state.last_good) if job.state else (None, None)
    if last_run and last_run.message and not last_run.good:
        facts["message"] = last_run.message
    if last_good:
        facts["last_good_at"] = last_good.finished_at.isoformat()
    return facts


def _signature(tool: str | None) -> str | None:
    """One tool that fails at many practices has one cause; of a bare ping or mail the tool is not known."""
    if tool is None or tool in list(Source):
        return None
    return tool_signature(tool)


BACKUP_FAILED = Rule(NAME, check)
