"""Findings against the incidents that last, or did lately: which open, change, come back, are over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import uuid5

from collector.escalation.policies import policy_for
from collector.model.book import Book
from collector.model.campaign import needs_two
from collector.model.duration import write_duration
from collector.model.escalation import Action, EscalationPolicy, Walk
from collector.model.finding import Finding
from collector.model.incident import RECOVERED, Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.subject import Subject
from collector.model.value import earliest

# A relapse within a week is the same trouble to whoever had it then; later it is a new one.
REOPEN_WINDOW = timedelta(days=7)
# What takes two people to silence cannot be closed away by one: long enough for its ticket to hear of both.
_DOUBTED = timedelta(seconds=1)

# What an incident takes from its finding each time.
_TOLD = ("reason", "facts", "inhibited_by", "signature")
NOBODY_HAS_IT: Mapping[str, object] = {
    "state": IncidentState.OPEN, "acknowledged_at": None, "acknowledged_by": None, "acknowledged_until": None,
}  # fmt: skip
NOT_SNOOZED: Mapping[str, object] = {"snoozed_until": None, "snoozed_by": None}

# What its history says; collector/texts has each in every language.
QUIET = "found no longer, and waited for"
FOUND_AGAIN = "found again"
CALM = "flaps no more"
NOBODY_LEFT = "nobody whom a step tells is there any more: today's steps are walked"

_Key = tuple[str, Subject]


@dataclass(frozen=True)
class Change:
    """An incident as it is after what happened to it; what is `quiet` stands in its history and is told to nobody."""

    incident: Incident
    what: IncidentChange
    said: str
    quiet: bool = False


_Changed = tuple[Incident, tuple[Change, ...]]


@dataclass(frozen=True)
class Turn:
    """What becomes of one incident, what changed by it, and when to look at it again."""

    incident: Incident | None
    changes: tuple[Change, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True)
class Reconciled:
    """Every incident touched or still lasting, what changed, and when one of them must be looked at again."""

    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]
    next_due: datetime | None

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> Self:
        return cls(
            tuple(turn.incident for turn in turns if turn.incident),
            tuple(change for turn in turns for change in turn.changes),
            earliest(turn.until for turn in turns),
        )


@dataclass(frozen=True)
class _Judging:
    policy: Policy
    book: Book
    now: datetime

    def steps_for(self, finding: Finding) -> EscalationPolicy:
        return policy_for(self.book, finding.severity, finding.rule, self.policy.labels)


def reconcile(
    known: Iterable[Incident], findings: Iterable[Finding], policy: Policy, book: Book, now: datetime
) -> Reconciled:
    """One lasting incident for each (rule, subject) found; those found no longer are resolved.

    1. What lasted within a week before opens again instead of anew.
    2. What somebody closed by hand is closed, and comes back if it is found still after a while, or has become worse.
    3. What flaps stays open until it has been quiet for a while.
    4. What is grey opens none, and keeps open what is, or what one person closed and takes two.
    """
    judging = _Judging(policy, book, now)
    found = {(finding.rule, finding.subject): finding for finding in findings}
    lasting, gone = _sorted(known, now)
    turns = [_found(finding, lasting.get(key), gone.get(key), judging) for key, finding in found.items()]
    turns += [_ended(one, judging) for key, one in lasting.items() if key not in found]
    turns += [Turn(_over(one)) for key, one in gone.items() if key not in found and one.closing]
    return Reconciled.of(turns)


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


def _found(finding: Finding, lasting: Incident | None, gone: Incident | None, judging: _Judging) -> Turn:
    if lasting:
        return _closed(lasting, finding, judging) if lasting.closing else _goes_on(lasting, finding, judging)
    if finding.grey and not (gone and gone.closing and needs_two(gone)):
        return Turn(None)
    if gone is None:
        return _opened(finding, judging)
    until = _believed_until(gone, finding, judging)
    return Turn(None, until=until) if until else _reopened(gone, finding, judging)


def _opened(finding: Finding, judging: _Judging) -> Turn:
    policy, now = judging.policy, judging.now
    incident = Incident(
        incident_id=uuid5(policy.practice_id, f"{finding.rule}|{finding.subject}|{now.isoformat()}"),
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
        escalation=judging.steps_for(finding),
        walk=Walk(began_at=now),
        inhibited_by=finding.inhibited_by,
        signature=finding.signature,
    )
    return Turn(incident, (Change(incident, IncidentChange.OPENED, finding.reason),))


def _reopened(before: Incident, finding: Finding, judging: _Judging) -> Turn:
    """The same trouble again: its history goes on, and nothing that people did to it then holds now.

    What was closed by hand goes on in its ticket at once; else its steps say when it comes to one.
    """
    openings = before.openings if before.closing else _openings(before, judging)
    taken = {name: getattr(finding, name) for name in (*_TOLD, "root", "severity")}
    again: dict[str, object] = {
        "since": finding.since.astimezone(UTC),
        "reopened_at": judging.now,
        "openings": openings,
        "flapping": before.closing is None and _flaps(openings, judging),
        "quiet_since": None,
        "closing": None,
        "resolved_at": None,
        "resolution": None,
        "policy_version": judging.policy.version,
        "escalation": judging.steps_for(finding),
        "walk": _way_back(before, finding, judging.now),
        "ticket_id": before.ticket_id if before.closing else None,
        "campaign_id": None,
    }
    one = before.model_copy(update={**taken, **NOBODY_HAS_IT, **NOT_SNOOZED, **again})
    changes = [Change(one, IncidentChange.REOPENED, finding.reason)]
    if before.closing:
        changes.append(Change(one, IncidentChange.RETURNED, f"found still, after it was {before.resolution}"))
    return Turn(one, (*changes, *_flapping(one, judging)))


def _way_back(before: Incident, finding: Finding, now: datetime) -> Walk:
    """A relapse walks anew; what was never over goes on where it was closed, as if nobody had if it takes two."""
    if before.closing is None or finding.severity.rank < before.severity.rank:
        return before.walk.anew(now)
    closed = before.walk.model_copy(update={"stopped_at": before.walk.stopped_at or before.resolved_at, "only": None})
    return closed.resumed(now, ran_on=needs_two(before))


def _believed_until(before: Incident, finding: Finding, judging: _Judging) -> datetime | None:
    """How long what somebody closed by hand stays closed, although it is found; what has become worse does not."""
    if before.closing is None or before.closing.doubted or before.resolved_at is None:
        return None
    until = before.resolved_at + _believed_for(before, judging)
    return until if judging.now < until and finding.severity.rank >= before.severity.rank else None


def _believed_for(incident: Incident, judging: _Judging) -> timedelta:
    return min(judging.book.closed_by_hand_for, _DOUBTED) if needs_two(incident) else judging.book.closed_by_hand_for


def _goes_on(incident: Incident, finding: Finding, judging: _Judging) -> Turn:
    """Whatever is found of it is taken, but for what we may only fail to see; the root stays what it was."""
    if finding.grey:
        return Turn(incident)
    one = incident.model_copy(update={name: getattr(finding, name) for name in _TOLD})
    changes: tuple[Change, ...] = ()
    for step in (_calmed, _weighed, _led):
        one, more = step(one, finding, judging)
        changes += more
    return Turn(one, changes, _calms_at(one, judging) if one.flapping else None)


def _weighed(incident: Incident, finding: Finding, judging: _Judging) -> _Changed:
    if finding.severity is incident.severity:
        return incident, ()
    return (_worse if finding.severity.rank < incident.severity.rank else _milder)(incident, finding, judging)


def _worse(incident: Incident, finding: Finding, judging: _Judging) -> _Changed:
    """What was acknowledged or snoozed was less: somebody hears of it again, unless it comes and goes all the time."""
    openings, steps = _openings(incident, judging), judging.steps_for(finding)
    flapping = incident.flapping or _flaps(openings, judging)
    walks_on = flapping and steps == incident.escalation
    anew = {**NOBODY_HAS_IT, **NOT_SNOOZED, "escalation": steps, "walk": incident.walk.anew(judging.now)}
    whole = incident.walk.model_copy(update={"only": None})
    raised = {"severity": finding.severity, "openings": openings, "flapping": flapping, "walk": whole}
    one = incident.model_copy(update=raised if walks_on else {**raised, **anew})
    change = Change(one, IncidentChange.SEVERITY, finding.severity.value, quiet=incident.flapping and walks_on)
    return one, (change, *(() if incident.flapping else _flapping(one, judging)))


def _milder(incident: Incident, finding: Finding, judging: _Judging) -> _Changed:
    """Whoever was told goes on with it, as far as what is so mild is told at all; who was not is told by that."""
    steps, told = judging.steps_for(finding), bool(incident.walk.taken)
    walk = incident.walk.model_copy(update={"only": steps.actions if told else None})
    update = {"severity": finding.severity, "walk": walk, "escalation": incident.escalation if told else steps}
    one = incident.model_copy(update=update)
    return one, (Change(one, IncidentChange.SEVERITY, finding.severity.value, quiet=one.flapping),)


def _led(incident: Incident, finding: Finding, judging: _Judging) -> _Changed:
    """Steps are as old as the incident: today's are walked where all whom one of them tells have left the book.

    So they are where none is for what is so mild, unless it comes and goes all the time.
    """
    steps, only, todays = incident.escalation, incident.walk.only, judging.steps_for(finding)
    left = not all(judging.book.knows_any(step.to) for step in steps.steps if step.action is not Action.TICKET)
    too_mild = only and not incident.flapping and not set(only).intersection(steps.actions)
    if todays == steps or not (left or too_mild):
        return incident, ()
    one = incident.model_copy(update={"escalation": todays, "walk": incident.walk.anew(judging.now)})
    return one, (Change(one, IncidentChange.RETURNED, NOBODY_LEFT),) if left else ()


def _openings(incident: Incident, judging: _Judging) -> tuple[datetime, ...]:
    """When it opened or became worse of late, and now; of those that say that it flaps the last ones."""
    flapping = judging.book.flapping
    lately = [at for at in incident.openings if timedelta(0) < judging.now - at < flapping.within]
    return (*lately, judging.now)[-flapping.times :]


def _flaps(openings: tuple[datetime, ...], judging: _Judging) -> bool:
    return len(openings) >= judging.book.flapping.times


def _flapping(incident: Incident, judging: _Judging) -> tuple[Change, ...]:
    """Says so, where it does."""
    if not incident.flapping:
        return ()
    of = judging.book.flapping
    within, quiet = write_duration(of.within), write_duration(of.quiet)
    said = f"raised {of.times} times within {within}: stays open until it has been quiet for {quiet}"
    return (Change(incident, IncidentChange.FLAPPING, said),)


def _calmed(incident: Incident, _: Finding, judging: _Judging) -> _Changed:
    """What flaps has come back from being quiet, or has lasted for so long that it flaps no more."""
    if incident.quiet_since:
        update: dict[str, object] = {"quiet_since": None, "openings": _openings(incident, judging)}
        return _flapped(incident.model_copy(update=update), FOUND_AGAIN)
    if incident.flapping and not _still_flaps(incident, judging):
        return _flapped(incident.model_copy(update={"flapping": False}), CALM)
    return incident, ()


def _flapped(incident: Incident, said: str) -> _Changed:
    return incident, (Change(incident, IncidentChange.FLAPPING, said, quiet=True),)


def _still_flaps(incident: Incident, judging: _Judging) -> bool:
    return incident.flapping and (incident.quiet_since is not None or judging.now < _calms_at(incident, judging))


def _calms_at(incident: Incident, judging: _Judging) -> datetime:
    """When it has lasted for so long that it flaps no more."""
    return incident.openings[-1] + judging.book.flapping.within


def _ended(incident: Incident, judging: _Judging) -> Turn:
    """Found no longer: resolved, or if it flaps quiet until it has been so for long enough."""
    retired = judging.policy.retirement(incident.subject)
    if incident.closing:
        return _resolved(_over(incident), _by_hand(incident), judging.now)
    if retired is None and _still_flaps(incident, judging):
        until = (incident.quiet_since or judging.now) + judging.book.flapping.quiet
        if judging.now < until:
            return Turn(*_quiet(incident, judging), until)
    return _resolved(incident, RECOVERED if retired is None else f"retired: {retired}", judging.now)


def _quiet(incident: Incident, judging: _Judging) -> _Changed:
    if incident.quiet_since:
        return incident, ()
    return _flapped(incident.model_copy(update={"quiet_since": judging.now}), QUIET)


def _closed(incident: Incident, finding: Finding, judging: _Judging) -> Turn:
    """Somebody says that it is over, although it is found, as bad as it is now: looked at again after a while."""
    severity = incident.severity if finding.grey else finding.severity
    closed = _resolved(incident.model_copy(update={"severity": severity}), _by_hand(incident), judging.now)
    return Turn(closed.incident, closed.changes, judging.now + _believed_for(incident, judging))


def _by_hand(incident: Incident) -> str:
    return f"closed by {incident.closing.by}: {incident.closing.because}" if incident.closing else ""


def _over(incident: Incident) -> Incident:
    """Whoever closed it was right: what is found after this is a relapse."""
    return incident.model_copy(update={"closing": None})


def _resolved(incident: Incident, resolution: str, now: datetime) -> Turn:
    over = {"state": IncidentState.RESOLVED, "resolved_at": now, "resolution": resolution}
    one = incident.model_copy(update={**over, "flapping": False, "quiet_since": None, **NOT_SNOOZED})
    return Turn(one, (Change(one, IncidentChange.RESOLVED, resolution),))
