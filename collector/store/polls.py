"""Whose turn it is to ask a ticket system what people did there, and how far it has been read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.store.connect import Connection
from collector.store.ticket_remotes import Polled


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
