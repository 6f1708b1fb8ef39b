"""The ledger of when our collectors could commit; what none of them covers was our own outage."""

from datetime import datetime, timedelta

from collector.model.snapshot import Gap
from collector.store.connect import Connection

# Collectors write every second; a silence this long means that none could commit.
TOLERATED = timedelta(seconds=3)

_EXTEND = """
    INSERT INTO listening (collector, up_from, up_to) VALUES ($1, $2, $3)
    ON CONFLICT (collector, up_from) DO UPDATE SET up_to = EXCLUDED.up_to
"""
# Islands and gaps: a span starts a gap if everything before it ended too early.
_GAPS = """
    WITH spans AS (
        SELECT up_from, up_to FROM listening
        WHERE up_from <= $2 AND up_to >= coalesce((SELECT max(up_to) FROM listening WHERE up_to < $1), $1)
        UNION ALL SELECT $2, $2 WHERE EXISTS (SELECT FROM listening)
    ), reached AS (
        SELECT up_from, max(up_to) OVER (ORDER BY up_from, up_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS covered FROM spans
    )
    SELECT covered, up_from FROM reached WHERE up_from - covered > $3 ORDER BY covered
"""


async def extend_listening(conn: Connection, collector: str, up_from: datetime, up_to: datetime) -> None:
    await conn.execute(_EXTEND, collector, up_from, up_to)


async def gaps_since(conn: Connection, since: datetime, now: datetime) -> tuple[Gap, ...]:
    """Our own outages between two instants, one that still lasts included; none before the first collector."""
    rows = await conn.fetch(_GAPS, since, now, TOLERATED)
    return tuple(Gap(start=row["covered"], end=row["up_from"]) for row in rows)
