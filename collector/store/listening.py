"""The ledger of when our collectors could commit; what none of them covers was our own outage."""

from datetime import datetime, timedelta

from collector.model.arrivals import SHORTFALL_COUNTS
from collector.model.snapshot import Gap
from collector.store.connect import Connection

# Collectors write every second; a silence this long means that none could commit.
TOLERATED = timedelta(seconds=3)
# As long as any instant can be rebuilt (400 days, collector/store/snapshots.py), with the gaps before it that still
# move a deadline.
KEPT = timedelta(days=440)
# The width of a slot of `arrived`.
SLOT = timedelta(seconds=5)

_EXTEND = """
    WITH listened AS (
        INSERT INTO listening (collector, up_from, up_to) VALUES ($1, $2, $3)
        ON CONFLICT (collector, up_from) DO UPDATE SET up_to = EXCLUDED.up_to
    )
    INSERT INTO arrived (collector, slot, heartbeats)
    SELECT $1, date_bin($5, $3, '2000-01-01T00:00Z'), $4::bigint WHERE $4 > 0
    ON CONFLICT (slot, collector) DO UPDATE SET heartbeats = arrived.heartbeats + EXCLUDED.heartbeats
"""
_LAST = "SELECT max(up_to) FROM listening"
# Islands and gaps: a span starts a gap if everything before it ended too early. Shortfalls are laid over them.
_GAPS = """
    WITH spans AS (
        SELECT up_from, up_to FROM listening
        WHERE up_from <= $2 AND up_to >= coalesce((SELECT max(up_to) FROM listening WHERE up_to < $1), $1)
        UNION ALL SELECT $2, $2 WHERE EXISTS (SELECT FROM listening)
    ), reached AS (
        SELECT up_from, max(up_to) OVER (ORDER BY up_from, up_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS covered FROM spans
    ), away AS (
        SELECT covered AS began_at, up_from AS ended_at FROM reached WHERE up_from - covered > $3
        UNION ALL
        SELECT began_at, least(ended_at, $2, began_at + $4) FROM shortfall
        WHERE began_at < $2 AND least(ended_at, began_at + $4) > $1
    )
    SELECT lower(gap) AS began_at, upper(gap) AS ended_at
    FROM unnest((SELECT range_agg(tstzrange(began_at, ended_at)) FROM away)) AS gap ORDER BY gap
"""


_DROP_LISTENING = "DELETE FROM listening WHERE up_to < $1"
_DROP_SHORTFALLS = "DELETE FROM shortfall WHERE ended_at < $1"


async def extend_listening(
    conn: Connection, collector: str, up_from: datetime, up_to: datetime, arrived: int = 0
) -> None:
    """One write: the span goes on to `up_to`, and so many more heartbeats were stored by then."""
    await conn.execute(_EXTEND, collector, up_from, up_to, arrived, SLOT)


async def last_listened(conn: Connection) -> datetime | None:
    """When a collector last could commit, by its own clock."""
    at: datetime | None = await conn.fetchval(_LAST)
    return at


async def gaps_since(conn: Connection, since: datetime, now: datetime) -> tuple[Gap, ...]:
    """Our own outages between two instants in order and apart, one that still lasts included.

    Where no collector listened, none before the first; and where the way to them was broken.
    """
    rows = await conn.fetch(_GAPS, since, now, TOLERATED, SHORTFALL_COUNTS)
    return tuple(Gap(start=row["began_at"], end=row["ended_at"]) for row in rows)


async def drop_listening(conn: Connection, now: datetime) -> None:
    """What no instant that can be rebuilt depends on."""
    await conn.execute(_DROP_LISTENING, now - KEPT)
    await conn.execute(_DROP_SHORTFALLS, now - KEPT)
