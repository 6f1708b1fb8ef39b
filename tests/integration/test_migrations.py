"""The schema: the same however often and by however many it is brought up to date; retention asks the owner."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from collector.store.migrate import MIGRATIONS, apply_migrations, prepare
from collector.store.timescale import SERIES
from deploy.local import Flavour
from tests.conftest import Server, _admin
from tests.integration.house import House

_HYPERTABLES = "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'vigie'"
_SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'vigie' ORDER BY 1, 2
"""
NAMES = sorted(file.stem for file in MIGRATIONS.glob("*.sql"))
NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)


@pytest.fixture
async def empty(either_server: Server) -> AsyncIterator[str]:
    """A database without a schema."""
    await _admin(either_server, "CREATE DATABASE vigie_empty")
    yield either_server.url_of("vigie_empty")
    await _admin(either_server, "DROP DATABASE vigie_empty WITH (FORCE)")


async def migrate(url: str) -> list[str]:
    return await asyncio.to_thread(apply_migrations, url)


async def test_migrating_twice_changes_nothing(empty: str) -> None:
    assert await migrate(empty) == NAMES
    await prepare(empty)
    before = await _asked(empty, _SCHEMA)
    assert await migrate(empty) == []
    await prepare(empty)
    assert await _asked(empty, _SCHEMA) == before


async def test_two_processes_that_migrate_at_once_apply_each_file_once(empty: str) -> None:
    applied = await asyncio.gather(migrate(empty), migrate(empty))
    assert sorted(name for names in applied for name in names) == NAMES


async def test_processes_that_prepare_at_once_all_succeed(empty: str) -> None:
    await migrate(empty)
    for _ in range(5):
        await asyncio.gather(*(prepare(empty) for _ in range(6)))


async def test_the_series_are_hypertables_where_the_server_offers_it(
    either_server: Server, either_house: House
) -> None:
    if either_server.flavour is Flavour.POSTGRESQL:
        assert not await either_house.owner.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")
        return
    found = {row["hypertable_name"] for row in await either_house.owner.fetch(_HYPERTABLES)}
    assert found == {series.table for series in SERIES if series.chunk}


async def test_rows_from_before_timescaledb_move_into_the_hypertable(server: Server) -> None:
    """A managed server may be given the extension later: migrations first, data, then the extension."""
    await _admin(server, "CREATE DATABASE vigie_later")
    url = server.url_of("vigie_later")
    try:
        await migrate(url)
        await _asked(url, "INSERT INTO vigie.folded VALUES (gen_random_uuid(), 1, now(), now(), gen_random_uuid())")
        await prepare(url)
        assert await _asked(url, "SELECT count(*) FROM vigie.folded") == [(1,)]
        assert len(await _asked(url, _HYPERTABLES)) == sum(series.chunk is not None for series in SERIES)
    finally:
        await _admin(server, "DROP DATABASE vigie_later WITH (FORCE)")


async def test_a_migration_that_was_killed_does_not_lock_out_the_next(server: Server, house: House) -> None:
    await house.owner.execute("INSERT INTO public.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 99999999)")
    async with asyncio.timeout(60):
        assert await migrate(house.database.url) == []


@pytest.mark.parametrize("table", ["audit", "wake", "incident", "practice"])
async def test_retention_reaches_no_other_table(either_house: House, table: str) -> None:
    with pytest.raises(asyncpg.RaiseError, match="not a series"):
        await _drop(either_house, table, "received_at")


async def test_retention_reaches_no_other_column(either_house: House) -> None:
    with pytest.raises(asyncpg.RaiseError, match="not a series"):
        await _drop(either_house, "heartbeat", "sent_at")


async def test_only_the_worker_may_ask_for_retention(shared_house: House) -> None:
    for pool in (shared_house.intake, shared_house.api):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("SELECT vigie.drop_older('heartbeat', 'received_at', now())")


async def test_retention_keeps_what_is_as_young_as_asked(either_house: House) -> None:
    ages = (timedelta(0), timedelta(days=45), timedelta(days=90))
    for fold_no, age in enumerate(ages):
        await either_house.owner.execute(
            "INSERT INTO folded VALUES (gen_random_uuid(), $1, $2, $2, gen_random_uuid())", fold_no, NOW - age
        )
    await _drop(either_house, "folded", "folded_at", NOW - timedelta(days=46))
    left = await either_house.owner.fetch("SELECT fold_no FROM folded ORDER BY fold_no")
    assert [row["fold_no"] for row in left] == [0, 1]


async def _drop(house: House, table: str, column: str, before: datetime = NOW) -> None:
    await house.worker.execute("SELECT vigie.drop_older($1, $2, $3)", table, column, before)


async def _asked(url: str, statement: str) -> list[tuple[object, ...]]:
    conn = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await conn.fetch(statement)]
    finally:
        await conn.close()
