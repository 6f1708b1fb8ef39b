"""An operator in front of a browser without scripts: signed in, with one incident to look at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx

from tests.conftest import Database
from tests.integration.api_fleet import Fleet, settings, visitor


def csrf_in(page: str) -> str:
    return page.split('name="csrf" value="')[1].split('"')[0]


@dataclass
class Browser:
    database: Database
    fleet: Fleet
    client: httpx.AsyncClient
    practice_id: UUID
    incident_id: UUID

    async def sign_in(self, name: str) -> None:
        self.client.cookies.clear()
        await self.client.post("/sign-in", data={"token": self.fleet.operators[name]})

    async def see(self, path: str = "/noc") -> httpx.Response:
        page = await self.client.get(path)
        assert page.status_code == 200, page.text
        return page

    async def post(self, path: str, *, seen: object = "/noc", **form: object) -> httpx.Response:
        csrf = csrf_in((await self.see(str(seen))).text)
        return await self.client.post(path, data={"csrf": csrf, **form})

    async def do(self, deed: str, **form: object) -> httpx.Response:
        page = f"/noc/incidents/{self.incident_id}"
        return await self.post(f"{page}/{deed}", seen=page, **form)

    async def own_page(self) -> httpx.Response:
        return await self.see(f"/noc/incidents/{self.incident_id}")


@asynccontextmanager
async def browsing(database: Database) -> AsyncIterator[Browser]:
    """Alice, signed in; Bob may."""
    fleet = Fleet(database.owner)
    await fleet.listening()
    await fleet.operator("Alice")
    await fleet.operator("Bob")
    practice_id = await fleet.practice("Cabinet A", "critical", "backup_missed.not_run")
    incident_id = await fleet.incident(practice_id, endpoint="SRV-01")
    async with visitor(settings(database.url), language="en") as client:
        found = Browser(database, fleet, client, practice_id, incident_id)
        await found.sign_in("Alice")
        yield found
