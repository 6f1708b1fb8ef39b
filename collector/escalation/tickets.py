"""Incidents gathered into tickets by root subject: one open ticket for one problem."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from collector.escalation.incidents import Change
from collector.escalation.titles import chief, title
from collector.model.finding import Severity
from collector.model.incident import (
    Incident,
    IncidentLine,
    Ticket,
    TicketEvent,
    TicketMessage,
    TicketState,
)
from collector.model.policy import Policy
from collector.model.subject import Subject

# A relapse within a week is the same trouble to the person who closed the ticket; later it is a new one.
REOPEN_WINDOW = timedelta(days=7)


@dataclass(frozen=True)
class Gathered:
    """Incidents with their tickets, the tickets as they are now, and what is to be sent, in order."""

    incidents: tuple[Incident, ...]
    tickets: tuple[Ticket, ...]
    messages: tuple[TicketMessage, ...]


def gather(
    incidents: Iterable[Incident],
    wanting: frozenset[UUID],
    changes: Iterable[Change],
    tickets: Iterable[Ticket],
    policy: Policy,
    now: datetime,
) -> Gathered:
    """Attach the incidents that want a ticket to their root's, and tell each touched ticket what happened.

    1. A root has at most one open ticket: the open one takes what follows, one resolved within the
       window reopens, else a new one opens.
    2. A ticket closes when the last incident attached to it has resolved.
    3. One message a ticket and call, numbered in the ticket's own strict order.
    """
    by_root = _latest_by_root(tickets, now)
    attached = tuple(_attach(one, by_root, policy, now) if one.incident_id in wanting else one for one in incidents)
    touched = wanting | {change.incident.incident_id for change in changes}
    told: list[Ticket] = []
    messages: list[TicketMessage] = []
    for ticket in by_root.values():
        members = tuple(one for one in attached if one.ticket_id == ticket.ticket_id)
        if any(one.incident_id in touched for one in members):
            after, event = _after(ticket, members, now)
            told.append(after)
            messages.append(_message(after, event, members, policy, now))
    return Gathered(attached, tuple(told), tuple(messages))


def _latest_by_root(tickets: Iterable[Ticket], now: datetime) -> dict[Subject, Ticket]:
    """Each root's open ticket, else its last one if that can still be reopened."""
    latest: dict[Subject, Ticket] = {}
    for ticket in sorted(tickets, key=lambda one: (one.state is TicketState.OPEN, one.opened_at)):
        if ticket.resolved_at is None or now - ticket.resolved_at <= REOPEN_WINDOW:
            latest[ticket.root] = ticket
    return latest


def _attach(incident: Incident, by_root: dict[Subject, Ticket], policy: Policy, now: datetime) -> Incident:
    ticket = by_root.setdefault(incident.root, _fresh(incident, policy, now))
    return incident.model_copy(update={"ticket_id": ticket.ticket_id})


def _fresh(incident: Incident, policy: Policy, now: datetime) -> Ticket:
    return Ticket(
        ticket_id=uuid5(policy.practice_id, f"ticket|{incident.root}|{now.isoformat()}"),
        root=incident.root,
        state=TicketState.OPEN,
        severity=incident.severity,
        title=title(incident),
        opened_at=now,
    )


def _after(ticket: Ticket, members: tuple[Incident, ...], now: datetime) -> tuple[Ticket, TicketEvent]:
    lasting = tuple(one for one in members if one.lasts)
    named_by = lasting or members
    update: dict[str, object] = {
        "sequence": ticket.sequence + 1,
        "severity": _worst(named_by),
        "title": title(chief(named_by)) if lasting else ticket.title,
        "state": TicketState.OPEN if lasting else TicketState.RESOLVED,
        "resolved_at": None if lasting else now,
    }
    return ticket.model_copy(update=update), _event(ticket, bool(lasting))


def _event(before: Ticket, lasting: bool) -> TicketEvent:
    if not lasting:
        return TicketEvent.RESOLVED
    if before.state is TicketState.RESOLVED:
        return TicketEvent.REOPENED
    return TicketEvent.OPENED if before.sequence == 0 else TicketEvent.APPENDED


def _worst(incidents: tuple[Incident, ...]) -> Severity:
    return min((one.severity for one in incidents), key=lambda severity: severity.rank)


def _message(
    ticket: Ticket, event: TicketEvent, members: tuple[Incident, ...], policy: Policy, now: datetime
) -> TicketMessage:
    return TicketMessage(
        event=event,
        ticket_id=ticket.ticket_id,
        sequence=ticket.sequence,
        at=now,
        practice_id=policy.practice_id,
        practice=policy.practice,
        root=ticket.root,
        severity=ticket.severity,
        title=ticket.title,
        incidents=tuple(_line(one) for one in members),
    )


def _line(incident: Incident) -> IncidentLine:
    return IncidentLine(**{name: getattr(incident, name) for name in IncidentLine.model_fields})
