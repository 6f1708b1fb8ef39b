"""Findings against the incidents that last: which open, which change, which are over."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid5

from collector.escalation.policies import for_severity
from collector.model.finding import Finding
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.subject import Subject

_Key = tuple[str, Subject]


@dataclass(frozen=True)
class Change:
    """An incident as it is after what happened to it."""

    incident: Incident
    what: IncidentChange
    said: str


def reconcile(
    lasting: Iterable[Incident], findings: Iterable[Finding], policy: Policy, now: datetime
) -> tuple[tuple[Incident, ...], tuple[Change, ...]]:
    """One lasting incident for each (rule, subject) found; those found no longer are resolved.

    What is grey opens none, and keeps open what is.

    Returns every incident touched or still lasting, and what changed.
    """
    found = {(finding.rule, finding.subject): finding for finding in findings}
    known = {(incident.rule, incident.subject): incident for incident in lasting}
    incidents: list[Incident] = []
    changes: list[Change] = []
    for key, finding in found.items():
        if finding.grey and key not in known:
            continue
        change = _opened(finding, policy, now) if key not in known else _worsened(known[key], finding)
        changes.extend([change] if change else [])
        incidents.append(change.incident if change else _refreshed(known[key], finding))
    for key, incident in known.items():
        if key not in found:
            change = _resolved(incident, policy, now)
            changes.append(change)
            incidents.append(change.incident)
    return tuple(incidents), tuple(changes)


def shown(findings: Iterable[Finding], lasting: Iterable[Incident]) -> tuple[Finding, ...]:
    """Findings as they are to be seen: only what is new is grey, and what was open stays as bad as it was."""
    known = {(incident.rule, incident.subject) for incident in lasting}
    return tuple(
        one.model_copy(update={"grey": None}) if one.grey and (one.rule, one.subject) in known else one
        for one in findings
    )


def _opened(finding: Finding, policy: Policy, now: datetime) -> Change:
    identity = f"{finding.rule}|{finding.subject}|{now.isoformat()}"
    incident = Incident(
        incident_id=uuid5(policy.practice_id, identity),
        rule=finding.rule,
        subject=finding.subject,
        root=finding.root,
        severity=finding.severity,
        reason=finding.reason,
        facts=finding.facts,
        state=IncidentState.OPEN,
        since=finding.since.astimezone(UTC),  # PostgreSQL refuses offsets that RFC 3339 has
        opened_at=now,
        policy_version=policy.version,
        escalation=for_severity(finding.severity),
        inhibited_by=finding.inhibited_by,
        signature=finding.signature,
    )
    return Change(incident, IncidentChange.OPENED, finding.reason)


def _worsened(incident: Incident, finding: Finding) -> Change | None:
    """A change of severity is news, and for the worse it waits for somebody again; the root stays what it was."""
    if finding.severity is incident.severity or finding.grey:
        return None
    update: dict[str, object] = {"severity": finding.severity}
    if not incident.steps_done:  # nobody was told of it yet
        update["escalation"] = for_severity(finding.severity)
    if finding.severity.rank < incident.severity.rank:  # what was acknowledged was less
        update |= {"state": IncidentState.OPEN, "acknowledged_at": None, "acknowledged_by": None}
    worse = _refreshed(incident, finding).model_copy(update=update)
    return Change(worse, IncidentChange.SEVERITY, finding.severity.value)


def _refreshed(incident: Incident, finding: Finding) -> Incident:
    if finding.grey:
        return incident  # what we may only fail to see stays as it was
    told = ("reason", "facts", "inhibited_by", "signature")
    return incident.model_copy(update={name: getattr(finding, name) for name in told})


def _resolved(incident: Incident, policy: Policy, now: datetime) -> Change:
    because = policy.retirement(incident.subject)
    resolution = "recovered" if because is None else f"retired: {because}"
    update = {"state": IncidentState.RESOLVED, "resolved_at": now, "resolution": resolution}
    return Change(incident.model_copy(update=update), IncidentChange.RESOLVED, resolution)
