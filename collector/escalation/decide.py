"""Which steps of its escalation policy an incident has come to."""

from dataclasses import dataclass
from datetime import datetime

from collector.escalation.oncall import Roster
from collector.model.escalation import Action, EscalationPolicy, Step, Walk
from collector.model.incident import Incident, IncidentState
from collector.model.value import earliest

# Parts of the day: who is not there in any of so many that suit the step is there never.
_ROUNDS = 100


@dataclass(frozen=True)
class Decision:
    """The places in the policy of the steps that are due, in order, and when the next one falls due."""

    due: tuple[int, ...]
    next_due: datetime | None


def decide(
    incident: Incident, policy: EscalationPolicy, now: datetime, roster: Roster, *, pages: bool = True
) -> Decision:
    """Each step is taken once a walk, in its time, and those that repeat until somebody has it.

    1. What is acknowledged, resolved or held takes none, and what flaps none while it is quiet.
    2. A step falls due when its time has come, in its part of the day, and somebody is there to be told.
    3. While something else pages for it (`pages`), it does not; nor while it is too mild for a step of this kind.
    """
    if incident.state is not IncidentState.OPEN or incident.walk.held_by or incident.quiet_since:
        return Decision((), None)
    steps = [(place, one) for place, one in enumerate(policy.steps) if _taken_now(one.action, incident.walk, pages)]
    falls = {place: _falls_due(one, incident.walk, place, now, roster) for place, one in steps}
    due = tuple(place for place, at in falls.items() if at is not None and at <= now)
    waits = (at for at in falls.values() if at is not None and at > now)
    again = (_again(policy.steps[place], now, now, roster) for place in due)
    return Decision(due, earliest((*waits, *again)))


def _taken_now(action: Action, walk: Walk, pages: bool) -> bool:
    return (pages or action is not Action.PAGE) and (walk.only is None or action in walk.only)


def _falls_due(step: Step, walk: Walk, place: int, now: datetime, roster: Roster) -> datetime | None:
    """When a step is to be taken, or taken again; none if that is never."""
    if last := walk.last(place):
        return _again(step, last.at, now, roster)
    at = walk.reaches(step)
    return _somebody_hears(step, at, now, roster) if step.waits or roster.fits(step.when, at) else None


def _again(step: Step, last: datetime, now: datetime, roster: Roster) -> datetime | None:
    return _somebody_hears(step, last + step.repeat, now, roster) if step.repeat else None


def _somebody_hears(step: Step, at: datetime, now: datetime, roster: Roster) -> datetime | None:
    """When somebody can be told from then on; if we are late for that, whoever is there now or next."""
    first = _somebody_there(step, at, roster)
    if first is None or first > now or step.action is Action.TICKET or roster.reached(step.to, step.action, now):
        return first
    return _somebody_there(step, now, roster)


def _somebody_there(step: Step, at: datetime, roster: Roster) -> datetime | None:
    """The first instant from then on in the step's part of the day at which somebody is there."""
    fits = roster.next_fit(step.when, at)
    for _ in range(_ROUNDS):
        if fits is None or step.action is Action.TICKET:
            return fits
        there = roster.somebody_from(step.to, step.action, fits)
        if there is None or there == fits:
            return there
        fits = roster.next_fit(step.when, there)
    return None
