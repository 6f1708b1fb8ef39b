"""Batches of 500, against binary COPY of the rows that they became into the same tables, in turns."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
import uvloop

from collector.store.connect import Line
from tests.bench.figure import Figure, Target
from tests.bench.ground import Ground, Load, load, running_collector, say

ROUNDS = 3
SECONDS = 10
WARM_SECONDS = 5
CONNECTIONS = 8
BATCH = 500
COPIED_BATCHES = 100
COPY_TURNS = 5  # as many rows as the collector stores in a round or two, so that checkpoints count on both sides
LANES = 2  # as many as the collector commits in

_random = Random(11)  # noqa: S311 - only to be unlike

# What the collector stored of its last batches: each table's rows, the heartbeat's id first.
_LAST = """
    SELECT practice_id, received_at FROM accepted
    GROUP BY 1, 2 HAVING count(*) = $1 ORDER BY received_at DESC LIMIT $2
"""
_ROWS = {
    "accepted": """
        SELECT id, practice_id, received_at FROM accepted
        WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, id
    """,
    "heartbeat": """
        SELECT id, practice_id, endpoint_id, received_at, seq, sent_at, sent_offset_s, interval_s, queued, skew_s
        FROM heartbeat WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, id
    """,
    "section": """
        SELECT heartbeat_id, practice_id, received_at, kind, endpoint_id, sent_at, skew_s, body
        FROM section WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, heartbeat_id
    """,
    "wake": """
        SELECT heartbeat_id, practice_id, received_at FROM wake
        WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, heartbeat_id
    """,
}

Batch = dict[str, "_Rows"]


@dataclass(frozen=True)
class _Rows:
    columns: list[str]
    records: list[tuple[Any, ...]]


def measure_batch(ground: Ground) -> list[Figure]:
    """Medians; the ratio is of each round by itself, since a machine is not as fast in every minute."""
    loads: list[Load] = []
    copied: list[float] = []
    with running_collector(ground, "durable") as durable:
        load(ground, durable, connections=CONNECTIONS, batch=BATCH, seconds=WARM_SECONDS)
        for _ in range(ROUNDS):
            loads.append(load(ground, durable, connections=CONNECTIONS, batch=BATCH, seconds=SECONDS))
            copied.append(uvloop.run(_copy(ground)))
    say("batches", loads, BATCH)
    say("COPY", [Load(one, 0, 0, 0) for one in copied])
    per_s = median(one.per_s for one in loads) * BATCH
    ratio = median(one.per_s * BATCH / rate for one, rate in zip(loads, copied, strict=True))
    return [
        Figure("intake_batch_ratio", ratio, "1", Target("at least", 0.25)),
        Figure("intake_batch_per_s", per_s, "heartbeats/s"),
        Figure("intake_batch_core_busy", median(one.busy for one in loads), "1"),
    ]


async def _copy(ground: Ground) -> float:
    """Heartbeats a second; the rows are ready before the clock starts."""
    stored, took = 0, 0.0
    async with ground.owner() as first, ground.owner() as second:
        for _ in range(COPY_TURNS):
            batches = await _prepared(first)
            began = time.monotonic()
            await asyncio.gather(_lane(first, batches[::LANES]), _lane(second, batches[1::LANES]))
            took += time.monotonic() - began
            stored += len(batches) * BATCH
    return stored / took


async def _lane(conn: Line, batches: Sequence[Batch]) -> None:
    for batch in batches:
        async with conn.transaction():
            for table, rows in batch.items():
                await conn.copy_records_to_table(table, records=rows.records, columns=rows.columns, schema_name="vigie")


async def _prepared(conn: Line) -> list[Batch]:
    """The last batches that the collector stored, with ids that are new."""
    batches = []
    for last in await conn.fetch(_LAST, BATCH, COPIED_BATCHES):
        salt = _random.getrandbits(61)
        batches.append({table: _renewed(await conn.fetch(ask, *last), salt) for table, ask in _ROWS.items()})
    return batches


def _renewed(rows: Sequence[asyncpg.Record], salt: int) -> _Rows:
    """The random part of each id is changed alike; its time and so its place in the indexes stay."""
    records = [(UUID(int=row[0].int ^ salt), *tuple(row)[1:]) for row in rows]
    return _Rows(list(rows[0].keys()) if rows else [], records)
