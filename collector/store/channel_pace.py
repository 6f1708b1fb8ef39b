"""How far each channel's rate is used up, whichever worker sends."""

from datetime import datetime

from collector.store.connect import Connection

_HOLD = "SELECT pg_advisory_xact_lock(hashtextextended('vigie:channel:' || $1, 0))"
_FREE_AT = "SELECT free_at FROM channel_pace WHERE channel = $1"
_SPEND = """
    INSERT INTO channel_pace (channel, free_at) VALUES ($1, $2)
    ON CONFLICT (channel) DO UPDATE SET free_at = EXCLUDED.free_at
"""


async def hold_pace(conn: Connection, channel: str) -> datetime | None:
    """The instant up to which its deliveries are spoken for. Nobody else reads it until the transaction ends."""
    await conn.execute(_HOLD, channel)
    free_at: datetime | None = await conn.fetchval(_FREE_AT, channel)
    return free_at


async def spend_pace(conn: Connection, channel: str, free_at: datetime) -> None:
    await conn.execute(_SPEND, channel, free_at)
