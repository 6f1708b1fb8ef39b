"""A ticket system over real HTTP that counts what it is asked, and answers as badly as a test wants."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Annotated
from uuid import UUID

import httpx
from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import Response

from collector.delivery.answers import Door, RefusedError
from collector.delivery.tickets import GoneError, Remote
from collector.delivery.written import Written
from collector.model.message import TicketMessage
from tests.integration.receivers import served

SETTLE = timedelta(seconds=30)


class Create(Enum):
    """How a create goes."""

    WELL = auto()
    FILED_AND_500 = auto()  # it is there, and nobody is told
    LOST_AND_500 = auto()
    LATE = auto()  # it comes to be when the test says so
    TWICE_AND_500 = auto()
    REFUSED = auto()
    HANGS = auto()  # filed, and the answer never comes


@dataclass
class Filed:
    """A ticket there."""

    key: str
    subject: str
    said: dict[str, str]  # by the message's own key
    open: bool = True
    linked_to: int | None = None
    deleted: bool = False


@dataclass
class Desk:
    """What is filed, by number from 1; `asked` counts requests by name."""

    creates: list[Create] = field(default_factory=list)
    tickets: list[Filed] = field(default_factory=list)
    late: list[Filed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def arrive(self) -> None:
        """What was late is there now."""
        self.tickets += self.late
        self.late.clear()

    @property
    def alive(self) -> list[Filed]:
        return [ticket for ticket in self.tickets if ticket.open and not ticket.deleted]

    def number(self, number: int) -> Filed:
        ticket = self.tickets[number - 1]
        if ticket.deleted:
            raise HTTPException(404)
        return ticket

    async def create(self, body: dict[str, str]) -> tuple[int, object]:
        ticket = Filed(body["key"], body["subject"], {body["message"]: body["text"]})
        how = self.creates.pop(0) if self.creates else Create.WELL
        match how:
            case Create.LOST_AND_500:
                raise HTTPException(500)
            case Create.REFUSED:
                raise HTTPException(422)
            case Create.LATE:
                self.late.append(ticket)
                raise HTTPException(504)
            case Create.TWICE_AND_500:
                self.tickets.append(Filed(ticket.key, ticket.subject, dict(ticket.said)))
        self.tickets.append(ticket)
        number = len(self.tickets)
        if how is Create.HANGS:
            await asyncio.Event().wait()
        if how is not Create.WELL:
            raise HTTPException(500)
        return number, ticket


def desk_app(desk: Desk) -> FastAPI:
    app = FastAPI(openapi_url=None)
    body = Annotated[dict[str, str], Body()]

    @app.post("/tickets")
    async def create(told: body) -> dict[str, int]:
        desk.asked.append("create")
        return {"id": (await desk.create(told))[0]}

    @app.get("/tickets")
    async def find(key: str) -> list[int]:
        desk.asked.append("find")
        kept = enumerate(desk.tickets, 1)
        return [n for n, one in kept if one.key == key and not one.deleted and one.linked_to is None]

    @app.post("/tickets/{number}", status_code=204)
    async def tell(number: int, told: body) -> Response:
        desk.asked.append(told["verb"])
        ticket = desk.number(number)
        ticket.said.setdefault(told["message"], told["text"])
        ticket.open = {"append": ticket.open, "resolve": False, "reopen": True}[told["verb"]]
        return Response(status_code=204)

    @app.post("/tickets/{number}/link/{original}", status_code=204)
    async def link(number: int, original: int) -> Response:
        desk.asked.append("link")
        desk.number(number).linked_to = original
        desk.number(number).open = False
        return Response(status_code=204)

    return app


class DeskSystem:
    """Its ticket system, as one of ours would speak to it."""

    settle = SETTLE

    def __init__(self, door: Door) -> None:
        self._door = door

    async def open(self, message: TicketMessage, written: Written, key: str) -> Remote:
        told = {"key": str(message.ticket_id), "subject": written.subject, "text": written.body, "message": key}
        response = await self._door.ask("POST", "tickets", {}, told)
        return self._remote(response.json()["id"])

    async def append(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        await self._tell(remote, "append", message, written, key)

    async def resolve(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        await self._tell(remote, "resolve", message, written, key)

    async def reopen(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        await self._tell(remote, "reopen", message, written, key)

    async def find(self, ticket_id: UUID) -> list[Remote]:
        found = await self._door.ask("GET", "tickets", {}, params={"key": str(ticket_id)})
        return [self._remote(number) for number in found.json()]

    async def link(self, duplicate: Remote, original: Remote) -> None:
        await self._door.ask("POST", f"tickets/{duplicate.remote_id}/link/{original.remote_id}", {})

    async def _tell(self, remote: Remote, verb: str, message: TicketMessage, written: Written, key: str) -> None:
        told = {"verb": verb, "event": message.event.value, "text": written.body, "message": key}
        try:
            await self._door.ask("POST", f"tickets/{remote.remote_id}", {}, told)
        except RefusedError as error:
            raise (GoneError(str(error)) if error.status == 404 else error) from error

    def _remote(self, number: int) -> Remote:
        return Remote(str(number), f"{self._door.url}/tickets/{number}")


@asynccontextmanager
async def desk_system(desk: Desk, timeout: timedelta = timedelta(seconds=10)) -> AsyncIterator[DeskSystem]:
    async with served(desk_app(desk)) as url, httpx.AsyncClient() as client:
        yield DeskSystem(Door(client, url, timeout))
