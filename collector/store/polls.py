"""Whose turn it is to ask a ticket system what people did there, and how far it has been read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.store.connect import Connection
from collector.store.ticket_remotes import Polled

# A webhook is refused after five minutes. What was read of a ticket system and not noted as read, since a worker died
# between the two, is read again at the next look: unless that system is away for a month.
EVENTS_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Turn:
    """Ours until its lease ends; `cursor` is the ticket system's own word for how far it has been read."""

    channel: str
    cursor: str | None


_CLAIM = """
    INSERT INTO poll (channel, due_at) VALUES ($1, $3)
    ON CONFLICT (channel) DO UPDATE SET due_at = EXCLUDED.due_at WHERE poll.due_at <= $2
    RETURNING cursor
"""
_END = "UPDATE poll SET due_at = $2, cursor = coalesce($3, cursor) WHERE channel = $1"
# A ticket that was closed lately may be opened there, or commented, a while longer.
_WATCHED = """
    SELECT practice_id, ticket_id, remote_id, url, seen
    FROM ticket_remote AS remote JOIN ticket USING (practice_id, ticket_id)
    WHERE remote.channel = $1 AND remote_id IS NOT NULL AND (state = 'open' OR resolved_at > $2)
    ORDER BY remote.made_at
"""


_DROP_EVENTS = "DELETE FROM inbound WHERE taken_at < $1"


async def claim_poll(conn: Connection, channel: str, now: datetime, until: datetime) -> Turn | None:
    """None while it is not due, or is another worker's."""
    row = await conn.fetchrow(_CLAIM, channel, now, until)
    return Turn(channel, row["cursor"]) if row else None


async def end_poll(conn: Connection, turn: Turn, due_at: datetime, cursor: str | None) -> None:
    """Without a cursor it begins where it began."""
    await conn.execute(_END, turn.channel, due_at, cursor)


async def watched_remotes(conn: Connection, channel: str, resolved_after: datetime) -> Sequence[Polled]:
    """Tickets there that are open here, or were until lately; the oldest first."""
    return [Polled(**row) for row in await conn.fetch(_WATCHED, channel, resolved_after)]


async def drop_events(conn: Connection, now: datetime) -> None:
    """Retention of what came back and was taken once."""
    await conn.execute(_DROP_EVENTS, now - EVENTS_KEPT)
