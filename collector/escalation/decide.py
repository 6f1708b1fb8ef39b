"""Which steps of its escalation policy an incident has come to."""

from dataclasses import dataclass
from datetime import datetime

from collector.model.incident import EscalationPolicy, Incident, IncidentState, Step


@dataclass(frozen=True)
class Decision:
    """The steps due and not yet taken, in order, and when the next one falls due."""

    due: tuple[Step, ...]
    next_due: datetime | None


def decide(incident: Incident, policy: EscalationPolicy, now: datetime) -> Decision:
    """Steps are taken once, in order; an acknowledged or resolved incident takes none, nor does an inhibited one."""
    if incident.state is not IncidentState.OPEN or incident.inhibited_by:
        return Decision((), None)
    left = policy.steps[incident.steps_done :]
    due = tuple(step for step in left if incident.opened_at + step.after <= now)
    waiting = left[len(due) :]
    return Decision(due, incident.opened_at + waiting[0].after if waiting else None)
