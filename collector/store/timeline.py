"""One incident with all that happened to it, and its ticket as the ticket system calls it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.incident import IncidentChange, Ticket
from collector.store.connect import Connection
from collector.store.incident_pages import TicketRow


@dataclass(frozen=True)
class Entry:
    """One line of an incident's history."""

    at: datetime
    what: IncidentChange
    said: str
    actor: str


@dataclass(frozen=True)
class RemoteTicket:
    """A ticket where its people work on it; not every ticket system has an address for it."""

    remote_id: str
    url: str | None


@dataclass(frozen=True)
class TicketThere:
    """A ticket, how far its receiver has been told, and what it is called there once that is known."""

    row: TicketRow
    remote: RemoteTicket | None


@dataclass(frozen=True)
class History:
    """A part of an incident's history, oldest first; `earlier` is where to go on for what came before it."""

    entries: list[Entry]
    earlier: int | None


# As much as anybody reads at once; what comes and goes for months has thousands.
MOST_ENTRIES = 200
_HISTORY = """
    SELECT event_id, at, what, said, actor FROM incident_event
    WHERE practice_id = $1 AND incident_id = $2 AND ($3::bigint IS NULL OR event_id < $3)
    ORDER BY event_id DESC LIMIT $4
"""
_TICKET = """
    SELECT p.name AS practice, to_jsonb(t) - 'practice_id' AS body, waiting.unsent, waiting.last_error,
        remote.remote_id, remote.url
    FROM ticket AS t JOIN practice AS p USING (practice_id)
    LEFT JOIN ticket_remote AS remote USING (practice_id, ticket_id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE o.dead_at IS NULL) AS unsent,
            (array_agg(o.last_error ORDER BY o.sequence) FILTER (WHERE o.last_error IS NOT NULL))[1] AS last_error
        FROM outbox AS o WHERE o.practice_id = $1 AND o.about = $2 AND o.sent_at IS NULL
    ) AS waiting
    WHERE t.practice_id = $1 AND t.ticket_id = $2
"""


async def history(conn: Connection, practice_id: UUID, incident_id: UUID, before: int | None = None) -> History:
    """The last of it, or with `before` what came before that."""
    rows = await conn.fetch(_HISTORY, practice_id, incident_id, before, MOST_ENTRIES + 1)
    shown = rows[:MOST_ENTRIES]
    entries = [Entry(row["at"], IncidentChange(row["what"]), row["said"], row["actor"]) for row in reversed(shown)]
    return History(entries, shown[-1]["event_id"] if len(rows) > MOST_ENTRIES else None)


async def ticket_there(conn: Connection, practice_id: UUID, ticket_id: UUID) -> TicketThere | None:
    row = await conn.fetchrow(_TICKET, practice_id, ticket_id)
    if row is None:
        return None
    ticket = Ticket.model_validate_json(row["body"])
    told = TicketRow(practice_id, row["practice"], ticket, row["unsent"], row["last_error"])
    return TicketThere(told, RemoteTicket(row["remote_id"], row["url"]) if row["remote_id"] else None)
