"""Ten times what can be sustained, from clients that do not heed Retry-After: memory, latency, and the time after."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from statistics import quantiles
from uuid import UUID, uuid4

import httpx
from rich.progress import Progress

from collector.model.heartbeat import Endpoint, Heartbeat, Role
from collector.model.identity import uuid7
from tests.bench.figure import Figure, Target
from tests.bench.ground import Collector, Ground, check_stored, console, heard, running_collector, start_client

SECONDS = int(os.environ.get("BENCH_OVERLOAD_S", "600"))
SINGLES = 1_280  # connections: ten times those of `intake_single`
BATCHES = 80  # and ten times those of `intake_batch`
BATCH = 500
EARLY_S = 60.0
HEALTH = ("/livez", "/readyz", "/metrics")
VISITORS = 4
PAUSE_S = 0.1
QUIET_PROBES = 200
LONGEST_RECOVERY_S = 60.0

_random = Random(13)  # noqa: S311 - only to be unlike


@dataclass
class Visitor:
    """An agent like any other that reports all the while, and what it saw."""

    client: httpx.AsyncClient
    endpoint_id: UUID = field(default_factory=uuid4)
    seq: int = 0
    admitted_ms: list[float] = field(default_factory=list)
    refused: int = 0

    async def report(self) -> float | None:
        """Milliseconds until it was stored, or None if it was not."""
        began = time.monotonic()
        answer = await self.client.post("/v1/heartbeats", content=self._heartbeat())
        if answer.status_code == httpx.codes.ACCEPTED:
            return (time.monotonic() - began) * 1e3
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise RuntimeError(f"the visitor was answered with {answer.status_code}")
        return None

    async def keep_reporting(self) -> None:
        while True:
            took = await self.report()
            if took is None:
                self.refused += 1
            else:
                self.admitted_ms.append(took)
            await asyncio.sleep(PAUSE_S)

    async def check_health(self) -> None:
        """Who watches the collector must get an answer, above all now."""
        for path in HEALTH:
            (await self.client.get(path)).raise_for_status()

    def _heartbeat(self) -> str:
        self.seq += 1
        now = datetime.now(UTC)
        machine = Endpoint(id=self.endpoint_id, name="SRV-01", role=Role.SERVER)
        beat = Heartbeat(id=uuid7(now, _random), seq=self.seq, sent_at=now, interval_s=60, endpoint=machine)
        return beat.model_dump_json(exclude_none=True)


@dataclass(frozen=True)
class Overload:
    """Resident memory after a minute and at the end, in MiB, and how many heartbeats were acknowledged."""

    early: float
    late: float
    acknowledged: int


def measure_overload(ground: Ground) -> list[Figure]:
    return asyncio.run(_measure(ground))


async def _measure(ground: Ground) -> list[Figure]:
    with running_collector(ground, "durable") as collector:
        async with _visiting(ground, collector) as visitor:
            normal_ms = _p99([took for _ in range(QUIET_PROBES) if (took := await visitor.report()) is not None])
            visitors = [Visitor(visitor.client) for _ in range(VISITORS)]
            since = datetime.now(UTC)
            async with asyncio.TaskGroup() as tasks:
                reporting = [tasks.create_task(one.keep_reporting()) for one in visitors]
                seen = await _overload(ground, collector, visitor)
                for task in reporting:
                    task.cancel()
            visited = sum(len(one.admitted_ms) for one in visitors)
            recovery_s = await _recovery(visitor, normal_ms)
        unfinished = SINGLES + BATCHES * BATCH + VISITORS + visitor.seq  # and what looked for its recovery
        await asyncio.to_thread(check_stored, ground, collector, since, seen.acknowledged + visited, unfinished)
        highest = collector.memory_mb("VmHWM")
    admitted = [took for one in visitors for took in one.admitted_ms]
    refused = sum(one.refused for one in visitors)
    console.print(f"  visitors: {len(admitted)} admitted, {refused} refused; p99 before {normal_ms:.1f} ms")
    console.print(
        f"  resident: {seen.early:.1f} MiB after {min(EARLY_S, SECONDS):.0f} s, {seen.late:.1f} MiB at the end"
    )
    return [
        Figure("collector_rss_overload_mb", highest, "MiB", Target("at most", 150)),
        Figure("collector_rss_overload_growth_mb", seen.late - seen.early, "MiB"),
        Figure("intake_overload_p99_ms", _p99(admitted), "ms"),
        Figure("intake_overload_recovery_s", recovery_s, "s", Target("at most", 5)),
    ]


@asynccontextmanager
async def _visiting(ground: Ground, collector: Collector) -> AsyncIterator[Visitor]:
    headers = {"authorization": f"Bearer {ground.visitor}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=collector.url, headers=headers, timeout=30.0) as client:
        yield Visitor(client)


async def _overload(ground: Ground, collector: Collector, visitor: Visitor) -> Overload:
    clients = [
        start_client(ground, collector, connections=connections, batch=batch, seconds=SECONDS)
        for connections, batch in ((SINGLES, 1), (BATCHES, BATCH))
    ]
    early = 0.0
    try:
        for passed in _progress(clients):
            await asyncio.sleep(1)
            await visitor.check_health()
            if passed <= EARLY_S:
                early = collector.memory_mb("VmRSS")
        late = collector.memory_mb("VmRSS")
        acknowledged = [await _acknowledged(client, each) for client, each in zip(clients, (1, BATCH), strict=True)]
    finally:
        for client in clients:
            client.kill()
            client.wait()
    return Overload(early, late, sum(acknowledged))


async def _acknowledged(client: "subprocess.Popen[str]", each: int) -> int:
    """Heartbeats, in requests of so many each."""
    seen = await asyncio.to_thread(heard, client)
    stored, asked = seen.per_s * each, seen.per_s + seen.refused / seen.seconds
    console.print(
        f"  {each} a request: {asked:.0f} requests/s, {seen.refused} refused; {stored:.0f} heartbeats/s stored"
    )
    return round(seen.per_s * seen.seconds) * each


def _progress(clients: "list[subprocess.Popen[str]]") -> Iterator[float]:
    """Seconds since the load began, until it ends."""
    began = time.monotonic()
    with Progress(console=console) as bar:
        task = bar.add_task("overload", total=SECONDS)
        while all(client.poll() is None for client in clients):
            bar.update(task, completed=time.monotonic() - began)
            yield time.monotonic() - began


async def _recovery(visitor: Visitor, normal_ms: float) -> float:
    """From the load's end to the first report that is stored as fast as before."""
    began = time.monotonic()
    while time.monotonic() - began < LONGEST_RECOVERY_S:
        asked = time.monotonic()
        took = await visitor.report()
        if took is not None and took <= normal_ms:
            return asked - began + took / 1e3
    return LONGEST_RECOVERY_S


def _p99(measured: list[float]) -> float:
    return quantiles(measured, n=100)[98]
