"""What pings said, of practices that opted in; of all others it is never written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from collector.store.audit import record_deed
from collector.store.connect import Connection
from collector.store.practices import Practice


class Log(BaseModel):
    """What one ping said, cut off at the body limit."""

    job: str
    action: str
    text: str


@dataclass(frozen=True)
class KeptLog:
    received_at: datetime
    log: Log


_KEEP = "UPDATE practice SET keep_logs = $2 WHERE practice_id = $1"
_ERASE = "DELETE FROM section WHERE practice_id = $1 AND kind = 'log'"
_KEPT = """
    SELECT received_at, body FROM section
    WHERE practice_id = $1 AND kind = 'log' AND body ->> 'job' = $2
    ORDER BY received_at DESC LIMIT $3
"""


async def opt_in(conn: Connection, practice: Practice, *, at: datetime, actor: str) -> None:
    """Keep what its pings say from now on."""
    async with conn.transaction():
        await conn.execute(_KEEP, practice.practice_id, True)
        await _record(conn, practice, "keep logs", at, actor)


async def opt_out(conn: Connection, practice: Practice, *, at: datetime, actor: str) -> None:
    """Keep no more, and erase what was kept."""
    async with conn.transaction():
        await conn.execute(_KEEP, practice.practice_id, False)
        await conn.execute(_ERASE, practice.practice_id)
        await _record(conn, practice, "discard logs", at, actor)


async def _record(conn: Connection, practice: Practice, action: str, at: datetime, actor: str) -> None:
    await record_deed(conn, at=at, actor=actor, action=action, practice_id=practice.practice_id, subject=practice.name)


async def kept_logs(conn: Connection, practice_id: UUID, job: str, most: int) -> list[KeptLog]:
    """The newest first."""
    rows = await conn.fetch(_KEPT, practice_id, job, most)
    return [KeptLog(row["received_at"], Log.model_validate_json(row["body"])) for row in rows]
