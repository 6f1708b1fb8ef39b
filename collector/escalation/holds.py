"""What holds an incident back from notifying anybody, and what comes back when that ends."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.escalation.incidents import Change
from collector.model.campaign import CAMPAIGN, Kind, pattern_of
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.silence import Silence
from collector.model.value import earliest

SNOOZE = "snooze"


@dataclass(frozen=True)
class Held:
    """Incidents with what holds them, what changed by it, and when the next hold ends."""

    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]
    next_due: datetime | None


@dataclass(frozen=True)
class _Hold:
    by: str
    until: datetime | None
    said: str


def needs_two(incident: Incident) -> bool:
    """What one person cannot silence: an attack on many, and encryption anywhere."""
    if incident.rule == CAMPAIGN:
        return True
    return incident.signature is not None and pattern_of(incident.signature).kind is Kind.RANSOMWARE


def hold(incidents: Iterable[Incident], silences: Sequence[Silence], policy: Policy, now: datetime) -> Held:
    """Whatever has been held back, and still burns when that ends, walks its steps anew: somebody hears of it then."""
    after: list[Incident] = []
    changes: list[Change] = []
    ends: list[datetime | None] = []
    for incident in incidents:
        one, change, until = _held(incident, silences, policy, now) if incident.lasts else (incident, None, None)
        after.append(one)
        changes += [change] if change else []
        ends.append(until)
    return Held(tuple(after), tuple(changes), earliest(ends))


def _held(
    incident: Incident, silences: Sequence[Silence], policy: Policy, now: datetime
) -> tuple[Incident, Change | None, datetime | None]:
    attended = incident.acknowledged_until if incident.state is IncidentState.ACKNOWLEDGED else None
    if attended and attended <= now:
        return *_returned(incident, "the acknowledgement has expired", now), None
    found = _hold_of(incident, silences, policy, now)
    until = earliest([attended, found.until if found else None])
    before = incident.walk.held_by
    if found is None:
        return (*_returned(incident, f"{before} has ended", now), until) if before else (incident, None, until)
    if found.by == before:
        return incident, None, until
    walk = incident.walk.model_copy(update={"held_by": found.by})
    one = incident.model_copy(update={"walk": walk})
    return one, Change(one, IncidentChange.HELD, found.said), until


def _hold_of(incident: Incident, silences: Sequence[Silence], policy: Policy, now: datetime) -> _Hold | None:
    if incident.inhibited_by:
        return _Hold(incident.inhibited_by, None, incident.inhibited_by)
    if incident.snoozed_until and incident.snoozed_until > now:
        return _Hold(SNOOZE, incident.snoozed_until, f"snoozed by {incident.snoozed_by}")
    holding = ((one, one.holds_until(now)) for one in silences if _covers(one, incident, policy))
    last = max(((one, until) for one, until in holding if until), key=lambda pair: pair[1], default=None)
    return _Hold(f"silence:{last[0].silence_id}", last[1], f"{last[0].by}: {last[0].reason}") if last else None


def _covers(silence: Silence, incident: Incident, policy: Policy) -> bool:
    if needs_two(incident) and not silence.approved_by:
        return False
    labels: Mapping[str, str] = policy.labels
    return silence.scope.covers(policy.practice_id, labels, incident.rule, incident.subject)


def _returned(incident: Incident, why: str, now: datetime) -> tuple[Incident, Change]:
    """Back to whoever must be told, from its first step on."""
    update: dict[str, object] = {"walk": incident.walk.anew(now), "snoozed_until": None, "snoozed_by": None}
    if (
        incident.state is IncidentState.ACKNOWLEDGED
        and incident.acknowledged_until
        and incident.acknowledged_until <= now
    ):
        update |= {
            "state": IncidentState.OPEN, "acknowledged_at": None, "acknowledged_by": None, "acknowledged_until": None,
        }  # fmt: skip
    one = incident.model_copy(update=update)
    return one, Change(one, IncidentChange.RETURNED, why)
