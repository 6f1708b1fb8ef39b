"""A house for each test: pools of every role on a fresh database, and servers of our own to stop and start."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from collector.store.connect import Pool
from collector.store.migrate import apply_migrations, prepare
from deploy.local import Services, local_services
from tests.conftest import Database, Server, _fresh
from tests.integration.board import Board, standing
from tests.integration.browsing import Browser, browsing
from tests.integration.house import House, opened

# One database emptied for each test is ten times quicker than a database for each. The provider stays.
_EMPTY = """
    DO $$
    DECLARE
        held text;
    BEGIN
        SET LOCAL session_replication_role = replica;  -- no foreign keys, so in any order
        FOR held IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'vigie'::regnamespace AND relkind = 'r'
            AND relname NOT IN ('practice', 'due') LOOP
            EXECUTE 'DELETE FROM ' || held;
        END LOOP;
        DELETE FROM due;
        DELETE FROM practice WHERE kind = 'practice';
        INSERT INTO due (practice_id) SELECT practice_id FROM practice;
    END
    $$
"""

# What gives each right that somebody has, as a statement.
_RIGHTS = """
    SELECT format('GRANT %s ON %I TO %I', privilege_type, table_name, grantee)
    FROM information_schema.role_table_grants
    WHERE table_schema = 'vigie'
"""


@pytest.fixture(scope="session")
async def standing_house(server: Server) -> AsyncIterator[House]:
    async with _fresh(server) as database, opened(database) as house:
        yield house


@pytest.fixture(scope="session")
async def either_standing_house(either_server: Server) -> AsyncIterator[House]:
    async with _fresh(either_server) as database, opened(database) as house:
        yield house


@pytest.fixture
async def house(standing_house: House) -> House:
    """A house without a row."""
    await standing_house.owner.execute(_EMPTY)
    return standing_house


@pytest.fixture
async def database(house: House) -> AsyncIterator[Database]:
    """The house's; the rights that a test takes away are given back."""
    before = await _rights(house.owner)
    yield house.database
    for lost in before - await _rights(house.owner):
        await house.owner.execute(lost)


async def _rights(owner: Pool) -> set[str]:
    return {right for (right,) in await owner.fetch(_RIGHTS)}


@pytest.fixture(scope="module")
async def shared_house(server: Server) -> AsyncIterator[House]:
    """One for all tests of a file that leave nothing behind that another could stumble on."""
    async with _fresh(server) as database, opened(database) as house:
        yield house


@pytest.fixture
async def either_house(either_standing_house: House) -> House:
    """The same test with TimescaleDB and without."""
    await either_standing_house.owner.execute(_EMPTY)
    return either_standing_house


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with standing() as board:
        yield board


@pytest.fixture
async def browser(database: Database) -> AsyncIterator[Browser]:
    async with browsing(database) as browser:
        yield browser


def _quiet(line: str) -> None: ...


@pytest.fixture(scope="session")
def fragile() -> Iterator[Services]:
    """Servers that nobody else uses, so that a test may stop them; it starts them again."""
    with local_services(say=_quiet) as started:
        yield started


@pytest.fixture
async def fragile_house(fragile: Services) -> AsyncIterator[House]:
    """A house on a server that this test may stop."""
    await asyncio.to_thread(fragile.postgres.start)
    await asyncio.to_thread(apply_migrations, fragile.database_url)
    await prepare(fragile.database_url)
    settings = {"search_path": "vigie, public"}
    async with (
        asyncpg.create_pool(fragile.database_url, min_size=0, server_settings=settings) as owner,
        opened(Database(fragile.database_url, owner)) as house,
    ):
        yield house
        await asyncio.to_thread(fragile.postgres.start)
