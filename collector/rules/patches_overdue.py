"""Updates that are out have not been installed within their time, or wait for a restart.

Sources of the deadlines: the UK's Cyber Essentials asks for updates against critical and high risks within 14 days
(Requirements for IT Infrastructure, security update management); FedRAMP's continuous monitoring gives 30 days to
high and 90 to moderate risks. They count from the release; where that is unknown, from when one was first missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import PatchSeverity
from collector.model.policy import Policy
from collector.model.rule_settings import PatchesOverdue as Setting
from collector.model.snapshot import EndpointState, PatchState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import earliest
from collector.rules.endpoints import watched_endpoints
from collector.rules.rule import Rule

NAME = "patches_overdue"


@dataclass(frozen=True)
class _Lack:
    """Something that is late from an instant on; of patches their severity, how many and how old."""

    reason: str
    severity: Severity
    since: datetime
    facts: dict[str, str]


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for subject, endpoint in watched_endpoints(snapshot, policy):
        if endpoint.patches is None:
            continue
        setting = policy.rules_of(subject).patches_overdue
        lacks = tuple(_lacks(endpoint.patches, setting))
        stale_at = endpoint.patches.looked_at + setting.stale
        dues.extend(at for at in (stale_at, *(one.since for one in lacks)) if at > now)
        late = [one for one in lacks if one.since <= min(now, stale_at)]
        if late:
            findings.append(_finding(endpoint, late, grey="patches_stale" if stale_at <= now else None))
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(patches: PatchState, setting: Setting) -> Iterator[_Lack]:
    """The worst first."""
    for severity in PatchSeverity:
        missing, deadline = patches.missing.get(severity), setting.deadline.get(severity)
        if missing is None or deadline is None or missing.oldest_at is None:
            continue
        yield _Lack(
            reason="overdue",
            severity=Severity.CRITICAL if severity is PatchSeverity.CRITICAL else Severity.WARNING,
            since=missing.oldest_at + deadline,
            facts={severity.value: f"{missing.count}, the oldest since {missing.oldest_at.isoformat()}"},
        )
    if patches.reboot_required_since is not None:
        pending = patches.reboot_required_since
        facts = {"reboot_required_since": pending.isoformat()}
        yield _Lack(reason="reboot_pending", severity=Severity.WARNING, since=pending + setting.reboot, facts=facts)


def _finding(endpoint: EndpointState, late: list[_Lack], grey: str | None) -> Finding:
    """One for a machine: the worst, with what else is late. A scan that is too old is no news, good or bad."""
    subject, worst = endpoint_subject(endpoint.endpoint_id), late[0]
    facts = {name: fact for one in late for name, fact in one.facts.items()}
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=worst.severity,
        reason=worst.reason,
        since=worst.since,
        facts={"endpoint": endpoint.name} | facts,
        grey=grey,
    )


PATCHES_OVERDUE = Rule(NAME, check)
