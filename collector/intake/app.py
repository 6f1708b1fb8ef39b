"""The collector: a composition root that joins the door to the store and opens it."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from socket import gethostname
from typing import Any, TypedDict
from uuid import uuid4

from fastapi import FastAPI

from collector.config import Settings
from collector.health import health_routes, nothing_to_compute, vital
from collector.intake.admission import Admission
from collector.intake.changes import Changes
from collector.intake.front import Front
from collector.intake.group_commit import GroupCommit
from collector.intake.hearing import Hearing
from collector.intake.heartbeats import Door, heartbeat_routes
from collector.intake.keys import Keyring, keep_used
from collector.intake.ledger import keep_ledger
from collector.intake.mail import MailDoor
from collector.intake.ping_routes import ping_routes
from collector.intake.pings import PingDoor
from collector.intake.slugs import Slugs
from collector.intake.smtp import Mailbox, taking_mail
from collector.metrics import IntakeMetrics, new_registry
from collector.model.heartbeat import Heartbeat
from collector.problems import Problem, install_problem_handlers
from collector.store.connect import Pool, Role, open_pool

KEY_CONNECTIONS = 2
# What a practice's scripts and products may send at once: the start and the end of as many jobs as it may have
# (collector/store/job_slugs.py). They hold nothing back over an outage.
SCRIPTS_BURST = 1_000
# Objects between two searches for cycles, instead of 700: a batch makes tens of thousands of them and no cycle, and
# searching it took two fifths of its time (tests/bench/README.md).
SEARCHED_EVERY = 50_000

_SECURITY = {"practiceKey": {"type": "http", "scheme": "bearer", "description": "the practice's key, vgp_..."}}


class _State(TypedDict):
    """What a request finds in its `state`."""

    pool: Pool
    door: Door
    pings: PingDoor


def create_app(settings: Settings, mailbox: Mailbox | None = None) -> FastAPI:
    registry = new_registry()
    metrics = IntakeMetrics(registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[_State]:
        with _rare_searches():
            async with _open(settings, metrics, mailbox) as state:
                yield state

    app = FastAPI(title="Vigie collector", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # behind a proxy it leads from HTTPS to HTTP, and a key goes along
    app.add_middleware(Front)
    install_problem_handlers(app)
    app.include_router(heartbeat_routes())
    app.include_router(ping_routes())
    app.include_router(health_routes(registry, nothing_to_compute))
    _complete_openapi(app)
    return app


@contextmanager
def _rare_searches() -> Iterator[None]:
    """While the application runs; what was imported before is not searched at all."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(SEARCHED_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@asynccontextmanager
async def _open(settings: Settings, metrics: IntakeMetrics, mailbox: Mailbox | None) -> AsyncIterator[_State]:
    """Pool, commit lanes, ledger and mailbox, for as long as the application runs."""
    url = settings.database_url.get_secret_value()
    async with (
        open_pool(url, Role.INTAKE, settings.database_pool) as pool,
        open_pool(url, Role.INTAKE, KEY_CONNECTIONS) as key_pool,
        asyncio.TaskGroup() as tasks,
    ):
        commit = GroupCommit(pool, metrics, settings.intake_queue)
        hearing = Hearing(url)
        keyring = Keyring(key_pool, hearing)
        admission = Admission(settings.practice_rate, settings.practice_burst)
        # Apart: a key that was stolen from a URL must not use up what the practice's agents may send.
        scripts = Admission(settings.practice_rate, min(settings.practice_burst, SCRIPTS_BURST))
        pings = PingDoor(keyring, scripts, Slugs(key_pool, hearing), commit, metrics, settings.ping_body_limit)
        name = f"{gethostname()}:{uuid4()}"
        running = [
            tasks.create_task(vital(commit.run(), "commit")),
            tasks.create_task(vital(hearing.run(), "hearing")),
            tasks.create_task(vital(keep_used(pool, keyring), "last uses")),
            tasks.create_task(vital(keep_ledger(pool, name, lambda: commit.committed), "ledger")),
        ]
        async with taking_mail(mailbox, MailDoor(keyring, scripts, commit, metrics, settings.smtp_domain)):
            yield {"pool": pool, "door": Door(keyring, admission, Changes(), commit, metrics), "pings": pings}
        for task in running:
            task.cancel()


def _complete_openapi(app: FastAPI) -> None:
    """Add what FastAPI cannot see, because the route reads the body itself."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        components = document.setdefault("components", {})
        components["securitySchemes"] = _SECURITY
        schemas = components.setdefault("schemas", {})
        for model in (Heartbeat, Problem):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
