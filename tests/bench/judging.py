"""What judging costs: a practice in memory, thousands that fall due at once, a fleet to which nothing happens."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median

from prometheus_client import CollectorRegistry

from collector.judge import Record, judge, learn
from collector.metrics import WorkerMetrics
from collector.model.heartbeat import Backup, RunStatus, Sections
from collector.model.identity import uuid7
from collector.model.report import Report
from collector.model.snapshot import Sighting, Snapshot
from collector.store.connect import Pool, Role, open_pool
from collector.sweep import Engine
from deploy.local import Services
from tests.bench.figure import Figure, Target
from tests.bench.ground import Ground, console
from tests.bench.watched import Watched, database_of, policy_of, practice_id, server_cpu_s, snapshot_of

ROUNDS = 200
DUE = Watched(practices=5_000, endpoints=2, jobs=2, ran=timedelta(hours=25, minutes=30))
IDLE = (50, 500, 5_000)  # practices of twenty jobs each
IDLE_S = 60.0
SETTLES_S = 10.0  # what filling left to the server's own housekeeping
_DAY = timedelta(days=1)

_random = Random(3)  # noqa: S311 - only to be unlike


def measure_practice(_: Ground) -> list[Figure]:
    """A run is reported, folded and judged; each time another one, so that nothing is remembered from before."""
    watched = Watched(practices=1, endpoints=20, jobs=20, ran=timedelta(hours=2))
    now = datetime.now(UTC)
    practice = practice_id(0)
    snapshot, policy = snapshot_of(practice, watched, now), policy_of(practice, watched, now)
    took: list[float] = []
    for number in range(ROUNDS):
        at = now + number * timedelta(minutes=1)
        seen = {one: Sighting(received_at=at, interval_s=300, queued=0) for one in snapshot.endpoints}
        told = _report(snapshot, number, at)
        began = time.perf_counter()
        snapshot = learn(snapshot, (told,))
        judge(Record(snapshot, policy, (), ()), seen, (), at)
        took.append((time.perf_counter() - began) * 1e3)
    return [Figure("evaluate_practice_ms", median(took), "ms", Target("at most", 2.0))]


def _report(snapshot: Snapshot, number: int, at: datetime) -> Report:
    job = list(snapshot.jobs.values())[number % len(snapshot.jobs)]
    ran = Backup(
        job=job.job, tool="restic 0.16.4", run_id=f"run {number}", status=RunStatus.SUCCESS,
        started_at=at - timedelta(minutes=20), finished_at=at, bytes_total=80 * 2**30, bytes_added=2**30,
        files_total=120_000, files_changed=900,
    )  # fmt: skip
    return Report(
        heartbeat_id=uuid7(at, _random),
        endpoint_id=job.endpoint_id,
        received_at=at,
        sent_at=at,
        sections=Sections(backups=(ran,)),
    )


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, of our process and of the database server."""

    clock: float
    ours: float
    server: float

    @property
    def cores(self) -> float:
        return self.ours + self.server


class Meter:
    def __init__(self, services: Services) -> None:
        self._server = services.postgres.pid
        self._began = time.monotonic(), time.process_time(), server_cpu_s(self._server)

    def read(self) -> Spent:
        clock, ours, server = self._began
        return Spent(time.monotonic() - clock, time.process_time() - ours, server_cpu_s(self._server) - server)


def measure_due(ground: Ground) -> list[Figure]:
    """Every practice misses a backup in the same second: found, written, a ticket's message posted for each."""
    with database_of(ground.services, "bench_due", DUE, timedelta(0)) as url:
        spent = asyncio.run(_sweep(ground.services, url))
    console.print(
        f"  {spent.clock:.1f} s on the clock; {spent.ours:.1f} s of the worker, {spent.server:.1f} s of the database"
    )
    return [
        Figure("evaluate_due_5000_s", spent.cores, "s of one core", Target("at most", 15.0)),
        Figure("evaluate_due_5000_clock_s", spent.clock, "s"),
    ]


_MISSED = "SELECT count(DISTINCT practice_id) FROM incident WHERE rule = 'backup_missed'"


async def _sweep(services: Services, url: str) -> Spent:
    async with open_pool(url, Role.WORKER, 6) as pool:
        engine = _engine(pool)
        meter = Meter(services)
        await engine.sweep()
        spent = meter.read()
        found = await pool.fetchval(_MISSED)
    if found != DUE.practices:
        raise RuntimeError(f"{found} of {DUE.practices} practices were found to miss a backup")
    return spent


def measure_idle(ground: Ground) -> list[Figure]:
    """Ticks while nothing happens and nothing falls due: what watching alone costs."""
    shares: list[float] = []
    for practices in IDLE:
        watched = Watched(practices=practices, endpoints=4, jobs=20, ran=timedelta(hours=2))
        with database_of(ground.services, "bench_idle", watched, _DAY) as url:
            shares.append(asyncio.run(_idle(ground.services, url)))
        console.print(f"  {practices * watched.jobs} jobs watched: {shares[-1]:.2%} of a core")
    return [Figure("evaluate_idle_cpu_ratio", shares[-1] / shares[0], "", Target("at most", 1.5))]


async def _idle(services: Services, url: str) -> float:
    async with open_pool(url, Role.WORKER, 6) as pool:
        engine = _engine(pool)
        await engine.sweep()
        await asyncio.sleep(SETTLES_S)
        meter = Meter(services)
        until = time.monotonic() + IDLE_S
        while time.monotonic() < until:
            await engine.sweep()
            await asyncio.sleep(1.0)
        spent = meter.read()
    return spent.cores / spent.clock


def _engine(pool: Pool) -> Engine:
    return Engine(pool, [], WorkerMetrics(CollectorRegistry()))
