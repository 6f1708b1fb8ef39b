"""Silences: who asked for them and who approved, those that may still hold something, and what they cover."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from collector.model.incident import Incident
from collector.model.silence import Scope, Silence
from collector.store.connect import Connection
from collector.store.incident_pages import IncidentRow, NewestKey


@dataclass(frozen=True)
class PracticesWithin:
    """How many practices a scope covers, and the first of them by name."""

    number: int
    named: tuple[str, ...]


class Standing(StrEnum):
    """Where a silence stands in its time."""

    RUNNING = "running"
    COMING = "coming"
    OVER = "over"


_PUT = """
    INSERT INTO silence SELECT (jsonb_populate_record(NULL::silence, $1::jsonb)).* ON CONFLICT (silence_id) DO NOTHING
"""
_LASTING = """
    SELECT to_jsonb(s) AS body FROM silence AS s WHERE until > $1 AND ended_at IS NULL ORDER BY since, silence_id
"""
_ONE = "SELECT to_jsonb(s) AS body FROM silence AS s WHERE silence_id = $1"
_LOCK = "SELECT to_jsonb(s) AS body FROM silence AS s WHERE silence_id = $1 FOR NO KEY UPDATE"
_NEWEST_FIRST = """
    WITH stands AS (
        SELECT *, CASE WHEN ended_at IS NOT NULL OR until <= $1 THEN 'over' WHEN since > $1 THEN 'coming'
            ELSE 'running' END AS standing
        FROM silence
    )
    SELECT to_jsonb(s) - 'standing' AS body FROM stands AS s
    WHERE ($2::text IS NULL OR standing = $2)
        AND ($3::timestamptz IS NULL OR (since, silence_id) < ($3, $4::uuid))
    ORDER BY since DESC, silence_id DESC LIMIT $5
"""
_APPROVE = "UPDATE silence SET approved_by = $2 WHERE silence_id = $1"
_END = "UPDATE silence SET ended_at = $2, ended_by = $3 WHERE silence_id = $1"
_WITHIN = """
    SELECT i.practice_id, p.name AS practice, to_jsonb(i) - 'practice_id' AS body
    FROM incident AS i JOIN practice AS p USING (practice_id)
    WHERE i.state <> 'resolved' AND ($1::uuid IS NULL OR i.practice_id = $1) AND ($2::text IS NULL OR i.rule = $2)
        AND ($3::jsonb = '{}' OR coalesce((
            SELECT policy.body -> 'labels' FROM policy WHERE policy.practice_id = i.practice_id
            ORDER BY version DESC LIMIT 1
        ), '{}') @> $3)
    ORDER BY i.opened_at DESC, i.incident_id
"""
_PRACTICES_WITHIN = """
    SELECT p.name, count(*) OVER () AS practices FROM practice AS p
    WHERE p.retired_at IS NULL AND p.kind = 'practice' AND ($1::uuid IS NULL OR p.practice_id = $1)
        AND coalesce((
            SELECT policy.body -> 'labels' FROM policy WHERE policy.practice_id = p.practice_id
            ORDER BY version DESC LIMIT 1
        ), '{}') @> $2::jsonb
    ORDER BY p.name, p.practice_id LIMIT $3
"""
_KNOWS_PRACTICE = "SELECT EXISTS (SELECT FROM practice WHERE practice_id = $1 AND retired_at IS NULL)"
_KNOWS_ENDPOINT = "SELECT EXISTS (SELECT FROM endpoint_now WHERE practice_id = $1 AND endpoint_id = $2)"
_NAMES = """
    SELECT practice_id AS named, name FROM practice WHERE practice_id = ANY ($1::uuid[])
    UNION ALL
    SELECT endpoint_id, name FROM endpoint_now WHERE endpoint_id = ANY ($2::uuid[])
"""
# For how long a list of what ended lately is worth reading.
_LATELY = timedelta(days=14)
_ENDED_LATELY = """
    SELECT to_jsonb(s) AS body FROM silence AS s WHERE least(until, ended_at) BETWEEN $1 AND $2
    ORDER BY least(until, ended_at) DESC, silence_id LIMIT 50
"""


async def put_silence(conn: Connection, silence: Silence) -> bool:
    """Whether there was none of that id."""
    return bool((await conn.execute(_PUT, silence.model_dump_json())).endswith(" 1"))


async def lasting_silences(conn: Connection, now: datetime) -> tuple[Silence, ...]:
    """Those that hold something now or may yet, in the order of their beginning."""
    return tuple(Silence.model_validate_json(row["body"]) for row in await conn.fetch(_LASTING, now))


async def silences_newest_first(
    conn: Connection, standing: Standing | None, after: NewestKey | None, limit: int, now: datetime
) -> list[Silence]:
    key = (after.opened_at, after.row_id) if after else (None, None)
    rows = await conn.fetch(_NEWEST_FIRST, now, standing.value if standing else None, *key, limit)
    return [Silence.model_validate_json(row["body"]) for row in rows]


async def ended_lately(conn: Connection, now: datetime) -> tuple[Silence, ...]:
    """The last to end first."""
    rows = await conn.fetch(_ENDED_LATELY, now - _LATELY, now)
    return tuple(Silence.model_validate_json(row["body"]) for row in rows)


async def names_within(conn: Connection, silences: Iterable[Silence]) -> Mapping[UUID, str]:
    """What the practices and machines that silences name are called."""
    scopes = [one.scope for one in silences]
    practice_ids = [one.practice_id for one in scopes if one.practice_id]
    rows = await conn.fetch(_NAMES, practice_ids, [one.endpoint_id for one in scopes if one.endpoint_id])
    return {row["named"]: row["name"] for row in rows}


async def load_silence(conn: Connection, silence_id: UUID) -> Silence | None:
    body = await conn.fetchval(_ONE, silence_id)
    return Silence.model_validate_json(body) if body else None


async def lock_silence(conn: Connection, silence_id: UUID) -> Silence | None:
    """Nobody else changes it until the transaction ends."""
    body = await conn.fetchval(_LOCK, silence_id)
    return Silence.model_validate_json(body) if body else None


async def approve_silence(conn: Connection, silence_id: UUID, by: str) -> None:
    await conn.execute(_APPROVE, silence_id, by)


async def end_silence(conn: Connection, silence_id: UUID, at: datetime, by: str) -> None:
    await conn.execute(_END, silence_id, at, by)


async def lasting_within(conn: Connection, scope: Scope) -> list[IncidentRow]:
    """The incidents that last and that a scope covers, whatever holds them; the newest first."""
    rows = await conn.fetch(_WITHIN, scope.practice_id, scope.rule, json.dumps(dict(scope.labels)))
    found = (_row(row["practice_id"], row["practice"], row["body"]) for row in rows)
    return [one for one in found if _covers(scope, one)]


async def practices_within(conn: Connection, scope: Scope, most: int) -> PracticesWithin:
    """The practices that a scope covers, whether or not anything is open there."""
    rows = await conn.fetch(_PRACTICES_WITHIN, scope.practice_id, json.dumps(dict(scope.labels)), most)
    return PracticesWithin(rows[0]["practices"] if rows else 0, tuple(row["name"] for row in rows))


def _row(practice_id: UUID, practice: str, body: str) -> IncidentRow:
    return IncidentRow(practice_id, practice, Incident.model_validate_json(body))


def _covers(scope: Scope, one: IncidentRow) -> bool:
    """Whether it is about the scope's machine; of all else the query has seen to it."""
    return scope.covers(one.practice_id, scope.labels, one.incident.rule, one.incident.subject)


async def knows_practice(conn: Connection, practice_id: UUID) -> bool:
    return bool(await conn.fetchval(_KNOWS_PRACTICE, practice_id))


async def knows_endpoint(conn: Connection, practice_id: UUID, endpoint_id: UUID) -> bool:
    return bool(await conn.fetchval(_KNOWS_ENDPOINT, practice_id, endpoint_id))
