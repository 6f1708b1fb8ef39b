"""Practices: enrolled, found by name, retired."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.store.audit import record_deed, record_deeds
from collector.store.connect import Connection


@dataclass(frozen=True)
class Practice:
    practice_id: UUID
    name: str
    zone: str


_ADD = "INSERT INTO practice (name, zone, created_at) VALUES ($1, $2, $3) RETURNING practice_id"
_ADD_LINK = "INSERT INTO status_link (practice_id, link, created_at) VALUES ($1, $2, $3)"
_WITHDRAW_LINKS = "UPDATE status_link SET revoked_at = $2 WHERE practice_id = $1 AND revoked_at IS NULL"
_FIND = """
    SELECT practice_id, name, zone FROM practice
    WHERE (name = $1 OR practice_id::text = $1) AND retired_at IS NULL AND kind = 'practice'
"""
_ADD_MANY = """
    INSERT INTO practice (practice_id, name, zone, created_at)
    SELECT practice_id, name, zone, $4 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (practice_id, name, zone)
"""
_ADD_LINKS = """
    INSERT INTO status_link (practice_id, link, created_at)
    SELECT practice_id, link, $3 FROM unnest($1::uuid[], $2::text[]) AS new (practice_id, link)
"""
_KNOWS_JOB = """
    SELECT EXISTS (
        SELECT FROM job_now WHERE practice_id = $1 AND job = $3 AND ($2::uuid IS NULL OR endpoint_id = $2)
        UNION ALL
        SELECT FROM policy, jsonb_path_query(body, '$.jobs.*') AS scheduled
        WHERE practice_id = $1 AND version = (SELECT max(version) FROM policy WHERE practice_id = $1)
            AND scheduled ->> 'job' = $3 AND scheduled ->> 'endpoint_id' IS NOT DISTINCT FROM $2::uuid::text)
"""
_LIST = "SELECT practice_id, name, zone FROM practice WHERE retired_at IS NULL AND kind = 'practice' ORDER BY name"
_RETIRE = "UPDATE practice SET retired_at = $2 WHERE practice_id = $1 AND retired_at IS NULL"
_ENDPOINTS_NAMED = """
    SELECT endpoint_id FROM endpoint_now WHERE practice_id = $1 AND (name = $2 OR endpoint_id::text = $2)
"""


async def add_practice(conn: Connection, name: str, zone: str, link: str, *, at: datetime, actor: str) -> Practice:
    """Raises asyncpg.UniqueViolationError when a practice of that name is watched already."""
    practice_id: UUID = await conn.fetchval(_ADD, name, zone, at)
    await conn.execute(_ADD_LINK, practice_id, link, at)
    await record_deed(conn, at=at, actor=actor, action="add practice", practice_id=practice_id, subject=name)
    return Practice(practice_id, name, zone)


async def add_practices(
    conn: Connection, practices: Sequence[Practice], links: Sequence[str], *, at: datetime, actor: str
) -> None:
    """Many at once, each with its status link. Raises asyncpg.UniqueViolationError as `add_practice` does."""
    practice_ids, names = [one.practice_id for one in practices], [one.name for one in practices]
    await conn.execute(_ADD_MANY, practice_ids, names, [one.zone for one in practices], at)
    await conn.execute(_ADD_LINKS, practice_ids, links, at)
    about = list(zip(practice_ids, names, strict=True))
    await record_deeds(conn, about, at=at, actor=actor, action="add practice")


async def replace_links(conn: Connection, practice: Practice, link: str, *, at: datetime, actor: str) -> None:
    """One valid status link, in place of those before."""
    await conn.execute(_WITHDRAW_LINKS, practice.practice_id, at)
    await conn.execute(_ADD_LINK, practice.practice_id, link, at)
    await record_deed(
        conn, at=at, actor=actor, action="renew link", practice_id=practice.practice_id, subject=practice.name
    )


async def find_practice(conn: Connection, wanted: str) -> Practice | None:
    """A watched practice by its name or its id."""
    row = await conn.fetchrow(_FIND, wanted)
    return Practice(row["practice_id"], row["name"], row["zone"]) if row else None


async def retire_practice(conn: Connection, practice: Practice, *, at: datetime, actor: str) -> None:
    await conn.execute(_RETIRE, practice.practice_id, at)
    await record_deed(
        conn, at=at, actor=actor, action="retire practice", practice_id=practice.practice_id, subject=practice.name
    )


async def endpoints_named(conn: Connection, practice_id: UUID, wanted: str) -> list[UUID]:
    """The endpoints of a practice with this name or id; names are only labels, so there may be several."""
    return [row["endpoint_id"] for row in await conn.fetch(_ENDPOINTS_NAMED, practice_id, wanted)]


async def list_practices(conn: Connection) -> list[Practice]:
    return [Practice(row["practice_id"], row["name"], row["zone"]) for row in await conn.fetch(_LIST)]


async def knows_job(conn: Connection, practice_id: UUID, endpoint_id: UUID | None, job: str) -> bool:
    """Whether a job is reported or scheduled; without an endpoint, by any machine."""
    return bool(await conn.fetchval(_KNOWS_JOB, practice_id, endpoint_id, job))
