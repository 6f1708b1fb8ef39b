"""A whole deployment in real processes, for each test: collector, worker, api, ticket receiver."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest

from collector.administer import Deed, Enrolled, enrol_operator, enrol_practice, set_job
from collector.model.heartbeat import Endpoint, Role
from collector.model.policy import Every, JobPolicy
from collector.store.connect import connect
from deploy.demo.stack import Stack, running_stack
from deploy.local import Services, UnavailableError
from tests.acceptance.request_tracker import RequestTrackerServer, install, running_request_tracker
from tests.conftest import Database
from tests.factories import new_id

PATIENCE_S = 60.0
Seen = TypeVar("Seen")


@pytest.fixture
async def stack(services: Services, database: Database, tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(database.url, services.redis_url, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def request_tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTrackerServer]:
    """A real one, where it is installed or root may install it."""
    try:
        install()
    except UnavailableError as error:
        pytest.skip(f"no Request Tracker here: {error}")
    with running_request_tracker(tmp_path_factory.mktemp("rt")) as running:
        yield running


async def eventually(look: Callable[[], Awaitable[Seen | None]], what: str) -> Seen:
    """What `look` sees once it sees something; other processes do the work, and a long look leaves them time for it."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                began = time.monotonic()
                if (seen := await look()) is not None:
                    return seen
                await asyncio.sleep(max(0.1, 3 * (time.monotonic() - began)))
    except TimeoutError:
        pytest.fail(f"not within {PATIENCE_S:g} s: {what}")


@dataclass
class Machine:
    """An endpoint of an enrolled practice, as a test plays it."""

    stack: Stack
    enrolled: Enrolled
    endpoint_id: UUID
    interval_s: int = 60
    seq: int = 0

    async def report(self, *backups: dict[str, Any]) -> httpx.Response:
        """One heartbeat now, all patched; with the last runs of some jobs."""
        now = datetime.now(UTC)
        body: dict[str, Any] = {
            "id": str(new_id(now)),
            "seq": self.seq,
            "sent_at": now.isoformat(),
            "interval_s": self.interval_s,
            "endpoint": Endpoint(id=self.endpoint_id, name="SRV-01", role=Role.SERVER).model_dump(mode="json"),
            "patches": {"scanned_at": now.isoformat(), "missing": []},
        }
        self.seq += 1
        if backups:
            body["backups"] = list(backups)
        headers = {"authorization": f"Bearer {self.enrolled.key}"}
        async with httpx.AsyncClient(base_url=self.stack.collector_url) as client:
            return await client.post("/v1/heartbeats", json=body, headers=headers)


def ran(job: str, status: str = "success") -> dict[str, Any]:
    return {"job": job, "tool": "restic 0.16.4", "status": status, "finished_at": datetime.now(UTC).isoformat()}


@dataclass
class Provider:
    """The provider's side of a deployment: enrols, configures, reads."""

    stack: Stack
    token: str

    async def enrol(self, name: str) -> Enrolled:
        conn = await connect(self.stack.database_url)
        try:
            return await enrol_practice(conn, name, "Europe/Paris", _deed())
        finally:
            await conn.close()

    async def machine(self, name: str, interval_s: int = 60) -> Machine:
        return Machine(self.stack, await self.enrol(name), uuid4(), interval_s)

    async def schedule(self, enrolled: Enrolled, job: str, every: timedelta, grace: timedelta) -> None:
        deed = _deed()
        policy = JobPolicy(endpoint_id=None, job=job, schedule=Every(period=every), grace=grace, since=deed.at)
        conn = await connect(self.stack.database_url)
        try:
            await set_job(conn, enrolled.practice, policy, deed)
        finally:
            await conn.close()

    async def read(self, path: str) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(base_url=self.stack.api_url) as client:
            response = await client.get(path, headers={"authorization": f"Bearer {self.token}"})
        items: list[dict[str, Any]] = response.raise_for_status().json()["items"]
        return items

    async def received(self) -> list[dict[str, Any]]:
        """The tickets that the receiver holds."""
        async with httpx.AsyncClient(base_url=self.stack.receiver_url) as client:
            tickets: list[dict[str, Any]] = (await client.get("/tickets")).raise_for_status().json()
        return tickets

    async def ticket(self, state: str) -> dict[str, Any]:
        """The only ticket, once it is in this state at the receiver."""

        async def look() -> dict[str, Any] | None:
            tickets = await self.received()
            assert len(tickets) <= 1, "one problem is one ticket"
            return tickets[0] if tickets and tickets[0]["state"] == state else None

        return await eventually(look, f"a ticket that is {state}")


async def vigie(provider: Provider, *arguments: str) -> str:
    """A command as the provider types it."""
    command = [str(Path(sys.executable).parent / "vigie"), *arguments]
    environment = {**os.environ, "VIGIE_DATABASE_URL": provider.stack.database_url}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.fixture
async def provider(stack: Stack) -> Provider:
    conn = await connect(stack.database_url)
    try:
        token = await enrol_operator(conn, "Ada", _deed())
    finally:
        await conn.close()
    return Provider(stack, str(token))


def _deed() -> Deed:
    return Deed(actor="test", at=datetime.now(UTC))
