"""Our own agent on a machine is older than its provider wants: what it does not look at, nobody sees."""

import re
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest
from collector.rules.liveness import silent_at
from collector.rules.rule import Rule

NAME = "agent_outdated"

# As collector/agent names itself; others have versions of their own.
_OURS = re.compile(r"vigie-agent/(\d+(?:\.\d+)*)")

_Version = tuple[int, ...]


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """A machine that fell silent may have been updated since."""
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for endpoint in snapshot.endpoints.values():
        subject = endpoint_subject(endpoint.endpoint_id)
        oldest = policy.rules_of(subject).agent_outdated.oldest
        if oldest is not None and _is_older(endpoint, oldest) and policy.retirement(subject) is None:
            falls_silent_at = silent_at(endpoint, snapshot.gaps)
            silent = falls_silent_at <= now
            findings.append(_finding(endpoint, oldest, silent=silent))
            dues.append(None if silent else falls_silent_at)
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _is_older(endpoint: EndpointState, oldest: str) -> bool:
    ours = _OURS.match(endpoint.agent or "")
    return ours is not None and _version(ours[1]) < _version(oldest)


def _version(written: str) -> _Version:
    """1.4 and 1.4.0 are the same."""
    numbers = [int(one) for one in written.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _finding(endpoint: EndpointState, oldest: str, *, silent: bool) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=Severity.NOTICE,
        reason="old",
        since=endpoint.as_of,
        facts={"endpoint": endpoint.name, "agent": endpoint.agent or "", "oldest": oldest},
        grey="endpoint_silent" if silent else None,
    )


AGENT_OUTDATED = Rule(NAME, check)
