"""The whole way in real processes to a real Request Tracker: from a missed backup to a technician's hands, and back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from tests.acceptance.conftest import Machine, Provider, eventually, ran, vigie
from tests.acceptance.request_tracker import (
    CUSTOMER_FIELD,
    QUEUE,
    TECHNICIAN,
    RequestTrackerServer,
    Technician,
)
from tests.integration.receivers import served

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
JOB = "daily"
WORDS = "Je m'en occupe, ça vient"


@dataclass
class Helpdesk:
    """A provider whose tickets go to Request Tracker, and a technician there."""

    provider: Provider
    technician: Technician
    folder: Path
    token: str

    async def configure(self, url: str, timeout_s: int = 30) -> None:
        token = self.folder / "token"
        token.write_text(self.token)
        channel = {
            "kind": "request_tracker", "url": url, "queue": QUEUE, "token": {"file": str(token)},
            "customer_field": CUSTOMER_FIELD, "language": "en", "timeout": f"{timeout_s}s", "settle": "1s",
            "poll": "2s",
        }  # fmt: skip
        escalation = {
            "channels": {"helpdesk": channel}, "policies": {"standard": ["ticket"]}, "default": "standard",
            "tickets": "helpdesk", "closed_by_hand_for": "2s",
        }  # fmt: skip
        file = self.folder / "escalation.yaml"
        file.write_text(json.dumps(escalation))  # JSON is YAML
        await vigie(self.provider, "apply", str(file), "--yes")

    async def machine_in_trouble(self) -> Machine:
        machine = await self.provider.machine("Cabinet Pessac")
        await self.provider.schedule(machine.enrolled, JOB, every=HOUR, grace=SECOND)
        assert (await machine.report(ran(JOB, "failed"))).status_code == 202
        return machine

    async def key(self) -> str:
        """Of the only ticket."""

        async def look() -> str | None:
            rows = await self.rows("SELECT ticket_id FROM vigie.ticket")
            assert len(rows) <= 1, "one problem is one ticket"
            return str(rows[0]["ticket_id"]) if rows else None

        return await eventually(look, "a ticket")

    async def ticket(self, key: str, what: str, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A ticket of this key over there, once one is so."""

        async def look() -> dict[str, Any] | None:
            found = await asyncio.to_thread(self.technician.tickets, key)
            return next((one for one in found if so(one)), None)

        return await eventually(look, what)

    async def texts(self, number: int, what: str, so: Callable[[list[str]], bool]) -> list[str]:
        async def look() -> list[str] | None:
            said = await asyncio.to_thread(self.technician.texts, number)
            return said if so(said) else None

        return await eventually(look, what)

    async def rows_of(self, what: str, many: int) -> list[dict[str, Any]]:
        """Of the incidents' histories, once there are so many."""

        async def look() -> list[dict[str, Any]] | None:
            rows = await self.rows("SELECT * FROM vigie.incident_event WHERE what = $1", what)
            assert len(rows) <= many, f"each incident is {what} once"
            return rows if len(rows) == many else None

        return await eventually(look, f"{many} incidents that are {what}")

    async def rows(self, question: str, *arguments: object) -> list[dict[str, Any]]:
        conn = await asyncpg.connect(self.provider.stack.database_url)
        try:
            return [dict(row) for row in await conn.fetch(question, *arguments)]
        finally:
            await conn.close()


@pytest.fixture
def helpdesk(provider: Provider, request_tracker: RequestTrackerServer, tmp_path: Path) -> Helpdesk:
    return Helpdesk(provider, request_tracker.technician(), tmp_path, request_tracker.token)


async def test_an_incident_goes_to_and_fro_until_it_is_over(
    helpdesk: Helpdesk, request_tracker: RequestTrackerServer
) -> None:
    technician = helpdesk.technician
    await helpdesk.configure(request_tracker.url)
    machine = await helpdesk.machine_in_trouble()
    key = await helpdesk.key()
    number = (await helpdesk.ticket(key, "a ticket over there", lambda one: one["Status"] == "new"))["id"]

    await helpdesk.provider.schedule(machine.enrolled, JOB, every=2 * SECOND, grace=SECOND)
    await helpdesk.texts(number, "what follows, in the same ticket", lambda said: len(said) == 2)

    technician.comment(number, WORDS)
    said = await helpdesk.rows_of("commented", 2)
    assert {(one["said"], one["actor"]) for one in said} == {(WORDS, f"helpdesk: {TECHNICIAN}")}

    technician.take(number)
    taken = await helpdesk.rows_of("acknowledged", 2)
    assert {one["actor"] for one in taken} == {f"helpdesk: {TECHNICIAN}"}

    before = len(technician.texts(number))
    technician.make(number, "resolved")
    await helpdesk.ticket(key, "what is not over is open again", lambda one: one["Status"] == "open")
    noted = await helpdesk.texts(number, "a note why", lambda said: len(said) > before)
    assert "found still, after it was" in noted[-1]

    await helpdesk.provider.schedule(machine.enrolled, JOB, every=HOUR, grace=SECOND)
    await machine.report(ran(JOB))
    await helpdesk.ticket(key, "a ticket that is over", lambda one: one["Status"] == "resolved")
    assert len(technician.tickets(key)) == 1


class Between:
    """Stands between us and Request Tracker, and has its way with the first create."""

    def __init__(self, url: str, way: str) -> None:
        self.creates = 0
        self._way = way
        self._url = url
        self._second = asyncio.Event()

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.add_api_route("/{path:path}", self._forward, methods=["GET", "POST", "PUT"], response_model=None)
        return app

    async def _forward(self, request: Request, path: str) -> Response:
        await request.body()  # it can be read only while the client waits
        if request.method != "POST" or path != "REST/2.0/ticket":
            return await self._ask(request, path)
        self.creates += 1
        if self.creates > 1:
            answer = await self._ask(request, path)
            self._second.set()
            return answer
        if self._way == "arrives late":
            await self._second.wait()
        await self._ask(request, path)
        if self._way == "is not answered":
            await asyncio.Event().wait()
        return Response(status_code=500)

    async def _ask(self, request: Request, path: str) -> Response:
        headers = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.request(
                request.method, f"{self._url}/{path}", params=dict(request.query_params), headers=headers,
                content=await request.body(),
            )  # fmt: skip
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


@asynccontextmanager
async def _between(url: str, way: str) -> AsyncIterator[tuple[Between, str]]:
    between = Between(url, way)
    async with served(between.app()) as own:
        yield between, own


@pytest.mark.parametrize("way", ["is not answered", "fails after all"])
async def test_a_create_without_an_answer_is_found_again(
    way: str, helpdesk: Helpdesk, request_tracker: RequestTrackerServer
) -> None:
    async with _between(request_tracker.url, way) as (between, url):
        await helpdesk.configure(url, timeout_s=8)
        machine = await helpdesk.machine_in_trouble()
        key = await helpdesk.key()
        await helpdesk.provider.schedule(machine.enrolled, JOB, every=2 * SECOND, grace=SECOND)
        ticket = await helpdesk.ticket(key, "a ticket over there", lambda _: True)
        await helpdesk.texts(ticket["id"], "the next word in the same ticket", lambda said: len(said) == 2)
        assert between.creates == 1
        assert len(helpdesk.technician.tickets(key)) == 1


async def test_a_double_made_behind_our_back_is_linked_and_closed(
    helpdesk: Helpdesk, request_tracker: RequestTrackerServer
) -> None:
    async with _between(request_tracker.url, "arrives late") as (between, url):
        await helpdesk.configure(url, timeout_s=8)
        await helpdesk.machine_in_trouble()
        key = await helpdesk.key()
        double = await helpdesk.ticket(key, "a double that is closed", lambda one: one["Status"] == "rejected")
        assert between.creates == 2
    original, *_ = [one for one in helpdesk.technician.tickets(key) if one["id"] != double["id"]]
    assert original["Status"] in ("new", "open")
    assert ("refers-to", str(original["id"])) in helpdesk.technician.links(double["id"])
