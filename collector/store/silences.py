"""Silences: who asked for them, who approved, and those that may still hold something."""

from datetime import datetime
from uuid import UUID

from collector.model.silence import Silence
from collector.store.connect import Connection

_PUT = """
    INSERT INTO silence SELECT (jsonb_populate_record(NULL::silence, $1::jsonb)).*
"""
_LASTING = """
    SELECT to_jsonb(s) AS body FROM silence AS s WHERE until > $1 AND ended_at IS NULL ORDER BY since, silence_id
"""
_ONE = "SELECT to_jsonb(s) AS body FROM silence AS s WHERE silence_id = $1"
_APPROVE = "UPDATE silence SET approved_by = $2 WHERE silence_id = $1 AND approved_by IS NULL AND by <> $2"
_END = "UPDATE silence SET ended_at = $2, ended_by = $3 WHERE silence_id = $1 AND ended_at IS NULL"


async def put_silence(conn: Connection, silence: Silence) -> None:
    await conn.execute(_PUT, silence.model_dump_json())


async def lasting_silences(conn: Connection, now: datetime) -> tuple[Silence, ...]:
    """Those that hold something now or may yet, in the order of their beginning."""
    return tuple(Silence.model_validate_json(row["body"]) for row in await conn.fetch(_LASTING, now))


async def load_silence(conn: Connection, silence_id: UUID) -> Silence | None:
    body = await conn.fetchval(_ONE, silence_id)
    return Silence.model_validate_json(body) if body else None


async def approve_silence(conn: Connection, silence_id: UUID, by: str) -> None:
    """By somebody else than who asked; the first approval counts."""
    await conn.execute(_APPROVE, silence_id, by)


async def end_silence(conn: Connection, silence_id: UUID, at: datetime, by: str) -> None:
    await conn.execute(_END, silence_id, at, by)
