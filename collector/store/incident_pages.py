"""Incidents and tickets as lists to page through: newest first, from a key on, not by counting."""

from dataclasses import dataclass
from uuid import UUID

from collector.model.incident import Incident, IncidentState, Ticket, TicketState
from collector.model.value import Instant
from collector.store.connect import Connection


@dataclass(frozen=True)
class NewestKey:
    """Where a row stands in the newest-first order."""

    opened_at: Instant
    row_id: UUID


@dataclass(frozen=True)
class IncidentRow:
    practice_id: UUID
    practice: str
    incident: Incident

    @property
    def key(self) -> NewestKey:
        return NewestKey(self.incident.opened_at, self.incident.incident_id)


@dataclass(frozen=True)
class TicketRow:
    """`unsent` messages wait in the outbox; `last_error` is why the first that was not taken, or given up, was not."""

    practice_id: UUID
    practice: str
    ticket: Ticket
    unsent: int
    last_error: str | None

    @property
    def key(self) -> NewestKey:
        return NewestKey(self.ticket.opened_at, self.ticket.ticket_id)


_INCIDENTS = """
    SELECT i.practice_id, p.name AS practice, to_jsonb(i) - 'practice_id' AS body
    FROM incident AS i JOIN practice AS p USING (practice_id)
    WHERE i.state = ANY ($1::text[]) AND ($2::uuid IS NULL OR i.practice_id = $2)
        AND ($3::timestamptz IS NULL OR (i.opened_at, i.incident_id) < ($3, $4::uuid))
    ORDER BY i.opened_at DESC, i.incident_id DESC LIMIT $5
"""
_INCIDENT = """
    SELECT i.practice_id, p.name AS practice, to_jsonb(i) - 'practice_id' AS body
    FROM incident AS i JOIN practice AS p USING (practice_id) WHERE i.incident_id = $1
"""
_TICKETS = """
    SELECT t.practice_id, p.name AS practice, to_jsonb(t) - 'practice_id' AS body, waiting.unsent, waiting.last_error
    FROM (
        SELECT * FROM ticket
        WHERE state = ANY ($1::text[]) AND ($2::uuid IS NULL OR practice_id = $2)
            AND ($3::timestamptz IS NULL OR (opened_at, ticket_id) < ($3, $4::uuid))
        ORDER BY opened_at DESC, ticket_id DESC LIMIT $5
    ) AS t
    JOIN practice AS p USING (practice_id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE o.dead_at IS NULL) AS unsent,
            (array_agg(o.last_error ORDER BY o.sequence) FILTER (WHERE o.last_error IS NOT NULL))[1] AS last_error
        FROM outbox AS o WHERE o.practice_id = t.practice_id AND o.about = t.ticket_id AND o.sent_at IS NULL
    ) AS waiting
    ORDER BY t.opened_at DESC, t.ticket_id DESC
"""


async def incidents_newest_first(
    conn: Connection, states: frozenset[IncidentState], practice_id: UUID | None, after: NewestKey | None, limit: int
) -> list[IncidentRow]:
    key = (after.opened_at, after.row_id) if after else (None, None)
    rows = await conn.fetch(_INCIDENTS, [state.value for state in states], practice_id, *key, limit)
    return [IncidentRow(row["practice_id"], row["practice"], _incident(row["body"])) for row in rows]


async def incident_row(conn: Connection, incident_id: UUID) -> IncidentRow | None:
    row = await conn.fetchrow(_INCIDENT, incident_id)
    return IncidentRow(row["practice_id"], row["practice"], _incident(row["body"])) if row else None


def _incident(body: str) -> Incident:
    return Incident.model_validate_json(body)


async def tickets_newest_first(
    conn: Connection, states: frozenset[TicketState], practice_id: UUID | None, after: NewestKey | None, limit: int
) -> list[TicketRow]:
    key = (after.opened_at, after.row_id) if after else (None, None)
    rows = await conn.fetch(_TICKETS, [state.value for state in states], practice_id, *key, limit)
    return [
        TicketRow(row["practice_id"], row["practice"], _ticket(row["body"]), row["unsent"], row["last_error"])
        for row in rows
    ]


def _ticket(body: str) -> Ticket:
    return Ticket.model_validate_json(body)
