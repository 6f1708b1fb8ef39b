"""Which practices want judging: those woken by something new, and those whose time has come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from collector.store.connect import Connection

# A claim outlives the judging of a batch by far; after it another worker takes over from a dead one.
CLAIM = timedelta(seconds=5)


@dataclass(frozen=True)
class Wake:
    """Something material; with a heartbeat, the report to fold."""

    received_at: datetime
    heartbeat_id: UUID | None


_WAKE = "INSERT INTO wake (practice_id, received_at) VALUES ($1, $2)"
_WAKE_MANY = "INSERT INTO wake (practice_id, received_at) SELECT unnest($1::uuid[]), $2"
_TAKE = """
    DELETE FROM wake WHERE practice_id = ANY ($1::uuid[]) RETURNING practice_id, received_at, heartbeat_id, wake_id
"""
_CLAIM = """
    WITH wanted AS (
        SELECT practice_id, min(since) AS since FROM (
            SELECT practice_id, evaluate_at AS since FROM due WHERE evaluate_at <= $1
            UNION ALL
            SELECT practice_id, min(received_at) FROM wake GROUP BY practice_id
        ) AS either
        GROUP BY practice_id
    ), claimed AS (
        SELECT practice_id FROM due JOIN wanted USING (practice_id)
        WHERE claimed_until IS NULL OR claimed_until <= $1
        ORDER BY wanted.since LIMIT $3
        FOR UPDATE OF due SKIP LOCKED
    )
    UPDATE due SET claimed_until = $2 FROM claimed WHERE due.practice_id = claimed.practice_id
    RETURNING due.practice_id
"""
_SETTLE = """
    INSERT INTO due (practice_id, evaluate_at) SELECT * FROM unnest($1::uuid[], $2::timestamptz[])
    ON CONFLICT (practice_id) DO UPDATE SET evaluate_at = EXCLUDED.evaluate_at, claimed_until = NULL
"""
_BEGIN_WATCH = "INSERT INTO due (practice_id, evaluate_at) SELECT unnest($1::uuid[]), $2"


async def wake_practice(conn: Connection, practice_id: UUID, at: datetime) -> None:
    """Ask for a judgement without a report: the configuration or an incident changed."""
    await conn.execute(_WAKE, practice_id, at)


async def wake_practices(conn: Connection, practice_ids: Collection[UUID], at: datetime) -> None:
    await conn.execute(_WAKE_MANY, list(practice_ids), at)


async def begin_watch(conn: Connection, practice_ids: Sequence[UUID], at: datetime) -> None:
    await conn.execute(_BEGIN_WATCH, practice_ids, at)


async def claim_wanted(conn: Connection, now: datetime, limit: int) -> Sequence[UUID]:
    """Practices that want judging now, claimed so that no other worker takes them at the same time."""
    return [row["practice_id"] for row in await conn.fetch(_CLAIM, now, now + CLAIM, limit)]


async def take_wakes(conn: Connection, practice_ids: Collection[UUID]) -> Mapping[UUID, list[Wake]]:
    """What woke each practice, in the order in which its reports are folded; gone when the transaction commits."""
    rows = await conn.fetch(_TAKE, list(practice_ids))
    rows.sort(key=lambda row: (row["received_at"], row["wake_id"]))
    taken: dict[UUID, list[Wake]] = {practice_id: [] for practice_id in practice_ids}
    for row in rows:
        taken[row["practice_id"]].append(Wake(row["received_at"], row["heartbeat_id"]))
    return taken


async def settle(conn: Connection, evaluate_at: Mapping[UUID, datetime | None]) -> None:
    """When each practice is to be judged next, unless something wakes it before."""
    await conn.execute(_SETTLE, list(evaluate_at), list(evaluate_at.values()))
