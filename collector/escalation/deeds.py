"""What people do to an incident: each deed makes a change, is refused by name, or finds it done already."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from collector.escalation.incidents import NOBODY_HAS_IT, NOT_SNOOZED, Change
from collector.model.campaign import CAMPAIGN, LONGEST_ALONE, needs_two
from collector.model.happening import Deed, Happening
from collector.model.incident import Closing, Incident, IncidentChange, IncidentState

# Longer than anybody is away: what should rest for longer is a silence, with its scope and its reason.
LONGEST_HOLD = timedelta(days=30)
# Two clicks, or a request sent again because its answer was lost: the same deed.
SAME_CLICK = timedelta(minutes=1)
# What its history says of a ticket that was closed or opened again in its system without a word.
CLOSED_THERE = "the ticket was closed"
REOPENED_THERE = "the ticket was opened again"


class Refusal(StrEnum):
    """Why a deed is not done."""

    RESOLVED = "resolved"
    NEEDS_TWO = "needs_two"
    NOT_AHEAD = "not_ahead"
    TOO_LONG = "too_long"
    TOO_LONG_ALONE = "too_long_alone"
    NOTHING_SAID = "nothing_said"
    NOBODY = "nobody"
    NO_CAMPAIGN = "no_campaign"
    IS_CAMPAIGN = "is_campaign"


# None is what was so already: a second click changes nothing.
Outcome = Change | Refusal | None


def acknowledge(
    incident: Incident, by: str, until: datetime | None, otherwise: timedelta, said: str, now: datetime
) -> Outcome:
    """Somebody has it, until then: it comes back if it lasts.

    Without `until` for as long as is usual (`otherwise`), and one that somebody has stays theirs. What takes two
    people to silence comes back after a day, whoever acknowledges it again meanwhile.
    """
    if refused := _refused(incident) or _impossible(until, now):
        return refused
    if needs_two(incident):
        latest = _had_since(incident, now) + LONGEST_ALONE
        if latest <= now or (until and until > latest):
            return Refusal.TOO_LONG_ALONE
        otherwise = min(otherwise, latest - now)
    if incident.state is IncidentState.ACKNOWLEDGED and (
        until is None or (incident.acknowledged_by == by and _same(incident.acknowledged_until, until))
    ):
        return None
    end = until or now + otherwise
    update = {
        "state": IncidentState.ACKNOWLEDGED, "acknowledged_at": now, "acknowledged_by": by, "acknowledged_until": end,
        **NOT_SNOOZED,
    }  # fmt: skip
    return _changed(incident, update, IncidentChange.ACKNOWLEDGED, _until(end, said))


def _had_since(incident: Incident, now: datetime) -> datetime:
    """Since when somebody has had it; from one who lets go to the next who takes it before it is judged, too."""
    walk = incident.walk
    return walk.stopped_at if walk.stopped_at and not walk.held_by else now


def let_go(incident: Incident) -> Outcome:
    """Nobody has it any more: the next judgement brings it back to whoever must be told."""
    if refused := _refused(incident):
        return refused
    if incident.state is not IncidentState.ACKNOWLEDGED:
        return None
    return _changed(incident, NOBODY_HAS_IT, IncidentChange.LET_GO, "")


def snooze(incident: Incident, by: str, until: datetime, said: str, now: datetime) -> Outcome:
    """Nobody hears of it until then. What needs two people to silence cannot be snoozed by one."""
    if refused := _refused(incident) or _impossible(until, now):
        return refused
    if needs_two(incident):
        return Refusal.NEEDS_TWO
    if incident.snoozed_by == by and _same(incident.snoozed_until, until):
        return None
    return _changed(incident, {"snoozed_until": until, "snoozed_by": by}, IncidentChange.SNOOZED, _until(until, said))


def wake(incident: Incident, now: datetime) -> Outcome:
    """End a snooze before its time: the next judgement brings it back to whoever must be told."""
    if refused := _refused(incident):
        return refused
    if incident.snoozed_until is None or incident.snoozed_until <= now:
        return None
    return _changed(incident, NOT_SNOOZED, IncidentChange.WOKEN, "")


def assign(incident: Incident, to: str | None, people: Collection[str]) -> Outcome:
    """Give it to somebody whom the provider knows, or to nobody in particular."""
    if refused := _refused(incident):
        return refused
    if to is not None and to not in people:
        return Refusal.NOBODY
    if to == incident.assigned_to:
        return None
    return _changed(incident, {"assigned_to": to}, IncidentChange.ASSIGNED, to or "")


def comment(incident: Incident, said: str, lately: Collection[str]) -> Outcome:
    """Words for its history. `lately` is what the same person said of it just now."""
    if refused := _refused(incident):
        return refused
    if not said.strip():
        return Refusal.NOTHING_SAID
    return None if said in lately else _changed(incident, {}, IncidentChange.COMMENTED, said)


def close(incident: Incident, by: str, because: str, now: datetime) -> Outcome:
    """Somebody says that it is over: the next judgement resolves it, and it comes back if it is found still."""
    if refused := _refused(incident):
        return refused
    if not because.strip():
        return Refusal.NOTHING_SAID
    if incident.closing:
        return None
    closing = Closing(by=by, at=now, because=because)
    return _changed(incident, {"closing": closing}, IncidentChange.CLOSED, because)


def happened(incident: Incident, what: Happening, by: str, otherwise: timedelta, now: datetime) -> Outcome:
    """The same by way of its ticket. What is said there stands in its history, even when it is over."""
    said = what.said.strip()
    if what.deed is Deed.TAKEN:
        return acknowledge(incident, by, None, otherwise, said, now)
    if what.deed is Deed.CLOSED:
        return close(incident, by, said or CLOSED_THERE, now)
    if what.deed is Deed.REOPENED:
        return _changed(incident, {"closing": _doubted(incident)}, IncidentChange.COMMENTED, said or REOPENED_THERE)
    return _changed(incident, {}, IncidentChange.COMMENTED, said) if said else Refusal.NOTHING_SAID


def _doubted(incident: Incident) -> Closing | None:
    """Whoever opens it again does not believe that it is over; what is closed already goes on where it was."""
    closing = incident.closing
    return None if closing is None or incident.lasts else closing.model_copy(update={"doubted": True})


def concerned(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Of a ticket's incidents those that last; where none does, those that ended last."""
    every = tuple(incidents)
    ended = max((one.resolved_at for one in every if one.resolved_at), default=None)
    return tuple(one for one in every if one.lasts) or tuple(one for one in every if one.resolved_at == ended)


def merge(incident: Incident, campaign: Incident | None) -> Outcome:
    """Say that it belongs to a campaign that lasts, which pages for it from then on.

    What needs two people to silence joins a campaign by its signature alone: one person could hide it in another.
    """
    if refused := _refused(incident):
        return refused
    if incident.rule == CAMPAIGN:
        return Refusal.IS_CAMPAIGN
    if campaign is None or campaign.rule != CAMPAIGN or not campaign.lasts:
        return Refusal.NO_CAMPAIGN
    if incident.campaign_id == campaign.incident_id:
        return None
    if needs_two(incident):
        return Refusal.NEEDS_TWO
    return _changed(incident, {"campaign_id": campaign.incident_id}, IncidentChange.JOINED, campaign.subject)


def _refused(incident: Incident) -> Refusal | None:
    return None if incident.lasts else Refusal.RESOLVED


def _impossible(until: datetime | None, now: datetime) -> Refusal | None:
    if until is None:
        return None
    if until <= now:
        return Refusal.NOT_AHEAD
    return Refusal.TOO_LONG if until - now > LONGEST_HOLD else None


def _same(before: datetime | None, after: datetime) -> bool:
    return before is not None and abs(after - before) < SAME_CLICK


def _until(end: datetime, said: str) -> str:
    return f"until {end.isoformat(timespec='seconds')}" + (f": {said}" if said else "")


def _changed(incident: Incident, update: Mapping[str, object], what: IncidentChange, said: str) -> Change:
    return Change(incident.model_copy(update=update), what, said)
