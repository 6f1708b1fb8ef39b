"""Incidents gathered into tickets by root subject: one open ticket for one problem."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from collector.escalation.incidents import REOPEN_WINDOW, Change
from collector.escalation.notices import line
from collector.escalation.titles import chief, title
from collector.model.campaign import CAMPAIGN
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentChange, Ticket, TicketState
from collector.model.message import Addressed, TicketEvent, TicketMessage
from collector.model.policy import Policy
from collector.model.subject import PRACTICE, Subject, scopes

# What a ticket says beside the state of its incidents.
_NOTED = frozenset({IncidentChange.RETURNED, IncidentChange.FLAPPING, IncidentChange.JOINED})


ONE_OF_MANY = "the same is happening at several practices"


@dataclass(frozen=True)
class Gathered:
    """Incidents with their tickets, the tickets as they are now, and what is to be sent, in order."""

    incidents: tuple[Incident, ...]
    tickets: tuple[Ticket, ...]
    messages: tuple[Addressed, ...]


def detached(incidents: Iterable[Incident], tickets: Iterable[Ticket], now: datetime) -> tuple[Incident, ...]:
    """Without the tickets that can no longer be reopened: what was held back for so long comes to a new one."""
    known = {None, *(ticket.ticket_id for ticket in _latest_by_root(tickets, now).values())}
    return tuple(
        one.model_copy(update={"ticket_id": None}) if one.lasts and one.ticket_id not in known else one
        for one in incidents
    )


def gather(
    incidents: Iterable[Incident],
    wanting: Mapping[UUID, str],
    changes: Iterable[Change],
    tickets: Iterable[Ticket],
    policy: Policy,
    now: datetime,
) -> Gathered:
    """Attach the incidents that want a ticket to their root's, and tell each touched ticket what happened.

    `wanting` has the ticket system of each; a root's ticket stays in the one that it was opened in.
    1. A root has at most one open ticket: the open one takes what follows, one resolved within the
       window reopens, else a new one opens.
    2. A ticket closes when the last incident attached to it has resolved.
    3. An incident whose root has become its endpoint moves to that ticket; one that is left empty closes.
    4. One message a ticket and call, numbered in the ticket's own strict order; what is held back is not told.
    """
    by_root = _latest_by_root(tickets, now)
    rooted = _rerooted(incidents)
    known = {ticket.ticket_id for ticket in by_root.values()}
    moving = {one.incident_id for one in rooted if one.ticket_id in known and _moves(one, by_root)}
    attached = _attached(rooted, by_root, wanting, moving, policy, now)
    members = _by_ticket(attached)
    left = _by_ticket(one for one in rooted if one.incident_id in moving)
    went = {one.incident_id: one.ticket_id for one in attached}
    noted = _notes(changes, attached)
    touched = wanting.keys() | moving | noted.keys()
    told: list[Ticket] = []
    messages: list[Addressed] = []
    for ticket in by_root.values():
        now_of, moved = members[ticket.ticket_id], left[ticket.ticket_id]
        if not moved and not any(one.incident_id in touched for one in now_of):
            continue
        after, event = _after(ticket, now_of or moved, bool(now_of), now)
        if ticket.state is after.state is TicketState.RESOLVED:
            continue  # closed by hand, and over before it came back
        notes = tuple(note for one in now_of for note in noted.get(one.incident_id, ()))
        into = None if now_of else went[moved[0].incident_id]
        told.append(after)
        messages.append(Addressed(after.channel, _message(after, event, now_of or moved, notes, into, policy, now)))
    return Gathered(attached, tuple(told), tuple(messages))


def _attached(
    rooted: Iterable[Incident],
    by_root: dict[Subject, Ticket],
    wanting: Mapping[UUID, str],
    moving: Collection[UUID],
    policy: Policy,
    now: datetime,
) -> tuple[Incident, ...]:
    """Each with its ticket; a new one opens where what is wrong with the root itself wants it."""
    every = tuple(rooted)
    coming = [one for one in every if one.incident_id in wanting or one.incident_id in moving]
    coming.sort(key=lambda one: (one.incident_id not in wanting, one.subject != one.root))
    went = {one.incident_id: _attach(one, by_root, wanting.get(one.incident_id), policy, now) for one in coming}
    return tuple(went.get(one.incident_id, one) for one in every)


def _notes(changes: Iterable[Change], incidents: Iterable[Incident]) -> dict[UUID, list[str]]:
    """By incident that its ticket hears of: what it says beside. What is held back is heard of once it is over."""
    held = {one.incident_id for one in incidents if one.lasts and one.walk.held_by}
    noted: dict[UUID, list[str]] = {}
    for change in changes:
        if change.quiet or change.incident.incident_id in held:
            continue
        notes = noted.setdefault(change.incident.incident_id, [])
        notes += [_note(change)] if change.what in _NOTED else []
    return noted


def _note(change: Change) -> str:
    """Whether a practice's trouble came to a campaign, or practices to the campaign that the ticket is of."""
    if change.what is not IncidentChange.JOINED:
        return change.said
    return f"joined by {change.said}" if change.incident.rule == CAMPAIGN else ONE_OF_MANY


def _moves(incident: Incident, by_root: Mapping[Subject, Ticket]) -> bool:
    """Whether its ticket is another's than its root's; what is silenced moves once it is heard of again."""
    if not incident.lasts or (incident.walk.held_by and not incident.inhibited_by):
        return False
    own = by_root.get(incident.root)
    return own is None or own.ticket_id != incident.ticket_id


def _by_ticket(incidents: Iterable[Incident]) -> defaultdict[UUID | None, tuple[Incident, ...]]:
    grouped: defaultdict[UUID | None, list[Incident]] = defaultdict(list)
    for one in incidents:
        grouped[one.ticket_id].append(one)
    return defaultdict(tuple, {ticket_id: tuple(members) for ticket_id, members in grouped.items()})


def _rerooted(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """An incident hangs on the silence that explains it from when that opens: a dead server is one problem, not ten.

    What a silent endpoint has hangs where its silence does: on the endpoint, or on the practice once all are silent.
    """
    every = tuple(incidents)
    practice = any(one.lasts and one.rule == "practice_silent" for one in every)
    silent = [one for one in every if one.lasts and one.rule == "heartbeat_missing"]
    roots = {one.subject: PRACTICE if practice else one.root for one in silent}
    return tuple(_under(one, roots, practice) for one in every)


def _under(incident: Incident, roots: Mapping[Subject, Subject], practice: bool) -> Incident:
    endpoint = scopes(incident.subject)[-1]
    if not incident.lasts or (incident.subject == endpoint and incident.rule != "heartbeat_missing"):
        return incident
    gone = PRACTICE if practice and incident.root == endpoint else incident.root
    root = roots.get(endpoint, gone)
    return incident if root == incident.root else incident.model_copy(update={"root": root})


def _latest_by_root(tickets: Iterable[Ticket], now: datetime) -> dict[Subject, Ticket]:
    """Each root's open ticket, else its last one if that can still be reopened."""
    latest: dict[Subject, Ticket] = {}
    for ticket in sorted(tickets, key=lambda one: (one.state is TicketState.OPEN, one.opened_at)):
        if ticket.resolved_at is None or now - ticket.resolved_at <= REOPEN_WINDOW:
            latest[ticket.root] = ticket
    return latest


def _attach(
    incident: Incident, by_root: dict[Subject, Ticket], channel: str | None, policy: Policy, now: datetime
) -> Incident:
    ticket = by_root.get(incident.root)
    if ticket is None:
        ticket = by_root[incident.root] = _fresh(incident, channel or _own(incident, by_root), policy, now)
    return incident.model_copy(update={"ticket_id": ticket.ticket_id})


def _own(incident: Incident, by_root: Mapping[Subject, Ticket]) -> str:
    """The ticket system of the ticket that it is on."""
    return next(one.channel for one in by_root.values() if one.ticket_id == incident.ticket_id)


def _fresh(incident: Incident, channel: str, policy: Policy, now: datetime) -> Ticket:
    return Ticket(
        ticket_id=uuid5(policy.practice_id, f"ticket|{incident.root}|{now.isoformat()}"),
        root=incident.root,
        channel=channel,
        state=TicketState.OPEN,
        severity=incident.severity,
        title=title(incident),
        opened_at=now,
    )


def _after(ticket: Ticket, members: tuple[Incident, ...], holds: bool, now: datetime) -> tuple[Ticket, TicketEvent]:
    """The ticket after what happened to its members; one that no longer `holds` any is closed."""
    lasting = tuple(one for one in members if one.lasts) if holds else ()
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
    ticket: Ticket,
    event: TicketEvent,
    members: tuple[Incident, ...],
    notes: tuple[str, ...],
    into: UUID | None,
    policy: Policy,
    now: datetime,
) -> TicketMessage:
    return TicketMessage(
        event=event,
        ticket_id=ticket.ticket_id,
        sequence=ticket.sequence,
        at=now,
        practice_id=policy.practice_id,
        practice=policy.practice,
        customer=policy.customer,
        root=ticket.root,
        severity=ticket.severity,
        title=ticket.title,
        incidents=tuple(line(one) for one in members),
        notes=notes,
        merged_into=into,
    )
