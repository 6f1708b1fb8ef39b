"""From a deadline to its ticket at the receiver: 100,000 backup jobs are watched, and fifty fall due each second."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from collector.model.policy import DEFAULT_GRACE
from collector.store.connect import Line, connect
from tests.bench.counting import Conditions, Counting, counting, worker
from tests.bench.figure import Figure, Target
from tests.bench.ground import Ground, console
from tests.bench.watched import Watched, database_of, practice_id, snapshot_of

FLEET = Watched(practices=5_000, endpoints=4, jobs=20, ran=timedelta(hours=2))
PER_S = 50
SECONDS = 60
LEAD = timedelta(seconds=60)  # in which the deadlines are written
PATIENCE_S = 60.0
_DAY = timedelta(days=1)

_JOB = "UPDATE snapshot SET body = jsonb_set(body, ARRAY['jobs', $2], $3::jsonb) WHERE practice_id = $1"
_DUE = "UPDATE due SET evaluate_at = $2 WHERE practice_id = $1"


def measure_ticket_latency(ground: Ground) -> list[Figure]:
    """Each deadline is a practice's own, so each is a ticket of its own."""
    with TemporaryDirectory() as logs, database_of(ground.services, "bench_latency", FLEET, _DAY) as url:
        latencies = asyncio.run(_latencies(ground, url, Path(logs), PER_S * SECONDS))
    return [
        Figure("ticket_latency_p99_s", quantiles(latencies, n=100)[98], "s", Target("at most", 2.0)),
        Figure("ticket_latency_p50_s", quantiles(latencies, n=100)[49], "s"),
    ]


async def _latencies(ground: Ground, url: str, logs: Path, deadlines: int) -> Sequence[float]:
    receiver = Counting()
    async with counting(receiver) as receiver_url, worker("worker", logs, ground.services, url, receiver_url) as ours:
        begin = datetime.now(UTC) + LEAD
        await _fall_due(url, begin, deadlines)
        await asyncio.sleep(seconds_to(begin))
        conditions = Conditions(ground.services, ours)
        await asyncio.sleep(deadlines / PER_S)
        console.print(f"  {conditions}")
        await arrived(receiver, deadlines, PATIENCE_S)
    if receiver.doubled:
        raise RuntimeError(f"{len(receiver.doubled)} tickets came twice")
    return [(one.at - one.since).total_seconds() for one in receiver.opened]


async def _fall_due(url: str, begin: datetime, deadlines: int) -> None:
    """One job of each practice, one after another."""
    conn = await connect(url)
    try:
        for number in range(deadlines):
            await _falls_due(conn, number, begin + timedelta(seconds=number / PER_S))
        await conn.execute("VACUUM ANALYZE snapshot, due", timeout=300)
    finally:
        await conn.close()


async def _falls_due(conn: Line, number: int, at: datetime) -> None:
    one_job = Watched(practices=1, endpoints=1, jobs=1, ran=_DAY + DEFAULT_GRACE)
    practice = practice_id(number)
    [(subject, job)] = snapshot_of(practice, one_job, at).jobs.items()
    await conn.execute(_JOB, practice, subject, job.model_dump_json())
    await conn.execute(_DUE, practice, at)


def seconds_to(at: datetime) -> float:
    left = (at - datetime.now(UTC)).total_seconds()
    if left < 0:
        raise RuntimeError(f"it all began {-left:.0f} s before the worker was up: a longer lead is needed")
    return left


async def arrived(receiver: Counting, tickets: int, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while len(receiver.opened) < tickets:  # noqa: ASYNC110 - another process sends them
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise RuntimeError(f"{len(receiver.opened)} of {tickets} tickets arrived within {within_s:g} s") from None
