"""A receiver of tickets that counts and honours keys, and a worker that sends to it, for what is measured there."""

import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from deploy.local import Services
from tests.acceptance.process import Process
from tests.bench.watched import server_cpu_s
from tests.integration.receivers import SECRET, answering, served

OPENED = "ticket.opened"


@dataclass(frozen=True)
class Arrival:
    """An event as it first arrived; `since` is when its incident fell due."""

    at: datetime
    event: str
    ticket_id: str
    sequence: int
    since: datetime
    alerts: frozenset[str]


@dataclass
class Counting:
    """`arrived` is by the key of each message: one that comes again is honoured, and counted as a delivery alone.

    `status` says how the next one is answered, once it is taken.
    """

    status: Callable[[], int] = lambda: 204
    deliveries: int = 0
    arrived: dict[str, Arrival] = field(default_factory=dict)

    async def take(self, request: Request) -> Response:
        now = datetime.now(UTC)
        told = await request.json()
        self.deliveries += 1
        data = told["data"]
        lines = data["incidents"]
        arrival = Arrival(
            at=now,
            event=told["type"],
            ticket_id=data["ticket_id"],
            sequence=data["sequence"],
            since=max(datetime.fromisoformat(line["since"]) for line in lines),
            alerts=frozenset(line["facts"].get("alert", "") for line in lines),
        )
        self.arrived.setdefault(request.headers["webhook-id"], arrival)
        return Response(status_code=self.status())

    @property
    def opened(self) -> list[Arrival]:
        return [one for one in self.arrived.values() if one.event == OPENED]

    @property
    def doubled(self) -> set[str]:
        """Tickets of which one event came by two keys, or which were opened twice."""
        events = Counter((one.ticket_id, one.sequence) for one in self.arrived.values())
        opened = Counter(one.ticket_id for one in self.opened)
        return {ticket for (ticket, _), count in events.items() if count > 1} | {
            ticket for ticket, count in opened.items() if count > 1
        }


@asynccontextmanager
async def counting(receiver: Counting) -> AsyncIterator[str]:
    """The URL of its webhook."""
    async with served(answering(receiver.take)) as url:
        yield f"{url}/webhook"


def worker(name: str, logs: Path, services: Services, url: str, receiver_url: str) -> Process:
    """A real one, which sends the tickets of whoever configured no other ticket system there."""
    return Process(
        "worker", logs, url, log=name, REDIS_URL=services.redis_url, TICKET_WEBHOOK_URL=receiver_url,
        TICKET_WEBHOOK_SECRET=SECRET,
    )  # fmt: skip


class Conditions:
    """How busy the cores were while something was measured: other work beside it shows."""

    def __init__(self, services: Services, process: Process) -> None:
        self._server = services.postgres.pid
        self._process = process
        self._began = self._now()

    def _now(self) -> tuple[float, float, float, float]:
        return time.monotonic(), _machine_cpu_s(), self._process.cpu_s, server_cpu_s(self._server)

    def __str__(self) -> str:
        clock, machine, ours, server = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return (
            f"cores busy {machine / clock:.2f} of {os.cpu_count()}: "
            f"the worker {ours / clock:.2f}, PostgreSQL {server / clock:.2f}"
        )


def _machine_cpu_s() -> float:
    """Of all cores, but for what they idled away or waited for disks."""
    fields = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / os.sysconf("SC_CLK_TCK")
