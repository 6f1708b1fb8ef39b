"""An endpoint that reported has fallen silent: nothing about it is known any more."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest
from collector.rules.liveness import interval, last_seen, missing_at
from collector.rules.rule import Rule

NAME = "heartbeat_missing"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    watched = [
        (endpoint, missing_at(endpoint, snapshot.gaps))
        for endpoint in snapshot.endpoints.values()
        if policy.retirement(endpoint_subject(endpoint.endpoint_id)) is None
    ]
    return Evaluation(
        findings=tuple(_finding(endpoint, since) for endpoint, since in watched if since <= now),
        next_due=earliest(since for _, since in watched if since > now),
    )


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


HEARTBEAT_MISSING = Rule(NAME, check)
