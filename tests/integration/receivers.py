"""Receivers of tickets that answer over real HTTP: the demo's own, or one that a test makes misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collector.delivery.ticket_webhook import TicketWebhook
from collector.model.book import TICKETS

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"

Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """An application on a free port of the loopback; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def answering(answer: Answer) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/webhook", answer, methods=["POST"], response_model=None)
    return app


@asynccontextmanager
async def webhook(
    url: str, secret: str = SECRET, timeout: timedelta = timedelta(seconds=10)
) -> AsyncIterator[TicketWebhook]:
    async with httpx.AsyncClient() as client:
        yield TicketWebhook(TICKETS, client, f"{url}/webhook", secret, "https://vigie.example/", timeout)
