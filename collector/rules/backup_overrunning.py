"""A backup runs for much longer than it usually does: it hangs, or there is suddenly far more to copy.

Of a machine that is silent nobody knows whether it still runs, or its end waits to be told: grey. A workstation is
switched off under its backup, and nothing tells of that: what does not come then is missed, and no run that hangs.
"""

from datetime import datetime, timedelta

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import BackupOverrunning
from collector.model.snapshot import Snapshot, extended
from collector.model.subject import Subject
from collector.model.value import LATEST, earliest
from collector.rules.deadline import deadline
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.liveness import interval
from collector.rules.rule import Rule
from collector.rules.usual import usual_duration

NAME = "backup_overrunning"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """Until the run is missed: from then on backup_missed says so."""
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.state is None or job.state.running_since is None or _switched_off(job, snapshot):
            continue
        if (usual := usual_duration(job.state)) is None:
            continue
        since, limit = job.state.running_since, _limit(usual, policy.rules_of(job.subject).backup_overrunning)
        long_at = extended(since, since + limit + _told_within(job, snapshot), snapshot.gaps)
        missed_at = deadline(job.policy, job.state, snapshot.gaps).missed_at if job.policy else LATEST
        if not long_at <= now < missed_at:
            dues.append(long_at if now < long_at < missed_at else None)
            continue
        root = root_of(job, snapshot, now)
        dues += [missed_at if job.policy else None, root.next_due]
        times = {"running_since": since.isoformat(), "usually_s": str(round(usual.total_seconds()))}
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.WARNING,
                reason="long",
                since=long_at,
                facts=endpoint_name(job, snapshot) | {"job": job.job} | times,
                grey="endpoint_silent" if _unheard(job, root.subject, snapshot) else None,
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _switched_off(job: WatchedJob, snapshot: Snapshot) -> bool:
    """Whether people switch its machine off at will."""
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    return endpoint is not None and endpoint.role is Role.WORKSTATION


def _unheard(job: WatchedJob, root: Subject, snapshot: Snapshot) -> bool:
    """Whether its end may only not have reached us: its machine is overdue, or still sends what it kept meanwhile."""
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    behind = endpoint is not None and endpoint.sighting is not None and endpoint.sighting.queued > 0
    return behind or root != job.subject


def _told_within(job: WatchedJob, snapshot: Snapshot) -> timedelta:
    """For how long its end may wait to be told: by the next heartbeat."""
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    return interval(endpoint) if endpoint else timedelta(0)


def _limit(usual: timedelta, setting: BackupOverrunning) -> timedelta:
    return max(setting.at_least, usual * setting.factor)


BACKUP_OVERRUNNING = Rule(NAME, check)
