"""Tenancy, asked of the catalog: what is forgotten in a later migration fails here."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest

from collector.model.credential import Credential, Holder
from collector.store.connect import FLEET, Connection, Role, set_scope
from collector.store.operators import open_session
from tests.factories import ENDPOINT, NOW, backup, heartbeat
from tests.integration.house import House, arrival, enrol, judge, store

# What intake appends to, kept from readers by grants and by security_barrier views: TimescaleDB refuses
# columnstore on tables with row security.
SERIES = {"heartbeat", "section", "folded"}
READER = "vigie_reader"
# Of no practice: our own availability.
OF_NOBODY = {"listening", "shortfall"}

_TABLES = """
    SELECT c.relname, c.relkind::text, c.relrowsecurity AS guarded, EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'practice_id' AND NOT attisdropped
        ) AS has_practice, coalesce('security_barrier=true' = ANY (c.reloptions), false) AS barrier
    FROM pg_class AS c WHERE relnamespace = 'vigie'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND NOT relispartition  -- nobody is granted one: rows are reached through its parent
    ORDER BY relname
"""
_GRANTS = """
    SELECT c.relname, privilege FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'])
        AS privilege
    WHERE relnamespace = 'vigie'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        AND (has_table_privilege($1, c.oid, privilege)
            OR privilege IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege($1, c.oid, privilege))
"""
_CHUNKS = """
    SELECT c.oid::regclass::text AS chunk FROM pg_class AS c
    WHERE relnamespace = '_timescaledb_internal'::regnamespace AND relkind = 'r' AND relname LIKE '\\_hyper%'
        AND has_any_column_privilege($1, c.oid, 'SELECT')
"""


@dataclass(frozen=True)
class Table:
    name: str
    kind: str
    guarded: bool
    has_practice: bool
    barrier: bool


async def tables(house: House) -> list[Table]:
    found = await house.owner.fetch(_TABLES)
    return [Table(row[0], row[1], row[2], row[3], row[4]) for row in found]


async def granted(house: House, role: str) -> Mapping[str, set[str]]:
    may: dict[str, set[str]] = {}
    for row in await house.owner.fetch(_GRANTS, role):
        may.setdefault(row["relname"], set()).add(row["privilege"])
    return may


@pytest.fixture(scope="module")
async def two(shared_house: House) -> tuple[UUID, UUID]:
    """Two practices with a row in every table that has a practice."""
    return await _furnished(shared_house, "Cabinet A"), await _furnished(shared_house, "Cabinet B")


async def _furnished(house: House, name: str) -> UUID:
    """Everything that the house itself writes: reports, a snapshot, an incident, a ticket, a message, a checkpoint."""
    practice_id = (await enrol(house, name)).practice.practice_id
    await store(house, arrival(practice_id, heartbeat(backups=(backup(),))))
    await judge(house, practice_id, NOW)
    await judge(house, practice_id, NOW.replace(hour=19))
    await store(house, arrival(practice_id, heartbeat(NOW.replace(hour=20), 1), NOW.replace(hour=20)))
    await house.owner.execute(
        "INSERT INTO checkpoint SELECT practice_id, fold_no, $2, body FROM snapshot WHERE practice_id = $1",
        practice_id,
        NOW,
    )
    await house.owner.execute("INSERT INTO key_used VALUES ($1, 'one', $2)", practice_id, NOW)
    await house.owner.execute("INSERT INTO heartbeat_loss VALUES ($1, $2, 1, $3)", practice_id, ENDPOINT, NOW)
    await house.owner.execute(
        "INSERT INTO ticket_remote (practice_id, ticket_id, channel, asked_at) "
        "SELECT practice_id, ticket_id, channel, opened_at FROM ticket WHERE practice_id = $1",
        practice_id,
    )
    await house.owner.execute("INSERT INTO job_slug VALUES ($1, 'daily', 'job:-:daily', NULL, 'daily')", practice_id)
    return practice_id


@asynccontextmanager
async def reader(house: House, scope: str | None) -> AsyncIterator[Connection]:
    async with house.owner.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL ROLE vigie_reader")
        if scope is not None:
            await set_scope(conn, scope)
        yield conn


async def readable(house: House) -> list[Table]:
    may = await granted(house, READER)
    return [table for table in await tables(house) if "SELECT" in may.get(table.name, ())]


async def test_every_table_with_a_practice_is_guarded_but_the_series(shared_house: House) -> None:
    unguarded = {
        table.name
        for table in await tables(shared_house)
        if table.kind in "rp" and table.has_practice and not table.guarded
    }
    assert unguarded == SERIES


async def test_every_view_is_a_security_barrier(shared_house: House) -> None:
    assert [table.name for table in await tables(shared_house) if table.kind == "v" and not table.barrier] == []


async def test_each_guarded_table_holds_rows_of_both(shared_house: House, two: tuple[UUID, UUID]) -> None:
    """Else the tests below could not fail."""
    for table in await tables(shared_house):
        if table.has_practice:
            held = await shared_house.owner.fetch(f"SELECT DISTINCT practice_id FROM {table.name}")  # noqa: S608
            expected = set() if table.kind == "v" else set(two)
            assert {row[0] for row in held} >= expected, table.name


async def test_a_reader_of_one_practice_sees_no_other(shared_house: House, two: tuple[UUID, UUID]) -> None:
    mine, _ = two
    for table in await readable(shared_house):
        if table.has_practice:
            async with reader(shared_house, str(mine)) as conn:
                seen = await conn.fetch(f"SELECT DISTINCT practice_id FROM {table.name}")  # noqa: S608
            assert [row[0] for row in seen] == [mine], table.name


async def test_a_reader_without_a_scope_sees_nothing(shared_house: House, two: tuple[UUID, UUID]) -> None:
    seen = set()
    for table in await readable(shared_house):
        async with reader(shared_house, None) as conn:
            if await conn.fetchval(f"SELECT count(*) FROM {table.name}"):  # noqa: S608
                seen.add(table.name)
    assert seen - OF_NOBODY == set()


@pytest.mark.parametrize("scope", ["", "fleet ", "FLEET", "%", "0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001"])
async def test_a_scope_that_names_nobody_shows_nobody(shared_house: House, two: tuple[UUID, UUID], scope: str) -> None:
    async with reader(shared_house, scope) as conn:
        assert await conn.fetchval("SELECT count(*) FROM practice") == 0


async def test_the_fleets_reader_sees_all(shared_house: House, two: tuple[UUID, UUID]) -> None:
    for table in await readable(shared_house):
        if table.has_practice:
            async with reader(shared_house, FLEET) as conn:
                seen = await conn.fetch(f"SELECT DISTINCT practice_id FROM {table.name}")  # noqa: S608
            assert {row[0] for row in seen} >= set(two), table.name


async def test_a_scope_ends_with_its_transaction(shared_house: House, two: tuple[UUID, UUID]) -> None:
    async with shared_house.api.acquire() as conn:
        async with conn.transaction():
            await set_scope(conn, FLEET)
            assert await conn.fetchval("SELECT count(*) FROM practice") >= 2
        assert await conn.fetchval("SELECT count(*) FROM practice") == 0


async def test_readers_reach_no_series_no_chunk_and_no_secret(shared_house: House, two: tuple[UUID, UUID]) -> None:
    for role in (READER, Role.API.value):
        may = await granted(shared_house, role)
        assert not {*SERIES, "practice_key", "accepted", "snapshot", "checkpoint"} & {
            name for name, privileges in may.items() if "SELECT" in privileges
        }, role
        assert await shared_house.owner.fetch(_CHUNKS, role) == []
    assert "operator" not in await granted(shared_house, READER)


async def test_a_reader_writes_nothing(shared_house: House) -> None:
    may = await granted(shared_house, READER)
    assert {name for name, privileges in may.items() if privileges != {"SELECT"}} == set()


async def test_intake_reads_keys_and_only_appends(shared_house: House) -> None:
    assert await granted(shared_house, Role.INTAKE) == {
        "practice": {"SELECT"},
        "practice_key": {"SELECT"},
        "key_used": {"SELECT", "INSERT", "UPDATE"},
        "job_slug": {"SELECT", "INSERT"},
        "arrived": {"SELECT", "INSERT", "UPDATE"},
        "accepted": {"SELECT", "INSERT"},
        "heartbeat": {"SELECT", "INSERT"},
        "section": {"SELECT", "INSERT"},
        "wake": {"INSERT"},
        "listening": {"SELECT", "INSERT", "UPDATE"},
    }


async def test_the_worker_reaches_no_key_and_adds_no_heartbeat(shared_house: House) -> None:
    may = await granted(shared_house, Role.WORKER)
    assert not {"practice_key", "operator", "operator_session", "accepted", "status_link"} & may.keys()
    assert may["heartbeat"] == may["section"] == {"SELECT"}
    assert may["audit"] == {"SELECT", "INSERT"}
    assert may["policy"] == may["configuration"] == {"SELECT"}


async def test_the_api_changes_peoples_deeds_silences_and_sessions_alone(shared_house: House) -> None:
    may = await granted(shared_house, Role.API)
    changed = {name: privileges - {"SELECT"} for name, privileges in may.items() if privileges != {"SELECT"}}
    assert changed == {
        "incident": {"UPDATE"},
        "incident_event": {"INSERT"},
        "audit": {"INSERT"},
        "wake": {"INSERT"},
        "operator_session": {"INSERT", "DELETE"},
        "silence": {"INSERT", "UPDATE"},
        "inbound": {"INSERT"},
    }


async def test_the_api_may_not_touch_an_incident_beyond_what_people_do_to_it(
    shared_house: House, two: tuple[UUID, UUID]
) -> None:
    async with shared_house.api.acquire() as conn, conn.transaction():
        await set_scope(conn, FLEET)
        for column in ("severity", "resolution", "rule", "ticket_id", "practice_id"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with conn.transaction():
                    await conn.execute(f"UPDATE incident SET {column} = {column}")  # noqa: S608


async def test_the_api_scoped_to_one_practice_cannot_write_about_another(
    shared_house: House, two: tuple[UUID, UUID]
) -> None:
    mine, other = two
    async with shared_house.api.acquire() as conn, conn.transaction():
        await set_scope(conn, str(mine))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("INSERT INTO wake (practice_id, received_at) VALUES ($1, $2)", other, NOW)


async def test_a_link_names_its_practice_until_revoked(shared_house: House, two: tuple[UUID, UUID]) -> None:
    mine, _ = two
    link = await shared_house.owner.fetchval("SELECT link FROM status_link WHERE practice_id = $1", mine)
    async with reader(shared_house, None) as conn:
        assert await conn.fetchval("SELECT vigie.practice_of_link($1)", link) == mine
        assert await conn.fetchval("SELECT vigie.practice_of_link($1)", link + "x") is None
    await shared_house.owner.execute("UPDATE status_link SET revoked_at = $2 WHERE link = $1", link, NOW)
    async with reader(shared_house, None) as conn:
        assert await conn.fetchval("SELECT vigie.practice_of_link($1)", link) is None


async def test_the_api_opens_sessions(shared_house: House) -> None:
    token = Credential.mint(Holder.OPERATOR)
    operator_id = await shared_house.owner.fetchval(
        "INSERT INTO operator (name, key_id, secret_hash, created_at) VALUES ('ada', $1, $2, $3) RETURNING operator_id",
        token.key_id, token.secret_hash, NOW,
    )  # fmt: skip
    async with shared_house.api.acquire() as conn:
        await open_session(conn, b"hash", operator_id, NOW)
        assert await conn.fetchval("SELECT count(*) FROM operator_session") == 1
