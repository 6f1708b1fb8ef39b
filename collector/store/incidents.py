"""Incidents and tickets: what lasts, what changed, and the history of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.incident import Incident, IncidentChange, Ticket
from collector.store.connect import Connection

_LASTING = """
    SELECT to_jsonb(i) - 'practice_id' FROM incident AS i
    WHERE practice_id = $1 AND state <> 'resolved' ORDER BY opened_at, incident_id
"""
_TICKETS = """
    SELECT to_jsonb(t) - 'practice_id' FROM ticket AS t
    WHERE practice_id = $1 AND (state = 'open' OR resolved_at > $2) ORDER BY opened_at, ticket_id
"""
_PUT_INCIDENT = """
    INSERT INTO incident SELECT $1, i.incident_id, i.rule, i.subject, i.root, i.severity, i.reason, i.facts, i.state,
        i.since, i.opened_at, i.acknowledged_at, i.acknowledged_by, i.resolved_at, i.resolution, i.policy_version,
        i.escalation, i.steps_done, i.ticket_id, i.inhibited_by, i.signature
    FROM jsonb_populate_record(NULL::incident, $2::jsonb) AS i
    ON CONFLICT (practice_id, incident_id) DO UPDATE SET
        root = EXCLUDED.root, severity = EXCLUDED.severity, reason = EXCLUDED.reason, facts = EXCLUDED.facts,
        state = EXCLUDED.state,
        resolved_at = EXCLUDED.resolved_at, resolution = EXCLUDED.resolution, steps_done = EXCLUDED.steps_done,
        escalation = EXCLUDED.escalation, ticket_id = EXCLUDED.ticket_id, inhibited_by = EXCLUDED.inhibited_by,
        signature = EXCLUDED.signature
"""
_PUT_TICKET = """
    INSERT INTO ticket SELECT $1, t.ticket_id, t.root, t.state, t.severity, t.title, t.opened_at, t.resolved_at,
        t.sequence
    FROM jsonb_populate_record(NULL::ticket, $2::jsonb) AS t
    ON CONFLICT (practice_id, ticket_id) DO UPDATE SET
        state = EXCLUDED.state, severity = EXCLUDED.severity, title = EXCLUDED.title,
        resolved_at = EXCLUDED.resolved_at, sequence = EXCLUDED.sequence
"""
_ADD_EVENT = """
    INSERT INTO incident_event (practice_id, incident_id, at, what, said, actor) VALUES ($1, $2, $3, $4, $5, $6)
"""


@dataclass(frozen=True)
class Event:
    """One line of an incident's history."""

    incident_id: UUID
    what: IncidentChange
    said: str


async def lasting_incidents(conn: Connection, practice_id: UUID) -> tuple[Incident, ...]:
    rows = await conn.fetch(_LASTING, practice_id)
    return tuple(Incident.model_validate_json(row[0]) for row in rows)


async def recent_tickets(conn: Connection, practice_id: UUID, now: datetime, window: timedelta) -> tuple[Ticket, ...]:
    """The open tickets, and those resolved within the window in which they can still be reopened."""
    rows = await conn.fetch(_TICKETS, practice_id, now - window)
    return tuple(Ticket.model_validate_json(row[0]) for row in rows)


async def put_tickets(conn: Connection, practice_id: UUID, tickets: Sequence[Ticket]) -> None:
    await conn.executemany(_PUT_TICKET, [(practice_id, ticket.model_dump_json()) for ticket in tickets])


async def put_incidents(conn: Connection, practice_id: UUID, incidents: Sequence[Incident]) -> None:
    """Write incidents after their tickets. An acknowledgement is the operator's, never overwritten here."""
    await conn.executemany(_PUT_INCIDENT, [(practice_id, incident.model_dump_json()) for incident in incidents])


async def add_events(conn: Connection, practice_id: UUID, events: Sequence[Event], *, at: datetime, actor: str) -> None:
    rows = [(practice_id, event.incident_id, at, event.what.value, event.said, actor) for event in events]
    await conn.executemany(_ADD_EVENT, rows)
