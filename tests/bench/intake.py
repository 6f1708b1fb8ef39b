"""How fast the door is: durable heartbeats against the same route without its commit, in turns."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from deploy.demo.stack import free_ports
from tests.bench.figure import Figure

ROUNDS = 3
SECONDS = 10
WARM_SECONDS = 3
CONNECTIONS = 128
THREADS = 2
SCRIPT = Path(__file__).parent / "heartbeat.lua"


@dataclass(frozen=True)
class Load:
    """What one run of the client saw, and how busy the server's core was."""

    per_s: float
    p99_ms: float
    errors: int
    busy: float


@dataclass(frozen=True)
class Collector:
    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self, line: str) -> float:
        """A line of the kernel's own account: VmRSS, or VmHWM for the highest."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"{line}:")[2].split()[0]) / 1024


def measure_intake(database_url: str, key: str, wrk: Path) -> list[Figure]:
    """Ratios are of one run: durable and uncommitted in turns, the median of each."""
    loads: dict[str, list[Load]] = {"durable": [], "uncommitted": []}
    with running_collector("durable", database_url) as durable, running_collector("uncommitted", database_url) as bare:
        for collector in (durable, bare):
            load(wrk, collector, key, WARM_SECONDS)
        for _ in range(ROUNDS):
            loads["durable"].append(load(wrk, durable, key, SECONDS))
            loads["uncommitted"].append(load(wrk, bare, key, SECONDS))
        resident = durable.memory_mb("VmHWM")
    for name, seen in loads.items():
        _say(name, seen)
    single = median(one.per_s for one in loads["durable"])
    return [
        Figure("intake_single_ratio", single / median(one.per_s for one in loads["uncommitted"]), "1"),
        Figure("intake_single_per_s", single, "heartbeats/s"),
        Figure("intake_single_p99_ms", median(one.p99_ms for one in loads["durable"]), "ms"),
        Figure("intake_single_core_busy", median(one.busy for one in loads["durable"]), "1"),
        Figure("collector_rss_mb", resident, "MiB"),
    ]


def _say(name: str, seen: list[Load]) -> None:
    runs = ", ".join(f"{one.per_s:.0f}/s (core {one.busy:.0%} busy, {one.errors} errors)" for one in seen)
    sys.stderr.write(f"  {name}: {runs}\n")


def load(wrk: Path, collector: Collector, key: str, seconds: int) -> Load:
    began, cpu = time.monotonic(), collector.cpu_s
    command = [
        str(wrk),
        f"-t{THREADS}",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(SCRIPT),
        collector.url,
    ]
    told = subprocess.run(command, env={"BENCH_KEY": key}, check=True, capture_output=True, text=True).stdout
    busy = (collector.cpu_s - cpu) / (time.monotonic() - began)
    seen = json.loads(told.strip().splitlines()[-1])
    if seen["errors"]:
        raise RuntimeError(f"{seen['errors']} requests failed; a figure with errors in it says nothing")
    return Load(
        per_s=seen["requests"] / (seen["duration_us"] / 1e6),
        p99_ms=seen["p99_us"] / 1e3,
        errors=seen["errors"],
        busy=busy,
    )


@contextmanager
def running_collector(kind: str, database_url: str) -> Iterator[Collector]:
    [port] = free_ports(0)
    environment = {"PATH": os.environ["PATH"], "VIGIE_DATABASE_URL": database_url, "VIGIE_COLLECTOR_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.collector", kind], env=environment)
    collector = Collector(f"http://127.0.0.1:{port}", process)
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
