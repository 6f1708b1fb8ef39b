"""A house for each test: pools of every role on a fresh database, and servers of our own to stop and start."""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local import Services, local_services
from tests.conftest import Database
from tests.integration.house import House, opened


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with opened(database) as house:
        yield house


@pytest.fixture
async def either_house(either_database: Database) -> AsyncIterator[House]:
    """The same test with TimescaleDB and without."""
    async with opened(either_database) as house:
        yield house


def _quiet(line: str) -> None: ...


@pytest.fixture(scope="session")
def fragile() -> Iterator[Services]:
    """Servers that nobody else uses, so that a test may stop them; it starts them again."""
    with local_services(say=_quiet) as started:
        yield started
