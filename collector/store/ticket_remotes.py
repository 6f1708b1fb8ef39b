"""Our tickets as ticket systems call them, and what was asked of one whose answer never came."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.store.connect import Connection


@dataclass(frozen=True)
class KeptRemote:
    """What is known of a ticket there; one without `remote_id` may exist all the same, since it was asked for.

    `asks` counts the creates that were sent for it: after more than one there may be a double. `replaced` is the
    one that somebody deleted.
    """

    practice_id: UUID
    ticket_id: UUID
    channel: str
    remote_id: str | None
    url: str | None
    asked_at: datetime
    asks: int = 1
    replaced: str | None = None


@dataclass(frozen=True)
class Polled:
    """A remote ticket that is watched; `seen` is how far what people did there has been read."""

    practice_id: UUID
    ticket_id: UUID
    remote_id: str
    url: str | None
    seen: str | None


_LOAD = """
    SELECT practice_id, ticket_id, channel, remote_id, url, asked_at, asks, replaced FROM ticket_remote
    WHERE practice_id = $1 AND ticket_id = $2
"""
_ASK = """
    INSERT INTO ticket_remote (practice_id, ticket_id, channel, asked_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (practice_id, ticket_id) DO UPDATE SET
        channel = EXCLUDED.channel, asked_at = EXCLUDED.asked_at,
        asks = CASE WHEN ticket_remote.remote_id IS NULL THEN ticket_remote.asks + 1 ELSE 1 END,
        replaced = coalesce(ticket_remote.remote_id, ticket_remote.replaced), remote_id = NULL, url = NULL, seen = NULL
"""
_NOT_MADE = """
    UPDATE ticket_remote SET asks = asks - 1
    WHERE practice_id = $1 AND ticket_id = $2 AND remote_id IS NULL
"""
_KEEP = """
    INSERT INTO ticket_remote (practice_id, ticket_id, channel, remote_id, url, asked_at, made_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (practice_id, ticket_id) DO UPDATE SET
        channel = EXCLUDED.channel, remote_id = EXCLUDED.remote_id, url = EXCLUDED.url, made_at = EXCLUDED.made_at
"""
_LOOKED = "UPDATE ticket_remote SET asks = 1 WHERE practice_id = $1 AND ticket_id = $2"
_SEEN = """
    UPDATE ticket_remote SET seen = $4 WHERE practice_id = $1 AND ticket_id = $2 AND remote_id = $3
"""


async def load_remote(conn: Connection, practice_id: UUID, ticket_id: UUID) -> KeptRemote | None:
    """None if it was never asked for."""
    row = await conn.fetchrow(_LOAD, practice_id, ticket_id)
    return KeptRemote(**row) if row else None


async def ask_for_remote(conn: Connection, practice_id: UUID, ticket_id: UUID, channel: str, at: datetime) -> None:
    """Committed before a create is sent, so that one whose answer is lost is known. One that was known is replaced."""
    await conn.execute(_ASK, practice_id, ticket_id, channel, at)


async def forget_ask(conn: Connection, practice_id: UUID, ticket_id: UUID) -> None:
    """The ticket system said that it made nothing."""
    await conn.execute(_NOT_MADE, practice_id, ticket_id)


async def keep_remote(
    conn: Connection, practice_id: UUID, ticket_id: UUID, channel: str, remote_id: str, url: str | None, at: datetime
) -> None:
    """Right after the answer."""
    await conn.execute(_KEEP, practice_id, ticket_id, channel, remote_id, url, at)


async def forget_doubt(conn: Connection, practice_id: UUID, ticket_id: UUID) -> None:
    """It was looked for doubles, and there is none left."""
    await conn.execute(_LOOKED, practice_id, ticket_id)


async def note_seen(conn: Connection, polled: Polled, seen: str) -> None:
    """Once what was read is taken: who dies between the two leaves it to be read again, and known again."""
    await conn.execute(_SEEN, polled.practice_id, polled.ticket_id, polled.remote_id, seen)
