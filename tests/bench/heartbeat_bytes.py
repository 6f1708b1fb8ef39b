"""What a bare heartbeat takes on disk, index included: a day of many endpoints, stored as a collector stores it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from collector.model.identity import uuid7
from collector.store.connect import Line
from collector.store.intake import Arrival, Beat, append
from tests.bench.figure import Figure
from tests.bench.ground import Ground, console

PRACTICES = 70
MACHINES = 10
INTERVAL = timedelta(minutes=5)
GROUP = 64

_random = Random(5)  # noqa: S311 - only to be unlike

# A hypertable's chunks and a table's partitions alike; sizes of all, so that a difference tells of what was added.
_SIZES = """
    WITH parts AS (
        SELECT inhparent::regclass::text AS series, inhrelid AS part FROM pg_inherits
        WHERE inhparent IN ('accepted'::regclass, 'heartbeat'::regclass)
    )
    SELECT series || ', rows' AS what, sum(pg_total_relation_size(part) - pg_indexes_size(part))::bigint AS bytes
    FROM parts GROUP BY 1
    UNION ALL
    SELECT series || ', ' || substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$'),
        sum(pg_relation_size(indexrelid))::bigint
    FROM parts JOIN pg_index ON indrelid = part GROUP BY 1
    ORDER BY 1
"""


def measure_bytes(ground: Ground) -> list[Figure]:
    return asyncio.run(_measure(ground))


async def _measure(ground: Ground) -> list[Figure]:
    async with ground.owner() as conn:
        before = await _sizes(conn)
        stored = 0
        for group in _day():
            await append(conn, group)
            stored += len(group)
        parts = {what: (size - before.get(what, 0)) / stored for what, size in (await _sizes(conn)).items()}
    for what, size in parts.items():
        console.print(f"  {what}: {size:.1f} bytes a heartbeat")
    return [Figure("heartbeat_bytes", sum(parts.values()), "bytes")]


async def _sizes(conn: Line) -> dict[str, int]:
    return {row["what"]: row["bytes"] for row in await conn.fetch(_SIZES)}


def _day() -> Iterator[list[Arrival]]:
    """Yesterday, in the order in which it came."""
    fleet = [(practice, uuid4()) for practice in (uuid4() for _ in range(PRACTICES)) for _ in range(MACHINES)]
    _random.shuffle(fleet)
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for turn in range(timedelta(days=1) // INTERVAL):
        at = begin + INTERVAL * turn
        for start in range(0, len(fleet), GROUP):
            group = fleet[start : start + GROUP]
            came = at + INTERVAL * start / len(fleet)
            yield [_bare(practice, endpoint, turn, came) for practice, endpoint in group]


def _bare(practice: UUID, endpoint: UUID, turn: int, at: datetime) -> Arrival:
    beat = Beat(turn, 3_600, int(INTERVAL.total_seconds()), 0)
    return Arrival(practice, endpoint, uuid7(at, _random), at, at, 0, sections=(), material=False, beat=beat)
