"""What Grafana's login may do, and what not."""

import asyncpg
import pytest

from collector.store.connect import Connection, Pool
from tests.conftest import Database, Server
from tests.integration.grafana_fleet import DENTIST, fleet, grafana, grafana_url, now, run_role_sql

__all__ = ["fleet", "grafana", "grafana_url", "now"]  # fixtures


async def test_the_login_sees_every_practice_through_row_security(grafana: Connection, fleet: Pool) -> None:
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice WHERE kind = 'practice'") == 4
    assert await grafana.fetchval("SELECT count(DISTINCT practice_id) FROM vigie.job_now") == 2
    assert await grafana.fetchval("SELECT count(DISTINCT practice_id) FROM vigie.heartbeat_visible") == 2
    # It is the scope that lets it see, not a way around row security.
    await grafana.execute(f"SET vigie.scope = '{DENTIST}'")
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice") == 1
    await grafana.execute("RESET vigie.scope")
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice WHERE kind = 'practice'") == 4


@pytest.mark.parametrize("table", ["practice_key", "operator", "operator_session", "heartbeat", "section", "snapshot"])
async def test_the_login_reads_no_secrets_and_no_unguarded_series(grafana: Connection, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await grafana.fetch(f"SELECT * FROM vigie.{table}")  # noqa: S608 - a test's own constant


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO vigie.practice (name, zone, created_at) VALUES ('x', 'UTC', now())",
        "UPDATE vigie.incident SET state = 'acknowledged'",
        "DELETE FROM vigie.ticket",
        "TRUNCATE vigie.outbox",
        "CREATE TABLE vigie.loot (x int)",
        "CREATE TABLE public.loot (x int)",
        "SELECT vigie.drop_older('heartbeat', 'received_at', now())",
        "SET ROLE vigie_worker",
    ],
)
async def test_the_login_cannot_write_even_where_it_lifts_its_own_read_only(
    grafana: Connection, statement: str
) -> None:
    await grafana.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await grafana.execute(statement)


async def test_the_login_begins_read_only_and_bounded(grafana: Connection) -> None:
    assert await grafana.fetchval("SHOW transaction_read_only") == "on"
    assert await grafana.fetchval("SHOW statement_timeout") == "30s"


async def test_without_a_password_no_login_is_made(either_server: Server, either_database: Database) -> None:
    ran = run_role_sql(either_server, either_database.url, None)
    assert ran.returncode != 0
    assert "VIGIE_GRAFANA_PASSWORD" in ran.stderr
    assert not await either_database.owner.fetchval(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_grafana')"
    )
