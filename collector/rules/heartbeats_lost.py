"""Heartbeats of a machine are lost on the way: a line that drops them will drop an alarm."""

from datetime import datetime, timedelta

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Sighting, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest
from collector.rules.liveness import silent_at
from collector.rules.rule import Rule

NAME = "heartbeats_lost"

_DAY = timedelta(days=1)
# Of a machine that is heard every few hours one or two are a large share, and say nothing.
_LEAST = 5


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """Over once the oldest gap is a day old: then they are counted anew. A silent machine loses none."""
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for endpoint in snapshot.endpoints.values():
        sighting = endpoint.sighting
        if sighting is None or sighting.lost_until is None or sighting.lost_until <= now:
            continue
        subject = endpoint_subject(endpoint.endpoint_id)
        if policy.retirement(subject) is not None:
            continue
        share = policy.rules_of(subject).heartbeats_lost.share
        if sighting.lost_heartbeats >= _LEAST and sighting.lost_heartbeats > share * _of_a_day(sighting):
            falls_silent_at = silent_at(endpoint, snapshot.gaps)
            silent = falls_silent_at <= now
            findings.append(_finding(endpoint, sighting, sighting.lost_until - _DAY, silent=silent))
            dues += [sighting.lost_until, None if silent else falls_silent_at]
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _of_a_day(sighting: Sighting) -> float:
    return _DAY.total_seconds() / sighting.interval_s


def _finding(endpoint: EndpointState, sighting: Sighting, since: datetime, *, silent: bool) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=Severity.WARNING,
        reason="gaps",
        since=since,
        facts={
            "endpoint": endpoint.name,
            "lost": str(sighting.lost_heartbeats),
            "of_a_day": str(round(_of_a_day(sighting))),
        },
        grey="endpoint_silent" if silent else None,
    )


HEARTBEATS_LOST = Rule(NAME, check)
