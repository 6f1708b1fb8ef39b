"""What the fleet owes, what arrived, how much of it is heard, and the shortfalls between them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.arrivals import Arrivals, Heard, Owed, Share
from collector.store.connect import Connection
from collector.store.listening import SLOT

ARRIVED_KEPT = timedelta(days=2)


@dataclass(frozen=True)
class Shortfall:
    """One that lasts; heartbeats a second."""

    began_at: datetime
    owed: float
    arrived: float


_OWED = """
    WITH up AS (
        SELECT practice_id, interval_s, count(*) AS endpoints FROM liveness_span
        WHERE up_to IS NULL AND up_from <= $1 GROUP BY practice_id, interval_s
    ), part AS (
        SELECT interval_s, endpoints, endpoints / sum(endpoints) OVER (PARTITION BY practice_id) AS practices FROM up
    )
    SELECT interval_s, sum(endpoints)::bigint AS endpoints, sum(practices)::float8 AS practices
    FROM part GROUP BY interval_s
"""
_HEARD = """
    SELECT count(*) AS practices, coalesce(avg(part), 0)::float8 AS part
    FROM (
        SELECT avg(EXISTS (
            SELECT FROM heartbeat AS h
            WHERE h.practice_id = s.practice_id AND h.endpoint_id = s.endpoint_id AND h.received_at > $2
        )::int) AS part
        FROM liveness_span AS s
        WHERE up_to IS NULL AND up_from <= $1 AND interval_s <= $3 GROUP BY practice_id
    ) AS each
"""
# A slot that began before the window counts whole: rather one too many than a shortfall that is none.
_ARRIVED = "SELECT coalesce(sum(heartbeats), 0)::bigint FROM arrived WHERE slot > $1"
# Any number of workers may open one at once: what is refused is open already.
_OPEN = """
    WITH lasting AS (
        UPDATE shortfall SET owed = $2, arrived = $3 WHERE ended_at IS NULL RETURNING began_at
    )
    INSERT INTO shortfall (began_at, owed, arrived) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM lasting)
    ON CONFLICT DO NOTHING RETURNING began_at
"""
_CLOSE = "UPDATE shortfall SET ended_at = greatest(began_at, $1) WHERE ended_at IS NULL RETURNING ended_at"
_LASTING = "SELECT began_at, owed, arrived FROM shortfall WHERE ended_at IS NULL"
_DROP_ARRIVED = "DELETE FROM arrived WHERE slot < $1"


async def owed_by_fleet(conn: Connection, up_before: datetime) -> Owed:
    """By the endpoints that are up, and were before an instant: what has just come back owes nothing of the past."""
    rows = await conn.fetch(_OWED, up_before)
    shares = {row["interval_s"]: Share(endpoints=row["endpoints"], practices=row["practices"]) for row in rows}
    return Owed(shares=shares)


async def heard_of_fleet(conn: Connection, arrivals: Arrivals, up_before: datetime) -> Heard:
    """Of the same endpoints, those that send at least once in the window; a look at each of them."""
    since = arrivals.until - arrivals.window
    row = await conn.fetchrow(_HEARD, up_before, since, int(arrivals.window.total_seconds()))
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Heard(practices=row["practices"], part=row["part"])


async def arrived_since(conn: Connection, since: datetime) -> int:
    arrived: int = await conn.fetchval(_ARRIVED, since - SLOT)
    return arrived


async def put_shortfall(conn: Connection, arrivals: Arrivals) -> bool:
    """A shortfall began where arrivals were last normal; of one that lasts, the figures change alone.

    Whether it began now.
    """
    began_at = arrivals.until - arrivals.window
    return bool(await conn.fetchval(_OPEN, began_at, arrivals.owed.per_second, arrivals.per_second))


async def end_shortfall(conn: Connection, now: datetime) -> bool:
    """The one that lasts; whether there was any."""
    return bool(await conn.fetchval(_CLOSE, now))


async def lasting_shortfall(conn: Connection) -> Shortfall | None:
    row = await conn.fetchrow(_LASTING)
    return Shortfall(row["began_at"], row["owed"], row["arrived"]) if row else None


async def drop_arrived(conn: Connection, now: datetime) -> None:
    """Slots are looked at for minutes, and kept for days to see afterwards what happened."""
    await conn.execute(_DROP_ARRIVED, now - ARRIVED_KEPT)
