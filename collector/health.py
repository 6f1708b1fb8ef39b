"""`/livez`, `/readyz` and `/metrics`: the same on every process."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from collector.logs import logger
from collector.store.connect import AWAY, Pool, borrowed

READY_TIMEOUT_S = 2.0

_log = logger("health")

BeforeScrape = Callable[[Pool], Awaitable[None]]


def health_routes(registry: CollectorRegistry, before_scrape: BeforeScrape) -> APIRouter:
    """Alive is that the process answers; ready is that its database does. The lifespan state holds the `pool`."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", response_class=PlainTextResponse)
    async def livez() -> str:
        return "alive"

    @router.get("/readyz", responses={503: {"description": "the database does not answer"}})
    async def readyz(request: Request) -> Response:
        ready = await _answers(request.state.pool)
        return JSONResponse({"database": "ok" if ready else "away"}, 200 if ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        await before_scrape(request.state.pool)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def vital(loop: Awaitable[None], name: str) -> None:
    """A loop that the process lives for: if it ends by itself, so does the process, to be started again."""
    try:
        await loop
    except asyncio.CancelledError:
        raise
    except BaseException:
        _log.exception("a vital loop died", loop=name)
        signal.raise_signal(signal.SIGTERM)
        raise


async def _answers(pool: Pool) -> bool:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S), borrowed(pool) as conn:
            await conn.execute("SELECT 1")
            return True
    except AWAY:
        return False


async def nothing_to_compute(_: Pool) -> None:
    """For processes whose metrics are all counters."""
