"""Updates that are out have not been installed within their time, or wait for a restart.

Sources of the deadlines: the UK's Cyber Essentials asks for updates against critical and high risks within 14 days
(Requirements for IT Infrastructure, security update management); FedRAMP's continuous monitoring gives 30 days to
high and 90 to moderate risks. They count from the release; where that is unknown, from when one was first missing.

A scan that is too old is no news, good or bad. A deadline that came while the machine was silent is neither: one that
is off endangers nobody, and what it installed before is not told yet.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import PatchSeverity
from collector.model.policy import Policy
from collector.model.rule_settings import PatchesOverdue as Setting
from collector.model.snapshot import PatchState, Snapshot
from collector.model.subject import Subject
from collector.model.value import earliest
from collector.rules.endpoints import watched_endpoints
from collector.rules.liveness import silent_at
from collector.rules.rule import Rule

NAME = "patches_overdue"


class _Lack(NamedTuple):
    """Something that is late from an instant on: patches of one severity, or a restart."""

    since: datetime
    patches: PatchSeverity | None


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
            heard = [one for one in late if one.since < silent_at(endpoint, snapshot.gaps)]
            told = sorted(heard or late, key=_weight)
            unheard = None if heard else "endpoint_silent"
            grey = "patches_stale" if stale_at <= now else unheard
            findings.append(_finding(subject, endpoint.name, endpoint.patches, told, grey))
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(patches: PatchState, setting: Setting) -> Iterator[_Lack]:
    for severity, missing in patches.missing.items():
        deadline, oldest = setting.deadline.get(severity), missing.oldest_at
        if deadline is not None and oldest is not None:
            yield _Lack(oldest + deadline, severity)
    if patches.reboot_required_since is not None:
        yield _Lack(patches.reboot_required_since + setting.reboot, None)


def _weight(lack: _Lack) -> int:
    """The worst first, a restart last."""
    return len(PatchSeverity) if lack.patches is None else list(PatchSeverity).index(lack.patches)


def _finding(subject: Subject, endpoint: str, patches: PatchState, late: list[_Lack], grey: str | None) -> Finding:
    """One for a machine: the worst, with what else is late."""
    worst = late[0]
    facts = dict(_fact(one, patches) for one in late)
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=Severity.CRITICAL if worst.patches is PatchSeverity.CRITICAL else Severity.WARNING,
        reason="overdue" if worst.patches else "reboot_pending",
        since=worst.since,
        facts={"endpoint": endpoint} | facts,
        grey=grey,
    )


def _fact(lack: _Lack, patches: PatchState) -> tuple[str, str]:
    """How many of its severity are missing and how old the oldest is, or since when the restart waits."""
    if lack.patches is None:
        return "reboot_required_since", str(patches.reboot_required_since and patches.reboot_required_since.isoformat())
    missing = patches.missing[lack.patches]
    since = missing.oldest_at
    return lack.patches.value, f"{missing.count}, the oldest since {since.isoformat() if since else 'unknown'}"


PATCHES_OVERDUE = Rule(NAME, check)
