"""Who did what, written in the transaction of the deed."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from collector.store.connect import Connection

_RECORD = """
    INSERT INTO audit (at, actor, action, practice_id, subject, detail)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb)
"""
_RECORD_MANY = """
    INSERT INTO audit (at, actor, action, practice_id, subject, detail)
    SELECT $1, $2, $3, practice_id, subject, $6::jsonb
    FROM unnest($4::uuid[], $5::text[]) AS about (practice_id, subject)
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


async def record_deeds(
    conn: Connection,
    about: Sequence[tuple[UUID, str]],
    *,
    at: datetime,
    actor: str,
    action: str,
    detail: Mapping[str, str] | None = None,
) -> None:
    """The same deed about many: practices, and what of each."""
    practice_ids, subjects = [one for one, _ in about], [subject for _, subject in about]
    await conn.execute(_RECORD_MANY, at, actor, action, practice_ids, subjects, json.dumps(dict(detail or {})))
