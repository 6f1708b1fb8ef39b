"""Batches of 500, against binary COPY of the rows that they became into the same tables, in turns."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from io import BytesIO
from random import Random
from statistics import median

import uvloop

from collector.store.connect import Line
from tests.bench.figure import Figure, Target
from tests.bench.ground import BUSY, Ground, Load, load, running_collector, say

ROUNDS = 3
SECONDS = 10
WARM_SECONDS = 5
CONNECTIONS = 8
BATCH = 500
COPIED_BATCHES = 60
COPY_TURNS = 3  # of each number of streams; a batch is copied once, so that all together are fewer than a round stores

_random = Random(11)  # noqa: S311 - only to be unlike

# What the collector stored of its last batches: each table's rows, the heartbeat's id first.
_LAST = """
    SELECT practice_id, received_at FROM accepted
    GROUP BY 1, 2 HAVING count(*) = $1 ORDER BY received_at DESC LIMIT $2
"""
# With ids that are new: a part that all of a batch share is another, so that their place in the indexes stays.
_ROWS = {
    "accepted": """
        SELECT overlay(id::text PLACING $3 FROM 25 FOR 6)::uuid, practice_id, received_at FROM accepted
        WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, id
    """,
    "heartbeat": """
        SELECT overlay(id::text PLACING $3 FROM 25 FOR 6)::uuid, practice_id, endpoint_id, received_at, seq, sent_at,
            sent_offset_s, interval_s, queued, skew_s
        FROM heartbeat WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, id
    """,
    "section": """
        SELECT overlay(heartbeat_id::text PLACING $3 FROM 25 FOR 6)::uuid, practice_id, received_at, kind, endpoint_id,
            sent_at, skew_s, body
        FROM section WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, heartbeat_id
    """,
    "wake": """
        SELECT overlay(heartbeat_id::text PLACING $3 FROM 25 FOR 6)::uuid, practice_id, received_at FROM wake
        WHERE practice_id = $1 AND received_at = $2 ORDER BY practice_id, heartbeat_id
    """,
}
_COLUMNS = {
    "accepted": ("id", "practice_id", "received_at"),
    "heartbeat": (
        "id", "practice_id", "endpoint_id", "received_at", "seq", "sent_at", "sent_offset_s", "interval_s", "queued",
        "skew_s",
    ),
    "section": ("heartbeat_id", "practice_id", "received_at", "kind", "endpoint_id", "sent_at", "skew_s", "body"),
    "wake": ("heartbeat_id", "practice_id", "received_at"),
}  # fmt: skip

Batch = dict[str, bytes]  # by table, as COPY takes it


def measure_batch(ground: Ground) -> list[Figure]:
    """Medians; the ratio is of each round by itself, since a machine is not as fast in every minute."""
    loads: list[Load] = []
    copied: dict[int, list[float]] = {1: [], 2: []}  # by how many streams
    with running_collector(ground, "durable") as durable:
        load(ground, durable, connections=CONNECTIONS, batch=BATCH, seconds=WARM_SECONDS)
        for _ in range(ROUNDS):
            loads.append(load(ground, durable, connections=CONNECTIONS, batch=BATCH, seconds=SECONDS))
            for streams, rates in copied.items():
                rates.append(uvloop.run(_copy(ground, streams)))
        resident = durable.memory_mb("VmHWM")
    say("batches", loads, BATCH)
    for streams, rates in copied.items():
        say(f"COPY, streams: {streams}", [Load(one, 0) for one in rates])
    per_s = median(one.per_s for one in loads) * BATCH
    return [
        Figure("intake_batch_ratio", _ratio(loads, copied[1]), "1", Target("at least", 0.25)),
        Figure("intake_batch_ratio_two_streams", _ratio(loads, copied[2]), "1"),
        Figure("intake_batch_per_s", per_s, "heartbeats/s"),
        Figure("intake_batch_core_busy", median(one.busy for one in loads), "1", BUSY),
        Figure("collector_rss_batch_mb", resident, "MiB", Target("at most", 150)),
    ]


def _ratio(loads: Sequence[Load], copied: Sequence[float]) -> float:
    return median(one.per_s * BATCH / rate for one, rate in zip(loads, copied, strict=True))


async def _copy(ground: Ground, streams: int) -> float:
    """Heartbeats a second; the bytes are ready before the clock starts, so that nothing but the server is measured."""
    stored, took = 0, 0.0
    async with AsyncExitStack() as stack:
        lanes = [await stack.enter_async_context(ground.owner()) for _ in range(streams)]
        for _ in range(COPY_TURNS):
            batches = await _prepared(lanes[0])
            began = time.monotonic()
            await asyncio.gather(*(_lane(conn, batches[n::streams]) for n, conn in enumerate(lanes)))
            took += time.monotonic() - began
            stored += len(batches) * BATCH
    return stored / took


async def _lane(conn: Line, batches: Sequence[Batch]) -> None:
    for batch in batches:
        async with conn.transaction():
            for table, rows in batch.items():
                await conn.copy_to_table(
                    table, source=BytesIO(rows), format="binary", columns=_COLUMNS[table], schema_name="vigie"
                )


async def _prepared(conn: Line) -> list[Batch]:
    """The last batches that the collector stored, with ids that are new."""
    batches = []
    for last in await conn.fetch(_LAST, BATCH, COPIED_BATCHES):
        salt = f"{_random.getrandbits(24):06x}"
        batches.append({table: await _binary(conn, ask, *last, salt) for table, ask in _ROWS.items()})
    return batches


async def _binary(conn: Line, ask: str, *arguments: object) -> bytes:
    rows = BytesIO()
    await conn.copy_from_query(ask, *arguments, output=rows, format="binary")
    return rows.getvalue()
