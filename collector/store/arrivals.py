"""What the fleet owes, what arrived, and the shortfalls between them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.arrivals import Arrivals, Owed
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
    WITH of_practice AS (
        SELECT practice_id, interval_s, count(*) AS endpoints FROM liveness_span
        WHERE up_to IS NULL AND up_from <= $1 GROUP BY practice_id, interval_s
    )
    SELECT interval_s, sum(endpoints)::bigint AS endpoints, (
        SELECT max(owed) FROM (
            SELECT sum(endpoints::float8 / interval_s) AS owed FROM of_practice GROUP BY practice_id
        ) AS each
    ) AS largest
    FROM of_practice GROUP BY interval_s
"""
# A slot that began before the window counts whole: rather one too many than a shortfall that is none.
_ARRIVED = "SELECT coalesce(sum(heartbeats), 0)::bigint FROM arrived WHERE slot > $1"
_OPEN = """
    INSERT INTO shortfall (began_at, owed, arrived) VALUES ($1, $2, $3)
    ON CONFLICT ((true)) WHERE ended_at IS NULL DO UPDATE SET owed = EXCLUDED.owed, arrived = EXCLUDED.arrived
"""
_CLOSE = "UPDATE shortfall SET ended_at = greatest(began_at, $1) WHERE ended_at IS NULL"
_LASTING = "SELECT began_at, owed, arrived FROM shortfall WHERE ended_at IS NULL"
_DROP_ARRIVED = "DELETE FROM arrived WHERE slot < $1"


async def owed_by_fleet(conn: Connection, up_before: datetime) -> Owed:
    """By the endpoints that are up, and were before an instant: what has just come back owes nothing of the past."""
    rows = await conn.fetch(_OWED, up_before)
    by_interval = {row["interval_s"]: row["endpoints"] for row in rows}
    return Owed(endpoints=by_interval, largest=rows[0]["largest"] if rows else 0.0)


async def arrived_since(conn: Connection, since: datetime) -> int:
    arrived: int = await conn.fetchval(_ARRIVED, since - SLOT)
    return arrived


async def put_shortfall(conn: Connection, arrivals: Arrivals, now: datetime) -> None:
    """A shortfall began where arrivals were last normal; of one that lasts, the figures change alone."""
    await conn.execute(_OPEN, now - arrivals.window, arrivals.owed.per_second, arrivals.per_second)


async def end_shortfall(conn: Connection, now: datetime) -> None:
    """The one that lasts, if any."""
    await conn.execute(_CLOSE, now)


async def lasting_shortfall(conn: Connection) -> Shortfall | None:
    row = await conn.fetchrow(_LASTING)
    return Shortfall(row["began_at"], row["owed"], row["arrived"]) if row else None


async def drop_arrived(conn: Connection, now: datetime) -> None:
    """Slots are looked at for minutes, and kept for days to see afterwards what happened."""
    await conn.execute(_DROP_ARRIVED, now - ARRIVED_KEPT)
