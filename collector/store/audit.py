"""Who did what, written in the transaction of the deed."""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from collector.store.connect import Connection

_RECORD = """
    INSERT INTO audit (at, actor, action, practice_id, subject, detail)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb)
"""


async def record_deed(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    practice_id: UUID | None,
    subject: str,
    detail: Mapping[str, str] | None = None,
) -> None:
    await conn.execute(_RECORD, at, actor, action, practice_id, subject, json.dumps(dict(detail or {})))
