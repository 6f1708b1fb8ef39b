"""A machine's clock is wrong: its backups run at other times than agreed, and sign-ins and certificates fail."""

from datetime import datetime, timedelta

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest
from collector.rules.liveness import last_seen, silent_at
from collector.rules.rule import Rule

NAME = "clock_skew"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """What the clock of a silent machine says by now, nobody knows."""
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for endpoint in snapshot.endpoints.values():
        if not endpoint.lag:
            continue
        subject = endpoint_subject(endpoint.endpoint_id)
        if abs(endpoint.lag) > policy.rules_of(subject).clock_skew.over and policy.retirement(subject) is None:
            falls_silent_at = silent_at(endpoint, snapshot.gaps)
            silent = falls_silent_at <= now
            findings.append(_finding(endpoint, grey="endpoint_silent" if silent else None))
            dues.append(None if silent else falls_silent_at)
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _finding(endpoint: EndpointState, grey: str | None) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=Severity.WARNING,
        reason=_reason(endpoint.lag),
        since=last_seen(endpoint),
        facts={"endpoint": endpoint.name, "off_s": str(round(abs(endpoint.lag).total_seconds()))},
        grey=grey,
    )


def _reason(lag: timedelta) -> str:
    return "behind" if lag > timedelta(0) else "ahead"


CLOCK_SKEW = Rule(NAME, check)
