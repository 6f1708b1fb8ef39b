"""What holds an incident back from notifying anybody, and what comes back when that ends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.escalation.incidents import NOBODY_HAS_IT, NOT_SNOOZED, Change, Reconciled, Turn
from collector.model.campaign import LONGEST_ALONE, needs_two
from collector.model.escalation import Walk
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.silence import Silence
from collector.model.value import earliest

SNOOZE = "snooze"
_SILENCE = "silence:"

# What its history and its ticket say of an incident that is back.
EXPIRED = "the acknowledgement has expired"
LET_GO = "let go of by hand"
SNOOZE_ENDED = "the snooze has ended"


@dataclass(frozen=True)
class _Hold:
    by: str
    until: datetime | None
    said: str


def hold(incidents: Iterable[Incident], silences: Sequence[Silence], policy: Policy, now: datetime) -> Reconciled:
    """Whatever has been held back, and still burns when that ends, comes back: whoever was told hears of it again.

    What somebody had, and has no longer, comes back the same way; what somebody has meanwhile does not.
    """
    return Reconciled.of([_held(one, silences, policy, now) if one.lasts else Turn(one) for one in incidents])


def _held(incident: Incident, silences: Sequence[Silence], policy: Policy, now: datetime) -> Turn:
    covering = [one for one in silences if _covers(one, incident, policy)]
    one, ended = _let_go(incident, now)
    found = _hold_of(one, covering, now)
    begins = () if found else (one.begins(now) for one in covering)
    held, changes = _kept_back(one, found, ended, now) if found else _freed(one, ended, now)
    return Turn(held, changes, earliest((_had_until(held, now), found.until if found else None, *begins)))


def _had_until(incident: Incident, now: datetime) -> datetime | None:
    """When whoever has it is to have it no longer. What takes two people nobody has for long, however it came to be."""
    if incident.state is not IncidentState.ACKNOWLEDGED or incident.acknowledged_until is None:
        return None
    if incident.walk.held_by or not needs_two(incident):
        return incident.acknowledged_until
    return min(incident.acknowledged_until, (incident.walk.stopped_at or now) + LONGEST_ALONE)


def _let_go(incident: Incident, now: datetime) -> tuple[Incident, str | None]:
    """Without what has ended by the clock, and how that is said.

    Whoever snoozed what somebody has wants it back then; whoever takes what is snoozed ends the snooze by that.
    """
    if incident.snoozed_until and incident.snoozed_until <= now:
        if incident.walk.held_by == SNOOZE:
            return incident.model_copy(update={**NOT_SNOOZED, **NOBODY_HAS_IT}), SNOOZE_ENDED
        incident = incident.model_copy(update=NOT_SNOOZED)
    end = _had_until(incident, now)
    if end is None or end > now:
        return incident, None
    return incident.model_copy(update=NOBODY_HAS_IT), EXPIRED


def _kept_back(incident: Incident, by: _Hold, ended: str | None, now: datetime) -> tuple[Incident, tuple[Change, ...]]:
    changes = (_in_history(incident, ended),) if ended else ()
    if by.by == incident.walk.held_by:
        return incident, changes
    stopped = {"held_by": by.by, "stopped_at": incident.walk.stopped_at or now}
    one = incident.model_copy(update={"walk": incident.walk.model_copy(update=stopped)})
    return one, (*changes, _in_history(one, by.said))


def _in_history(incident: Incident, said: str) -> Change:
    return Change(incident, IncidentChange.HELD, said, quiet=True)


def _freed(incident: Incident, ended: str | None, now: datetime) -> tuple[Incident, tuple[Change, ...]]:
    """Back to whoever must be told, unless somebody has it.

    What takes two people to silence runs on while one has it: whatever has fallen due meanwhile is told at once.
    """
    walk = incident.walk
    if incident.state is IncidentState.ACKNOWLEDGED:
        return incident.model_copy(update={"walk": _theirs(walk, now)}), ()
    if walk.held_by is None and walk.stopped_at is None and ended is None:
        return incident, ()
    ran_on = walk.held_by is None and needs_two(incident)
    one = incident.model_copy(update={"walk": walk.resumed(now, ran_on=ran_on)})
    return one, (Change(one, IncidentChange.RETURNED, ended or _ended(walk.held_by)),)


def _theirs(walk: Walk, now: datetime) -> Walk:
    """It rests as long as somebody has it, and that begins once nothing else holds it."""
    if walk.held_by is None:
        return walk.model_copy(update={"stopped_at": walk.stopped_at or now})
    ran = (walk.stopped_at or now) - walk.began_at
    rests = {"began_at": now, "waited": walk.waited + ran, "held_by": None, "stopped_at": now}
    return walk.model_copy(update=rests)


def _ended(held_by: str | None) -> str:
    if held_by is None:
        return LET_GO
    if held_by == SNOOZE:
        return SNOOZE_ENDED
    if held_by.startswith(_SILENCE):
        return "the silence has ended"
    return f"{held_by} speaks for it no longer"


def _hold_of(incident: Incident, covering: Sequence[Silence], now: datetime) -> _Hold | None:
    if incident.inhibited_by:
        return _Hold(incident.inhibited_by, None, incident.inhibited_by)
    if incident.snoozed_until and incident.snoozed_until > now and not needs_two(incident):
        return _Hold(SNOOZE, incident.snoozed_until, f"snoozed by {incident.snoozed_by}")
    holding = ((f"{_SILENCE}{one.silence_id}", one, until) for one in covering if (until := one.holds_until(now)))
    by, one, until = max(holding, key=lambda of: (of[0] == incident.walk.held_by, of[2]), default=(None, None, None))
    return _Hold(by, until, f"{one.by}: {one.reason}") if by and one else None


def _covers(silence: Silence, incident: Incident, policy: Policy) -> bool:
    covered = silence.scope.covers(policy.practice_id, policy.labels, incident.rule, incident.subject)
    return covered and (silence.approved_by is not None or not needs_two(incident))
