"""A fleet as Grafana sees it, through the login that role.sql makes, on servers with TimescaleDB and without."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from collector.store.connect import Pool
from deploy.local import Flavour
from deploy.local.home import home_below
from deploy.local.services import FINDERS
from tests.conftest import Database, Server

ROLE_SQL = Path(__file__).parents[2] / "deploy/grafana/role.sql"
PASSWORD = 'it\'s a \\ "secret" $1'

CLINIC, DENTIST, NOVICE = uuid4(), uuid4(), uuid4()  # judged critical, judged ok, never judged
SERVER, LAPTOP = uuid4(), uuid4()


def psql_of(server: Server) -> str:
    """The flavour's own; a server of somebody else's is spoken to with the system's."""
    if server.flavour is None:
        return shutil.which("psql") or pytest.skip("psql is not installed")
    find = FINDERS[Flavour(server.flavour)][0]
    return str(find(home_below(Path(".vigie"), print), print) / "psql")


def run_role_sql(server: Server, url: str, password: str | None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "VIGIE_GRAFANA_PASSWORD"}
    if password is not None:
        environment["VIGIE_GRAFANA_PASSWORD"] = password
    command = [psql_of(server), "--no-psqlrc", "--quiet", url, "-f", str(ROLE_SQL)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
async def grafana_url(either_server: Server, either_database: Database) -> AsyncIterator[str]:
    """The database's address for Grafana's login, which role.sql made; twice, since it may be run again."""
    try:
        for _ in range(2):
            ran = run_role_sql(either_server, either_database.url, PASSWORD)
            assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        parts = urlsplit(either_database.url)
        yield urlunsplit(parts._replace(netloc=f"vigie_grafana@{parts.netloc.rpartition('@')[2]}"))
    finally:
        await either_database.owner.execute("DROP OWNED BY vigie_grafana; DROP ROLE vigie_grafana")


@pytest.fixture
async def grafana(grafana_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Nothing is set but what the role brings along: Grafana sends queries and nothing else."""
    conn = await asyncpg.connect(grafana_url, password=PASSWORD)
    yield conn
    await conn.close()


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def fleet(either_database: Database, now: datetime) -> Pool:
    owner = either_database.owner
    await put_practices(owner, now)
    await put_states(owner, now)
    await put_incidents(owner, now)
    await put_series(owner, now)
    return owner


async def put_practices(owner: Pool, now: datetime) -> None:
    names = [(CLINIC, "Clinique"), (DENTIST, "Cabinet dentaire"), (NOVICE, "Nouveau cabinet")]
    await owner.executemany(
        "INSERT INTO practice (practice_id, name, zone, created_at) VALUES ($1, $2, 'Europe/Paris', $3)",
        [(*one, now - timedelta(days=90)) for one in names],
    )
    await owner.execute(
        "INSERT INTO practice (name, zone, created_at, retired_at) VALUES ('Parti', 'Europe/Paris', $1, $1)", now
    )
    await owner.executemany(
        "INSERT INTO practice_now VALUES ($1, $2, $3, $5, $4, 1, 1, $6, $5)",
        [
            (CLINIC, "critical", "backup_missed.not_run", 2, now - timedelta(hours=3), now - timedelta(days=2)),
            (DENTIST, "ok", None, 0, now - timedelta(days=9), now - timedelta(hours=5)),
        ],
    )


async def put_states(owner: Pool, now: datetime) -> None:
    await owner.executemany(
        "INSERT INTO endpoint_now VALUES ($1, $2, $3, $4, 'Windows', '0.1', $5, NULL, $6, $6, $7, $8, $6, 'active')",
        [
            (CLINIC, SERVER, "SRV", "server", "critical", now - timedelta(days=8), -400, 12),
            (DENTIST, LAPTOP, "PC", "workstation", "ok", now - timedelta(days=9), 90, 0),
        ],
    )
    job = """
        INSERT INTO job_now (practice_id, subject, endpoint_id, endpoint, job, tool, state, reason,
            last_run_at, last_status, last_good_at, due_at, rpo_s)
        VALUES ($1, 'job:' || $2, NULL, NULL, $2, 'restic', $3, NULL, $4, 'success', $4, $5, $6)
    """
    await owner.executemany(
        job,
        [
            (CLINIC, "beyond", "critical", now - timedelta(hours=36), now, 86_400),
            (CLINIC, "far beyond", "critical", now - timedelta(hours=49), now, 86_400),
            (CLINIC, "never ran", "unknown", None, now, 86_400),
            (DENTIST, "fresh", "ok", now - timedelta(hours=5), now, 86_400),
            (DENTIST, "within", "ok", now - timedelta(hours=20), now, 86_400),
            (DENTIST, "unscheduled", "unknown", now - timedelta(hours=5), None, None),
            (DENTIST, "retired", "retired", None, None, None),
        ],
    )


async def put_incidents(owner: Pool, now: datetime) -> None:
    ticket = uuid4()
    await owner.execute(
        "INSERT INTO ticket VALUES ($1, $2, 'root', 'tickets', 'open', 'critical', 'Backup missed', $3, NULL, 2)",
        CLINIC, ticket, now - timedelta(hours=3),
    )  # fmt: skip
    incident = """
        INSERT INTO incident (practice_id, incident_id, rule, subject, root, severity, reason, facts, state, since,
            opened_at, resolved_at, policy_version, escalation, walk, ticket_id)
        VALUES ($1, gen_random_uuid(), $2, $3, 'root', $4, 'not_run', '{}', $5, $6, $7, $8, 1, '[]', '{}', $9)
    """
    due = now - timedelta(hours=3)
    opened = due + timedelta(seconds=2)
    await owner.executemany(
        incident,
        [
            (CLINIC, "backup_missed", "a", "critical", "open", due, opened, None, ticket),
            (CLINIC, "heartbeat_missing", "b", "warning", "acknowledged", due, opened, None, ticket),
            (DENTIST, "backup_missed", "c", "critical", "resolved", due, opened, now - timedelta(hours=1), None),
        ],
    )
    outbox = """
        INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before, attempts,
            sent_at, last_error, dead_at)
        VALUES ($1, $2, $3, $4, '{}', $5, $6, $7, $8, $9, $10)
    """
    await owner.executemany(
        outbox,
        [
            (CLINIC, "zammad", ticket, 0, due, due, 1, now, None, None),
            (CLINIC, "zammad", ticket, 1, due, now, 4, None, "503 Service Unavailable", None),
            (CLINIC, "zammad", ticket, 2, due, now - timedelta(minutes=1), 0, None, None, None),
            (CLINIC, "sms", uuid4(), 1, due, due - timedelta(days=1), 9, None, "410 Gone", now),
        ],
    )


async def put_series(owner: Pool, now: datetime) -> None:
    heartbeat = "INSERT INTO heartbeat VALUES ($1, $2, $3, gen_random_uuid(), 1, $3, 0, 300, 0, 0)"
    recent = [(DENTIST, LAPTOP, now - timedelta(minutes=minutes)) for minutes in range(5, 120, 5)]
    await owner.executemany(heartbeat, [(CLINIC, SERVER, now - timedelta(days=8)), *recent])
    await owner.executemany(
        "INSERT INTO listening VALUES ($1, $2, $3)",
        [
            ("one", now - timedelta(days=2), now - timedelta(hours=4)),
            ("two", now - timedelta(hours=5), now - timedelta(hours=2)),
            ("one", now - timedelta(hours=1), now),
        ],
    )
