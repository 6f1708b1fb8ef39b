"""What a machine's protection found and nobody has dealt with: open until it is remediated or dismissed.

A machine that falls silent keeps its alerts open: that nothing is heard of them heals nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from collector.model.campaign import alert_signature
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus
from collector.model.policy import Policy
from collector.model.snapshot import AlertState, EndpointState, Snapshot
from collector.model.subject import alert_subject, endpoint_subject
from collector.rules.rule import Rule

NAME = "endpoint_alert"

# Of an endpoint, each with an incident of its own; a scan that finds a thousand files is one trouble, not a thousand.
MOST_APART = 50

# Whatever severity its product gives it: the first is what we watch for, the second what comes just before.
DANGEROUS = frozenset({AlertCategory.RANSOMWARE, AlertCategory.TAMPERING})

_SEVERITY = {
    AlertSeverity.CRITICAL: Severity.CRITICAL,
    AlertSeverity.HIGH: Severity.CRITICAL,
    AlertSeverity.MEDIUM: Severity.WARNING,
    AlertSeverity.LOW: Severity.NOTICE,
    AlertSeverity.INFO: Severity.NOTICE,
}
_RANK = {severity: rank for rank, severity in enumerate(AlertSeverity)}  # 0 is the worst


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:  # noqa: ARG001 - nothing here ages
    return Evaluation(
        findings=tuple(found for one in snapshot.endpoints.values() if one.alerts for found in _findings(one, policy))
    )


def _findings(endpoint: EndpointState, policy: Policy) -> Iterator[Finding]:
    """The dangerous first, then the oldest, so that one that is alone stays so when others come."""
    least = policy.rules_of(endpoint_subject(endpoint.endpoint_id)).endpoint_alert.least
    raised = [one for one in endpoint.alerts.values() if _raises(one.alert, least)]
    raised.sort(key=lambda one: (one.alert.category not in DANGEROUS, _since(one), one.alert.id))
    yield from (_finding(endpoint, one) for one in raised[:MOST_APART])
    if rest := raised[MOST_APART:]:
        yield _gathered(endpoint, rest)


def _raises(alert: Alert, least: AlertSeverity) -> bool:
    severe = alert.category in DANGEROUS or _RANK[alert.severity] <= _RANK[least]
    return severe and alert.status is AlertStatus.OPEN


def _severity(alert: Alert) -> Severity:
    return Severity.CRITICAL if alert.category in DANGEROUS else _SEVERITY[alert.severity]


def _since(state: AlertState) -> datetime:
    """What was reported has happened, whatever its date says."""
    return min(state.alert.at, state.as_of)


def _finding(endpoint: EndpointState, state: AlertState) -> Finding:
    alert, severity = state.alert, _severity(state.alert)
    return Finding(
        rule=NAME,
        subject=alert_subject(endpoint.endpoint_id, alert.id),
        root=endpoint_subject(endpoint.endpoint_id),
        severity=severity,
        reason=alert.category.value,
        since=_since(state),
        facts={"endpoint": endpoint.name, "alert": alert.name, "found_severity": alert.severity.value},
        # What disturbs nobody at one practice does not do so at many.
        signature=None if severity is Severity.NOTICE else alert_signature(alert.category, alert.name),
    )


def _gathered(endpoint: EndpointState, rest: Sequence[AlertState]) -> Finding:
    """Those beyond the most that stand apart, as one that is as bad as the worst of them."""
    worst = _finding(endpoint, min(rest, key=lambda one: (_severity(one.alert).rank, _since(one), one.alert.id)))
    return Finding(
        rule=NAME,
        subject=worst.root,
        root=worst.root,
        severity=worst.severity,
        reason="many",
        since=min(map(_since, rest)),
        facts={**worst.facts, "count": str(len(rest))},
        signature=worst.signature,
    )


ENDPOINT_ALERT = Rule(NAME, check)
