"""Which steps of its escalation policy an incident has come to."""

from dataclasses import dataclass
from datetime import datetime

from collector.escalation.oncall import Roster
from collector.model.escalation import Action, EscalationPolicy, Step, Taken, Walk
from collector.model.incident import Incident, IncidentState
from collector.model.value import earliest


@dataclass(frozen=True)
class Decision:
    """The places in the policy of the steps that are due, in order, and when the next one falls due."""

    due: tuple[int, ...]
    next_due: datetime | None


def decide(
    incident: Incident, policy: EscalationPolicy, now: datetime, roster: Roster, *, pages: bool = True
) -> Decision:
    """Each step is taken once a walk, in its time, and those that repeat until somebody has it.

    1. What is acknowledged, resolved or held takes none.
    2. A step falls due when its time has come, in its part of the day, and somebody is there to be told.
    3. While something else pages for it (`pages`), it does not.
    """
    if incident.state is not IncidentState.OPEN or incident.walk.held_by:
        return Decision((), None)
    steps = [(place, one) for place, one in enumerate(policy.steps) if pages or one.action is not Action.PAGE]
    falls = [(place, _falls_due(one, incident.walk, incident.walk.last(place), roster)) for place, one in steps]
    due = tuple(place for place, at in falls if at is not None and at <= now)
    again = [
        _falls_due(one, incident.walk, Taken(step=place, times=1, at=now), roster)
        for place, one in steps
        if place in due
    ]
    return Decision(due, earliest([*again, *(at for place, at in falls if place not in due)]))


def _falls_due(step: Step, walk: Walk, last: Taken | None, roster: Roster) -> datetime | None:
    """When a step is to be taken, or taken again; none if that is never."""
    if last is None:
        at: datetime | None = walk.began_at + step.after
    else:
        at = last.at + step.repeat if step.repeat else None
    if at is None or (not step.waits and last is None and not roster.fits(step.when, at)):
        return None
    while at is not None:
        fits = roster.next_fit(step.when, at)
        if fits is None or step.action is Action.TICKET:
            return fits
        at = roster.somebody_from(step.to, step.action, fits)
        if at == fits:
            return at
    return None
