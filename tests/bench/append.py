"""`python -m tests.bench.append`: the collector's statement with unnest, against binary COPY into staging tables.

Not one of the figures: it is why collector/store/intake.py appends as it does. Both store the same arrivals in two
lanes on one database, in turns.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import uvloop

from collector.model.identity import uuid7
from collector.store.connect import Line
from collector.store.intake import Arrival, Beat, SectionRow, append
from deploy.local import local_services
from tests.bench.ground import Ground, console, prepare_ground

ROUNDS = 5
HEARTBEATS = 12_000  # a round
SHAPES = ((64, False), (500, True))  # arrivals that share a commit; whether one in ten is rich
ENDPOINTS = [(practice, uuid4()) for practice in (uuid4() for _ in range(300)) for _ in range(4)]
SECTION = '{"job": "database", "status": "success", "message": "' + "x" * 1_200 + '"}'

_random = Random(17)  # noqa: S311 - only to be unlike

_STAGING = """
    CREATE TEMPORARY TABLE arriving (
        n int, practice_id uuid, id uuid, received_at timestamptz, endpoint_id uuid, sent_at timestamptz, skew_s bigint,
        material boolean, seq bigint, sent_offset_s int, interval_s int, queued int
    ) ON COMMIT DELETE ROWS;
    CREATE TEMPORARY TABLE arriving_section (n int, kind text, body jsonb) ON COMMIT DELETE ROWS
"""
_FROM_STAGING = """
    WITH fresh AS (
        INSERT INTO accepted (practice_id, id, received_at)
        SELECT practice_id, id, received_at FROM arriving ORDER BY practice_id, id
        ON CONFLICT DO NOTHING
        RETURNING practice_id, id
    ), beats AS (
        INSERT INTO heartbeat (practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s,
                               interval_s, queued, skew_s)
        SELECT practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s, interval_s, queued, skew_s
        FROM arriving JOIN fresh USING (practice_id, id)
    ), sections AS (
        INSERT INTO section (practice_id, received_at, heartbeat_id, kind, endpoint_id, sent_at, skew_s, body)
        SELECT practice_id, received_at, id, kind, endpoint_id, sent_at, skew_s, body
        FROM arriving_section JOIN arriving USING (n) JOIN fresh USING (practice_id, id)
    ), wakes AS (
        INSERT INTO wake (practice_id, received_at, heartbeat_id)
        SELECT practice_id, received_at, id FROM arriving JOIN fresh USING (practice_id, id) WHERE material
    )
    SELECT n FROM arriving LEFT JOIN fresh USING (practice_id, id) WHERE fresh.id IS NULL
"""

Append = Callable[[Line, Sequence[Arrival]], Awaitable[object]]


async def append_by_copy(conn: Line, arrivals: Sequence[Arrival]) -> None:
    async with conn.transaction():
        await conn.copy_records_to_table("arriving", records=[_row(n, one) for n, one in enumerate(arrivals)])
        sections = [(n, section.kind, section.body) for n, one in enumerate(arrivals) for section in one.sections]
        if sections:
            await conn.copy_records_to_table("arriving_section", records=sections)
        await conn.fetch(_FROM_STAGING)


def _row(n: int, one: Arrival) -> tuple[object, ...]:
    beat = one.beat or Beat(0, 0, 0, 0)
    head = (n, one.practice_id, one.id, one.received_at, one.endpoint_id, one.sent_at, one.skew_s, one.material)
    return (*head, beat.seq, beat.sent_offset_s, beat.interval_s, beat.queued)


def main() -> None:
    with TemporaryDirectory() as room, local_services(say=console.print) as services:
        uvloop.run(_compare(prepare_ground(services, Path(room))))


async def _compare(ground: Ground) -> None:
    async with ground.owner() as first, ground.owner() as second:
        for conn in (first, second):
            await conn.execute(_STAGING)
        for size, mixed in SHAPES:
            seen: dict[str, list[float]] = {"unnest": [], "COPY": []}
            for _ in range(ROUNDS):
                for name, store in (("unnest", append), ("COPY", append_by_copy)):
                    seen[name].append(await _round((first, second), store, size, mixed=mixed))
            for name, rates in seen.items():
                console.print(f"{size} to a commit, {name}: {median(rates):.0f} heartbeats/s ({_listed(rates)})")


async def _round(lanes: Sequence[Line], store: Append, size: int, *, mixed: bool) -> float:
    groups = [[_arrival(n, rich=mixed and n % 10 == 9) for n in range(size)] for _ in range(HEARTBEATS // size)]

    async def lane(conn: Line, mine: Sequence[Sequence[Arrival]]) -> None:
        for group in mine:
            await store(conn, group)

    began = time.monotonic()
    await asyncio.gather(*(lane(conn, groups[n :: len(lanes)]) for n, conn in enumerate(lanes)))
    return len(groups) * size / (time.monotonic() - began)


def _arrival(n: int, *, rich: bool) -> Arrival:
    practice, endpoint = _random.choice(ENDPOINTS)
    now = datetime.now(UTC)
    kinds = ("backups", "patches", "protection", "alerts") if rich else ()
    sections = tuple(SectionRow(kind, SECTION) for kind in kinds)
    return Arrival(practice, endpoint, _id(now), now, now, 0, sections, rich, Beat(n, 0, 300, 0))


def _id(now: datetime) -> UUID:
    return uuid7(now, _random)


def _listed(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


if __name__ == "__main__":
    main()
