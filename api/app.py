"""The api: a composition root that joins pages and programs to the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from api import (
    deeds,
    hands,
    inbound,
    incident_page,
    incidents,
    noc,
    practices,
    sign_in,
    silence_page,
    silence_pages,
    silences,
    status,
    tickets,
)
from api.desk import Clock, Desk, utc_now
from api.middleware import BoundedBody, Measured, SafeHeaders
from api.pages import ErrorHandler, Pages, install_page_handlers, load_pages
from collector.config import Settings
from collector.health import health_routes, nothing_to_compute
from collector.metrics import ApiMetrics, new_registry
from collector.problems import MEDIA_TYPE, ProblemError, install_problem_handlers
from collector.store.connect import Pool, Role, open_pool

_STATIC = Path(__file__).parent / "static"


class _State(TypedDict):
    """What a request finds in its `state`."""

    pool: Pool
    desk: Desk


class _Api(FastAPI):
    """Safe headers stand outside what answers faults, which stands outside every middleware that is added."""

    def build_middleware_stack(self) -> ASGIApp:
        return SafeHeaders(super().build_middleware_stack())


def create_app(settings: Settings, now: Clock = utc_now) -> FastAPI:
    registry = new_registry()
    pages = load_pages()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[_State]:
        async with open_pool(settings.database_url.get_secret_value(), Role.API, settings.database_pool) as pool:
            yield {"pool": pool, "desk": _desk(settings, pool, pages, now)}

    app = _Api(title="Vigie", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    install_page_handlers(app, pages)
    _install_routes(app, registry)
    app.add_middleware(BoundedBody, refuse=cast("ErrorHandler", app.exception_handlers[ProblemError]))
    app.add_middleware(Measured, metrics=ApiMetrics(registry))
    _problems_by_their_media_type(app)
    return app


def _desk(settings: Settings, pool: Pool, pages: Pages, now: Clock) -> Desk:
    return Desk(
        pool=pool,
        pages=pages,
        public_url=str(settings.public_url),
        session_lifetime=settings.session_lifetime,
        secure_cookies=settings.cookies_are_secure,
        now=now,
    )


def _install_routes(app: FastAPI, registry: CollectorRegistry) -> None:
    for room in (practices, incidents, deeds, tickets, silences, inbound):
        app.include_router(room.routes)
    for page in (sign_in, noc, silence_pages, silence_page, incident_page, hands, status):
        app.include_router(page.routes)
    app.include_router(health_routes(registry, nothing_to_compute))
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")


def _problems_by_their_media_type(app: FastAPI) -> None:
    """FastAPI documents every model as application/json; errors are problem details."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        for path in document["paths"].values():
            for operation in path.values():
                for status_code, response in operation["responses"].items():
                    content = response.get("content", {})
                    if status_code >= "400" and "application/json" in content:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return document

    app.openapi = openapi  # type: ignore[method-assign]
