"""What every bench of intake stands on: a database with a fleet in it, a client, and collectors to measure."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

from collector.administer import Deed, enrol_practice
from collector.store.connect import Line, connect
from collector.store.migrate import apply_migrations, prepare
from deploy.demo.stack import free_ports
from deploy.local import Services, fetch_program
from tests.bench.figure import Target
from tests.bench.kill_check import check_durable

PRACTICES = 300
CLIENT_THREADS = 2
UNDER_WAY_S = 1.0  # within it what the client left behind is stored
BUSY = Target("at least", 0.9)  # of the collector's core: below, something else was measured
SCRIPT = Path(__file__).parent / "fleet.lua"

console = Console(highlight=False)


@dataclass(frozen=True)
class Ground:
    """`keys` is a file with a practice's key a line; `visitor` is the key of one more, for whoever looks on."""

    services: Services
    keys: Path
    visitor: str
    wrk: Path

    @property
    def database_url(self) -> str:
        return self.services.database_url

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Line]:
        conn = await connect(self.database_url)
        try:
            yield conn
        finally:
            await conn.close()


@dataclass(frozen=True)
class Load:
    """What one run of the client saw, and how busy the server's core was."""

    per_s: float
    p99_ms: float
    refused: int = 0
    seconds: float = 0.0
    busy: float = 0.0


@dataclass(frozen=True)
class Collector:
    """`stores` is whether what it answers is committed."""

    url: str
    process: "subprocess.Popen[bytes]"
    stores: bool

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, line: str) -> float:
        """A line of the kernel's own account: VmRSS, or VmHWM for the highest."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"{line}:")[2].split()[0]) / 1024


def prepare_ground(services: Services, room: Path) -> Ground:
    _allow_many_connections()
    apply_migrations(services.database_url)
    asyncio.run(check_durable(services.database_url))
    keys = asyncio.run(_enrol(services.database_url))
    file = room / "keys"
    file.write_text("".join(f"{key}\n" for key in keys[1:]))
    return Ground(services, file, keys[0], fetch_program("wrk", say=console.print))


def _allow_many_connections() -> None:
    """Here and in what is started: the usual thousand files are too few for the overload."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _enrol(database_url: str) -> list[str]:
    await prepare(database_url)
    conn = await connect(database_url)
    try:
        deed = Deed(actor="bench", at=datetime.now(UTC))
        return [str((await enrol_practice(conn, f"Bench {n}", "Europe/Paris", deed)).key) for n in range(PRACTICES + 1)]
    finally:
        await conn.close()


def load(ground: Ground, collector: Collector, *, connections: int, batch: int, seconds: int) -> Load:
    """One run in which everything is stored; a figure with refusals in it would say nothing."""
    time.sleep(1.0)  # what the last run left behind is not part of this one
    since = datetime.now(UTC)
    began, cpu = time.monotonic(), collector.cpu_s
    seen = heard(start_client(ground, collector, connections=connections, batch=batch, seconds=seconds))
    busy = (collector.cpu_s - cpu) / (time.monotonic() - began)
    if seen.refused:
        raise RuntimeError(f"{seen.refused} requests were refused; nothing can be said of the others")
    check_stored(ground, collector, since, round(seen.per_s * seen.seconds) * batch, connections * batch)
    return replace(seen, busy=busy)


def check_stored(ground: Ground, collector: Collector, since: datetime, counted: int, unfinished: int) -> None:
    """What the client counted is in the database; beyond it only what was under way when the client stopped."""
    time.sleep(UNDER_WAY_S)
    stored = asyncio.run(_stored(ground, since))
    console.print(f"  the client counted {counted} heartbeats, the database {stored}")
    least, most = (counted, counted + unfinished) if collector.stores else (0, 0)
    if not least <= stored <= most:
        raise RuntimeError(f"{counted} were acknowledged and {stored} are stored")


_STORED = "SELECT count(*) FROM heartbeat WHERE received_at >= $1"


async def _stored(ground: Ground, since: datetime) -> int:
    async with ground.owner() as conn:
        stored: int = await conn.fetchval(_STORED, since, timeout=600)
        return stored


def start_client(
    ground: Ground, collector: Collector, *, connections: int, batch: int, seconds: int
) -> "subprocess.Popen[str]":
    command = [str(ground.wrk), f"-t{CLIENT_THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    environment = {"BENCH_KEYS": str(ground.keys), "BENCH_BATCH": str(batch)}
    return subprocess.Popen(
        [*command, "-s", str(SCRIPT), collector.url], env=environment, stdout=subprocess.PIPE, text=True
    )


def heard(client: "subprocess.Popen[str]") -> Load:
    """What the client says at its end: requests a second, stored ones alone."""
    told, _ = client.communicate()
    seen = json.loads(told.strip().splitlines()[-1])
    if client.returncode or seen["broken"]:
        raise RuntimeError(f"the client failed: {seen['broken']} connections broke")
    stored = seen["requests"] - seen["refused"]
    seconds = seen["duration_us"] / 1e6
    return Load(stored / seconds, seen["p99_us"] / 1e3, seen["refused"], seconds)


@contextmanager
def running_collector(ground: Ground, kind: str) -> Iterator[Collector]:
    """`kind` as in tests/bench/collector.py."""
    [port] = free_ports(0)
    environment = {
        "PATH": os.environ["PATH"],
        "VIGIE_DATABASE_URL": ground.database_url,
        "VIGIE_COLLECTOR_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.collector", kind], env=environment)
    collector = Collector(f"http://127.0.0.1:{port}", process, stores=kind == "durable")
    try:
        _wait(collector)
        yield collector
    finally:
        process.terminate()
        process.wait()


def _wait(collector: Collector) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{collector.url}/readyz").is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the collector at {collector.url} was not ready within 20 s")


def say(what: str, seen: list[Load], each: int = 1) -> None:
    runs = ", ".join(f"{one.per_s * each:.0f}/s (core {one.busy:.0%} busy)" for one in seen)
    console.print(f"  {what}: {runs}")
