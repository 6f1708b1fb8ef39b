"""The last good backup of a job is older than agreed: what would be lost is more than its practice can bear.

Our own outages never stop that age: the data is as old as it is, whoever could not say so.
"""

from datetime import datetime, timedelta

from collector.model.duration import write_duration
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.open_time import open_time
from collector.model.policy import Policy
from collector.model.snapshot import JobState, Run, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "rpo_breached"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        rpo = rpo_of(job, policy)
        breached = _breached_at(job, rpo, policy) if rpo else None
        if rpo is None or breached is None or breached > now:
            dues.append(breached)
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
                since=breached,
                facts=_facts(job, snapshot, rpo, breached),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def rpo_of(job: WatchedJob, policy: Policy) -> timedelta | None:
    """The schedule's own, else what is set for the job; where none is agreed, none is breached."""
    own = job.policy.rpo if job.policy else None
    return own or policy.rules_of(job.subject).rpo_breached.rpo


def _breached_at(job: WatchedJob, rpo: timedelta, policy: Policy) -> datetime | None:
    since = _counted_from(job)
    if since is None or not policy.rules_of(job.subject).rpo_breached.open_time:
        return since + rpo if since else None
    return open_time(policy).reached(since, rpo)


def _counted_from(job: WatchedJob) -> datetime | None:
    """The last good backup; without one, when the job was first heard of or scheduled."""
    if good := _last_good(job.state):
        return good.finished_at
    known = (job.state.first_seen_at if job.state else None, job.policy.since if job.policy else None)
    return earliest(known)


def _last_good(state: JobState | None) -> Run | None:
    return state.last_good if state else None


def _reason(state: JobState | None) -> str:
    return "exceeded" if _last_good(state) else "never_good"


def _facts(job: WatchedJob, snapshot: Snapshot, rpo: timedelta, breached: datetime) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "rpo": write_duration(rpo)}
    if good := _last_good(job.state):
        facts["last_good_at"] = good.finished_at.isoformat()
    return facts | {"breached_at": breached.isoformat()}


RPO_BREACHED = Rule(NAME, check)
