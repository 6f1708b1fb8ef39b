"""What people do to the incidents of a story: the deeds of the house, each on the incident that is meant."""

from collections.abc import Iterable
from datetime import timedelta

from collector.escalation import deeds
from collector.escalation.deeds import Outcome
from collector.model.happening import Happening
from collector.model.incident import Incident
from collector.scenario.escalation.happenings import Acknowledged, AnyEvent, Closed, InTicket, LetGo, Snoozed, Woken
from collector.scenario.escalation.stage import Placed

NO_TICKET = "no_ticket"


def done(placed: Placed, incident: Incident, others: Iterable[Incident], usual: timedelta) -> tuple[Outcome, ...] | str:
    """What comes of it; in a ticket, of each of its incidents. `usual` is how long an acknowledgement holds."""
    if not isinstance(placed.event, InTicket):
        return (_done(placed.event, placed, incident, usual),)
    if incident.ticket_id is None:
        return NO_TICKET
    happening = Happening(
        event_id="story",
        ticket_id=incident.ticket_id,
        deed=placed.event.in_ticket,
        by=placed.event.by,
        at=placed.at,
        said=placed.event.said,
    )
    of_ticket = deeds.concerned(one for one in others if one.ticket_id == incident.ticket_id)
    return tuple(deeds.happened(one, happening, happening.by, usual, placed.at) for one in of_ticket)


def _done(event: AnyEvent, placed: Placed, incident: Incident, usual: timedelta) -> Outcome:
    now, until = placed.at, placed.until
    match event:
        case Acknowledged(by=by):
            return deeds.acknowledge(incident, by, until, usual, "", now)
        case LetGo():
            return deeds.let_go(incident)
        case Snoozed(by=by):
            return deeds.snooze(incident, by, until or now, "", now)
        case Woken():
            return deeds.wake(incident, now)
        case Closed(by=by, because=because):
            return deeds.close(incident, by, because, now)
    raise ValueError(f"nobody does {type(event).__name__} to an incident")
