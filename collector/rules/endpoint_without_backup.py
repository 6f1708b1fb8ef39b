"""A machine that is known and that no backup covers; and the reverse, one backed up of which nothing else is known."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import EndpointWithoutBackup as Setting
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest, latest
from collector.rules.endpoints import watched_endpoints
from collector.rules.jobs import watched_jobs
from collector.rules.rule import Rule

NAME = "endpoint_without_backup"

# Machines whose patches are somebody's to install; a NAS or an imaging station has its maker's.
SCANNED = (Role.SERVER, Role.WORKSTATION)

_Watched = Sequence[tuple[EndpointState, Setting]]


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    covering = {job.endpoint_id for job in watched_jobs(snapshot, policy)}
    watched = [
        (endpoint, policy.rules_of(subject).endpoint_without_backup)
        for subject, endpoint in watched_endpoints(snapshot, policy)
    ]
    bare = tuple(_bare(watched, covering))
    found = [_finding(one, since, Severity.WARNING, reason="no_backup_job") for one, since in bare if since <= now]
    found += [
        _finding(one, since, Severity.NOTICE, reason="not_inventoried") for one, since in _unlooked(watched, covering)
    ]
    return Evaluation(findings=tuple(found), next_due=earliest(since for _, since in bare if since > now))


def _bare(watched: _Watched, covering: set[UUID | None]) -> Iterator[tuple[EndpointState, datetime]]:
    """Machines that need a backup and have none, each with when that is no longer a beginning."""
    if None in covering:  # a job of the whole practice
        return
    for endpoint, setting in watched:
        if endpoint.role in setting.roles and endpoint.endpoint_id not in covering:
            yield endpoint, endpoint.first_seen_at + setting.after


def _unlooked(watched: _Watched, covering: set[UUID | None]) -> Iterator[tuple[EndpointState, datetime]]:
    """Machines that went on reporting their backups for so long without a word of patches or protection.

    By what it reported, and not by the clock: a machine that is off says nothing, and lacks nothing.
    """
    for endpoint, setting in watched:
        if endpoint.endpoint_id not in covering or endpoint.role not in SCANNED:
            continue
        scans = (scan.as_of for scan in (endpoint.patches, endpoint.protection) if scan)
        since = (latest(scans) or endpoint.first_seen_at) + setting.after
        if since <= endpoint.last_report_at:
            yield endpoint, since


def _finding(endpoint: EndpointState, since: datetime, severity: Severity, *, reason: str) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=severity,
        reason=reason,
        since=since,
        facts={"endpoint": endpoint.name, "role": endpoint.role.value},
    )


ENDPOINT_WITHOUT_BACKUP = Rule(NAME, check)
