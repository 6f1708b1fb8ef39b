"""Findings against the incidents that last, or did lately: which open, change, come back, are over."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid5

from collector.escalation.policies import policy_for
from collector.model.book import Book
from collector.model.escalation import Walk
from collector.model.finding import Finding
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.subject import Subject
from collector.model.value import earliest

# A relapse within a week is the same trouble to whoever had it then; later it is a new one.
REOPEN_WINDOW = timedelta(days=7)

_Key = tuple[str, Subject]


@dataclass(frozen=True)
class Change:
    """An incident as it is after what happened to it."""

    incident: Incident
    what: IncidentChange
    said: str


@dataclass(frozen=True)
class Reconciled:
    """Every incident touched or still lasting, what changed, and when one of them must be looked at again."""

    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]
    next_due: datetime | None


def reconcile(
    known: Iterable[Incident], findings: Iterable[Finding], policy: Policy, book: Book, now: datetime
) -> Reconciled:
    """One lasting incident for each (rule, subject) found; those found no longer are resolved.

    1. What lasted within a week before opens again instead of anew.
    2. What somebody closed by hand is closed, and comes back if it is found still after a while.
    3. What flaps stays open until it has been quiet for a while.
    4. What is grey opens none, and keeps open what is.
    """
    found = {(finding.rule, finding.subject): finding for finding in findings}
    lasting, gone = _sorted(known, now)
    touched: list[Incident] = []
    changes: list[Change] = []
    ends: list[datetime | None] = []
    for key, finding in found.items():
        before = lasting.get(key)
        if before is None:
            if finding.grey:
                continue
            before = gone.get(key)
            if until := _believed_until(before, book, now):
                ends.append(until)
                continue
            came = (
                _opened(finding, policy, book, now) if before is None else _reopened(before, finding, policy, book, now)
            )
            touched.append(came[-1].incident)
            changes += came
            continue
        if before.closing:
            continue
        change = _worsened(before, finding, policy, book, now)
        changes += [change] if change else []
        touched.append(change.incident if change else _refreshed(before, finding))
    for key, incident in lasting.items():
        if incident.closing is None and key in found:
            continue
        after, change, until = _ended(incident, policy, book, now)
        touched.append(after)
        changes += [change] if change else []
        ends.append(until)
    return Reconciled(tuple(touched), tuple(changes), earliest(ends))


def _sorted(known: Iterable[Incident], now: datetime) -> tuple[dict[_Key, Incident], dict[_Key, Incident]]:
    """Those that last, and of the others the last one of each that can still reopen."""
    lasting: dict[_Key, Incident] = {}
    gone: dict[_Key, Incident] = {}
    for one in sorted(known, key=lambda one: one.opened_at):
        key = (one.rule, one.subject)
        if one.lasts:
            lasting[key] = one
        elif one.resolved_at and now - one.resolved_at <= REOPEN_WINDOW:
            gone[key] = one
    return lasting, gone


def shown(findings: Iterable[Finding], lasting: Iterable[Incident]) -> tuple[Finding, ...]:
    """Findings as they are to be seen: only what is new is grey, and what was open stays as bad as it was."""
    known = {(incident.rule, incident.subject) for incident in lasting if incident.lasts}
    return tuple(
        one.model_copy(update={"grey": None}) if one.grey and (one.rule, one.subject) in known else one
        for one in findings
    )


def _opened(finding: Finding, policy: Policy, book: Book, now: datetime) -> list[Change]:
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
        openings=(now,),
        policy_version=policy.version,
        escalation=policy_for(book, finding.severity, finding.rule, policy.labels),
        walk=Walk(began_at=now),
        inhibited_by=finding.inhibited_by,
        signature=finding.signature,
    )
    return [Change(incident, IncidentChange.OPENED, finding.reason)]


def _reopened(before: Incident, finding: Finding, policy: Policy, book: Book, now: datetime) -> list[Change]:
    """The same trouble again: its history goes on, and it walks its steps anew."""
    recent = (*(at for at in before.openings if now - at <= book.flapping.within), now)
    flapping = len(recent) >= book.flapping.times
    told = ("root", "severity", "reason", "facts", "inhibited_by", "signature")
    said = f"{finding.reason}: found still, after {before.resolution}" if before.closing else finding.reason
    one = before.model_copy(
        update={name: getattr(finding, name) for name in told}
        | {
            "state": IncidentState.OPEN,
            "since": finding.since.astimezone(UTC),
            "reopened_at": now,
            "openings": recent,
            "flapping": flapping,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "acknowledged_until": None,
            "closing": None,
            "resolved_at": None,
            "resolution": None,
            "policy_version": policy.version,
            "escalation": policy_for(book, finding.severity, finding.rule, policy.labels),
            "walk": before.walk.anew(now),
            "ticket_id": None,
            "campaign_id": None,
        }
    )
    changes = [Change(one, IncidentChange.REOPENED, said)]
    if flapping:
        changes.append(Change(one, IncidentChange.FLAPPING, f"opened {len(recent)} times lately"))
    return changes


def _believed_until(before: Incident | None, book: Book, now: datetime) -> datetime | None:
    """How long what somebody closed by hand stays closed, although it is found."""
    if before is None or before.closing is None or before.resolved_at is None:
        return None
    until = before.resolved_at + book.closed_by_hand_for
    return until if now < until else None


def _worsened(incident: Incident, finding: Finding, policy: Policy, book: Book, now: datetime) -> Change | None:
    """A change of severity is news, and for the worse it waits for somebody again; the root stays what it was."""
    if finding.severity is incident.severity or finding.grey:
        return None
    update: dict[str, object] = {"severity": finding.severity}
    if finding.severity.rank < incident.severity.rank or not incident.walk.taken:
        update["escalation"] = policy_for(book, finding.severity, finding.rule, policy.labels)
    if finding.severity.rank < incident.severity.rank:  # what was acknowledged was less
        update |= {
            "state": IncidentState.OPEN, "acknowledged_at": None, "acknowledged_by": None, "acknowledged_until": None,
            "walk": incident.walk.anew(now),
        }  # fmt: skip
    worse = _refreshed(incident, finding).model_copy(update=update)
    return Change(worse, IncidentChange.SEVERITY, finding.severity.value)


def _refreshed(incident: Incident, finding: Finding) -> Incident:
    if finding.grey:
        return incident  # what we may only fail to see stays as it was
    told = ("reason", "facts", "inhibited_by", "signature")
    return incident.model_copy(update={name: getattr(finding, name) for name in told} | {"quiet_since": None})


def _ended(
    incident: Incident, policy: Policy, book: Book, now: datetime
) -> tuple[Incident, Change | None, datetime | None]:
    """Resolved, or if it flaps: quiet until then."""
    because = policy.retirement(incident.subject)
    if incident.flapping and because is None and incident.closing is None:
        quiet_since = incident.quiet_since or now
        until = quiet_since + book.flapping.quiet
        if now < until:
            return incident.model_copy(update={"quiet_since": quiet_since}), None, until
    change = _resolved(incident, because, now)
    return change.incident, change, None


def _resolved(incident: Incident, retired: str | None, now: datetime) -> Change:
    resolution = "recovered" if retired is None else f"retired: {retired}"
    if incident.closing:
        resolution = f"closed by {incident.closing.by}: {incident.closing.because}"
    update = {
        "state": IncidentState.RESOLVED, "resolved_at": now, "resolution": resolution,
        "flapping": False, "quiet_since": None, "snoozed_until": None, "snoozed_by": None,
    }  # fmt: skip
    return Change(incident.model_copy(update=update), IncidentChange.RESOLVED, resolution)
