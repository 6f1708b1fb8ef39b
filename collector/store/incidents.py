"""Incidents and tickets: what lasts, what changed, and the history of both."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from collector.model.incident import Incident, IncidentChange, Ticket
from collector.store.connect import Connection

Kept = TypeVar("Kept", Incident, Ticket)

_RECENT = """
    SELECT practice_id, to_jsonb(i) - 'practice_id' AS body FROM incident AS i
    WHERE practice_id = ANY ($1::uuid[]) AND (resolved_at IS NULL OR resolved_at >= $2) ORDER BY opened_at, incident_id
"""
_TICKETS = """
    SELECT practice_id, to_jsonb(t) - 'practice_id' AS body FROM ticket AS t
    WHERE practice_id = ANY ($1::uuid[]) AND (state = 'open' OR resolved_at >= $2) ORDER BY opened_at, ticket_id
"""
_PUT_INCIDENTS = """
    INSERT INTO incident
    SELECT i.* FROM unnest($1::uuid[], $2::jsonb[]) AS put (practice_id, body)
    CROSS JOIN LATERAL jsonb_populate_record(
        NULL::incident, put.body || jsonb_build_object('practice_id', put.practice_id)) AS i
    ON CONFLICT (practice_id, incident_id) DO UPDATE SET
        root = EXCLUDED.root, severity = EXCLUDED.severity, reason = EXCLUDED.reason, facts = EXCLUDED.facts,
        state = EXCLUDED.state, since = EXCLUDED.since, reopened_at = EXCLUDED.reopened_at,
        openings = EXCLUDED.openings, flapping = EXCLUDED.flapping, quiet_since = EXCLUDED.quiet_since,
        acknowledged_at = EXCLUDED.acknowledged_at, acknowledged_by = EXCLUDED.acknowledged_by,
        acknowledged_until = EXCLUDED.acknowledged_until, snoozed_until = EXCLUDED.snoozed_until,
        snoozed_by = EXCLUDED.snoozed_by, assigned_to = EXCLUDED.assigned_to, closing = EXCLUDED.closing,
        resolved_at = EXCLUDED.resolved_at, resolution = EXCLUDED.resolution,
        policy_version = EXCLUDED.policy_version, escalation = EXCLUDED.escalation, walk = EXCLUDED.walk,
        told = EXCLUDED.told, messages = EXCLUDED.messages, ticket_id = EXCLUDED.ticket_id,
        inhibited_by = EXCLUDED.inhibited_by, signature = EXCLUDED.signature, campaign_id = EXCLUDED.campaign_id
"""
_PUT_TICKETS = """
    INSERT INTO ticket
    SELECT t.* FROM unnest($1::uuid[], $2::jsonb[]) AS put (practice_id, body)
    CROSS JOIN LATERAL jsonb_populate_record(
        NULL::ticket, put.body || jsonb_build_object('practice_id', put.practice_id)) AS t
    ON CONFLICT (practice_id, ticket_id) DO UPDATE SET
        state = EXCLUDED.state, severity = EXCLUDED.severity, title = EXCLUDED.title,
        resolved_at = EXCLUDED.resolved_at, sequence = EXCLUDED.sequence
"""
_ADD_EVENTS = """
    INSERT INTO incident_event (practice_id, incident_id, at, what, said, actor)
    SELECT practice_id, incident_id, $1, what, said, $2
    FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[]) WITH ORDINALITY
        AS e (practice_id, incident_id, what, said, ordinal)
    ORDER BY ordinal
"""


@dataclass(frozen=True)
class Event:
    """One line of an incident's history."""

    practice_id: UUID
    incident_id: UUID
    what: IncidentChange
    said: str


async def recent_incidents(
    conn: Connection, practice_ids: Collection[UUID], now: datetime, window: timedelta
) -> Mapping[UUID, tuple[Incident, ...]]:
    """Those that last, and those resolved within the window in which they can still be reopened; oldest first."""
    rows = await conn.fetch(_RECENT, list(practice_ids), now - window)
    return _by_practice(practice_ids, ((row["practice_id"], Incident.model_validate_json(row["body"])) for row in rows))


async def recent_tickets(
    conn: Connection, practice_ids: Collection[UUID], now: datetime, window: timedelta
) -> Mapping[UUID, tuple[Ticket, ...]]:
    """The open tickets, and those resolved within the window in which they can still be reopened."""
    rows = await conn.fetch(_TICKETS, list(practice_ids), now - window)
    return _by_practice(practice_ids, ((row["practice_id"], Ticket.model_validate_json(row["body"])) for row in rows))


def _by_practice(practice_ids: Collection[UUID], of: Iterable[tuple[UUID, Kept]]) -> Mapping[UUID, tuple[Kept, ...]]:
    found: dict[UUID, list[Kept]] = {practice_id: [] for practice_id in practice_ids}
    for practice_id, one in of:
        found[practice_id].append(one)
    return {practice_id: tuple(some) for practice_id, some in found.items()}


async def put_tickets(conn: Connection, tickets: Sequence[tuple[UUID, Ticket]]) -> None:
    """Each with its practice."""
    if tickets:
        bodies = [ticket.model_dump_json() for _, ticket in tickets]
        await conn.execute(_PUT_TICKETS, [practice_id for practice_id, _ in tickets], bodies)


async def put_incidents(conn: Connection, incidents: Sequence[tuple[UUID, Incident]]) -> None:
    """Write incidents after their tickets, as they were read under the practice's lock: no acknowledgement is lost."""
    if incidents:
        bodies = [incident.model_dump_json() for _, incident in incidents]
        await conn.execute(_PUT_INCIDENTS, [practice_id for practice_id, _ in incidents], bodies)


async def add_events(conn: Connection, events: Sequence[Event], *, at: datetime, actor: str) -> None:
    if events:
        rows = ((one.practice_id, one.incident_id, one.what.value, one.said) for one in events)
        practices, incidents, what, said = zip(*rows, strict=True)
        await conn.execute(_ADD_EVENTS, at, actor, practices, incidents, what, said)
