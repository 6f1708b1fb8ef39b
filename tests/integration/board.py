"""An Alertmanager that a test plays, and the channel to it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collector.delivery.alertmanager import Alertmanager
from collector.delivery.written import Pen, Templates
from collector.model.channels import AlertmanagerChannel
from tests.integration.receivers import served

NAME = "board"
RESEND = timedelta(seconds=30)
PEN = Pen("fr", "Europe/Paris", "https://vigie.example/", Templates())
Alert = Mapping[str, Any]


async def _at_once() -> None: ...


@dataclass
class Board:
    """Keeps the alerts of each request, and answers with each status in its turn; the last one for ever."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[list[Alert]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] = _at_once

    async def take(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        self.requests.append(await request.json())
        await self.meanwhile()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(status_code=status, headers={"retry-after": "7"})


@asynccontextmanager
async def standing() -> AsyncIterator[Board]:
    board = Board()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/under/api/v2/alerts", board.take, methods=["POST"], response_model=None)
    async with served(app) as url:
        board.url = f"{url}/under/"
        yield board


@asynccontextmanager
async def opened(board: Board, secret: str | None = None, **more: object) -> AsyncIterator[Alertmanager]:
    spec = AlertmanagerChannel.model_validate({"kind": "alertmanager", "url": board.url, "resend": RESEND, **more})
    async with httpx.AsyncClient() as client:
        yield Alertmanager(NAME, client, spec, secret, PEN)


def ends(one: Alert) -> datetime:
    return datetime.fromisoformat(one["endsAt"])
