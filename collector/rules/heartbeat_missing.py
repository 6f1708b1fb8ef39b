"""An endpoint that reported has fallen silent for longer than it may: nothing about it is known any more.

Silent it is by its signs of life (collector/rules/liveness.py), missing by this rule: a workstation may be switched
off at night, at weekends, over holidays and closures, and is missing only after some open time without a heartbeat.
"""

from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Role
from collector.model.open_time import open_time
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject, scopes
from collector.model.value import earliest
from collector.rules.backup_late import NAME as BACKUP_LATE
from collector.rules.endpoints import watched_endpoints
from collector.rules.liveness import interval, last_seen, silent_at
from collector.rules.rule import Rule

NAME = "heartbeat_missing"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for _, endpoint in watched_endpoints(snapshot, policy):
        silent = silent_at(endpoint, snapshot.gaps)
        missing = silent if silent > now else missing_at(endpoint, snapshot, policy)
        if missing is None or missing > now:
            dues.append(missing)
        else:
            findings.append(_finding(endpoint, missing))
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def missing_at(endpoint: EndpointState, snapshot: Snapshot, policy: Policy) -> datetime | None:
    """When its silence is wrong unless a heartbeat comes; none for a workstation of a practice that never opens."""
    silent = silent_at(endpoint, snapshot.gaps)
    if endpoint.role is not Role.WORKSTATION:
        return silent
    allowed = policy.rules_of(endpoint_subject(endpoint.endpoint_id)).heartbeat_missing.workstation_open_time
    at = open_time(policy).reached(last_seen(endpoint), allowed, snapshot.gaps)
    return max(silent, at) if at else None


def _finding(endpoint: EndpointState, since: datetime) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=Severity.WARNING if endpoint.role is Role.WORKSTATION else Severity.CRITICAL,
        reason="silent",
        since=since,
        facts={
            "endpoint": endpoint.name,
            "last_seen_at": last_seen(endpoint).isoformat(),
            "interval_s": str(int(interval(endpoint).total_seconds())),
        },
    )


def speaking(judged: Evaluation) -> Evaluation:
    """It speaks for the late backups of its machine; one that is missed tells for itself."""
    told = (found for found in judged.findings if found.rule == NAME and not found.grey)
    silent = {found.subject for found in told if found.severity is not Severity.NOTICE}
    if not silent:
        return judged
    findings = (
        found.model_copy(update={"inhibited_by": NAME})
        if found.rule == BACKUP_LATE and not silent.isdisjoint(scopes(found.subject))
        else found
        for found in judged.findings
    )
    return judged.model_copy(update={"findings": tuple(findings)})


HEARTBEAT_MISSING = Rule(NAME, check)
