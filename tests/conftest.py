"""Real services for every test that asks for them: one start for a session, a fresh database for a test."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

import deploy.local.server
from collector.store.connect import Pool
from collector.store.migrate import apply_migrations, prepare
from deploy.local import (
    Flavour,
    Services,
    UnavailableError,
    fetch_borg,
    fetch_borgmatic,
    fetch_program,
    local_services,
)

# A slow machine is not a wrong program: no timed assertions. What lands is judged by the same examples each time;
# `make hunt` looks for new ones.
settings.register_profile("vigie", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("hunt", settings.get_profile("vigie"), derandomize=False)
settings.load_profile("vigie")

# As our processes write it. structlog's own way draws every value of every frame: seconds of work for one fault.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# Processes that share out the tests hear of a terminal's width from readline; a test that needs one says it.
for _told in ("COLUMNS", "LINES"):
    os.environ.pop(_told, None)

# Processes that share out the tests choose no port that another has chosen and does not listen on yet.
_worker, _workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
deploy.local.server.PORTS = deploy.local.server.PORTS[int(_worker.removeprefix("gw")) :: int(_workers)]

_numbers = count()


@dataclass(frozen=True)
class Server:
    """A database server with a migrated template, from which tests take copies."""

    flavour: Flavour | None
    admin_url: str
    template: str

    def url_of(self, name: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))


@dataclass(frozen=True)
class Database:
    """A fresh migrated database; `owner` is a pool with the owner's rights."""

    url: str
    owner: Pool


def _say(line: str) -> None:
    print(line)  # noqa: T201 - pytest shows it where a start fails


async def _with_template(services: Services) -> Server:
    template = f"vigie_template_{os.getpid()}"
    server = Server(services.flavour, services.database_url, template)
    await _admin(server, f"CREATE DATABASE {template}")
    await asyncio.to_thread(apply_migrations, server.url_of(template))
    await prepare(server.url_of(template))
    return server


async def _admin(server: Server, statement: str) -> None:
    conn = await asyncpg.connect(server.admin_url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """TimescaleDB and Redis of this machine, or those that the environment names; nothing in their place."""
    with local_services(
        Flavour.TIMESCALEDB,
        say=_say,
        database_url=os.environ.pop("VIGIE_DATABASE_URL", None),
        redis_url=os.environ.pop("VIGIE_REDIS_URL", None),
    ) as started:
        yield started


@pytest.fixture(scope="session")
async def server(services: Services) -> Server:
    return await _with_template(services)


@pytest.fixture(scope="session", params=["timescaledb", "plain"])
async def either_server(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Server]:
    """The usual server, then a PostgreSQL that does not offer TimescaleDB."""
    if request.param == "timescaledb":
        yield server
        return
    with ExitStack() as stack:
        try:
            services = stack.enter_context(local_services(Flavour.POSTGRESQL, say=_say))
        except UnavailableError as error:
            pytest.skip(f"no plain PostgreSQL here: {error}")
        yield await _with_template(services)


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    async with _fresh(server) as fresh:
        yield fresh


@pytest.fixture
async def either_database(either_server: Server) -> AsyncIterator[Database]:
    """The same test on a server with TimescaleDB and on one without."""
    async with _fresh(either_server) as fresh:
        yield fresh


@asynccontextmanager
async def _fresh(server: Server) -> AsyncIterator[Database]:
    name = f"vigie_test_{os.getpid()}_{next(_numbers)}"
    await _admin(server, f"CREATE DATABASE {name} TEMPLATE {server.template}")
    try:
        async with asyncpg.create_pool(
            server.url_of(name), min_size=1, max_size=4, server_settings={"search_path": "vigie, public"}
        ) as owner:
            yield Database(server.url_of(name), owner)
    finally:
        await _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def restic() -> Path:
    """The machine's own, else Debian's without installing it."""
    return _installed_or("restic", lambda: fetch_program("restic", say=_say))


@pytest.fixture(scope="session")
def borg() -> Path:
    """The machine's own, else Debian's without installing it."""
    return _installed_or("borg", lambda: fetch_borg(say=_say))


@pytest.fixture(scope="session")
def borgmatic() -> Path:
    """The locked one: what it sends differs from version to version."""
    return _had("borgmatic", lambda: fetch_borgmatic(say=_say))


def _installed_or(name: str, fetch: Callable[[], Path]) -> Path:
    installed = which(name)
    return Path(installed) if installed else _had(name, fetch)


def _had(name: str, fetch: Callable[[], Path]) -> Path:
    try:
        return fetch()
    except UnavailableError as error:
        pytest.skip(f"no {name} here: {error}")
