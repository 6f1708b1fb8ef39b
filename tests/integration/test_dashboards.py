"""Grafana's login and the committed dashboard's queries, on real servers with TimescaleDB and without."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from collector.store.connect import Connection, Pool
from deploy.local import Flavour
from deploy.local.home import home_below
from deploy.local.services import FINDERS
from tests.conftest import Database, Server
from tests.unit.test_dashboards_macros import Asked, ask, dashboard, panels, sql_of

ROLE_SQL = Path(__file__).parents[2] / "deploy/grafana/role.sql"
PASSWORD = 'it\'s a \\ "secret" $1'

CLINIC, DENTIST, NOVICE = uuid4(), uuid4(), uuid4()  # judged critical, judged ok, never judged
SERVER, LAPTOP = uuid4(), uuid4()

# Types that Grafana's PostgreSQL data source turns into a number, a time or a text.
NUMBERS = {"int4", "int8", "float8", "numeric"}
READABLE = NUMBERS | {"text", "timestamptz"}


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
        "INSERT INTO ticket VALUES ($1, $2, 'root', 'open', 'critical', 'Backup missed', $3, NULL, 2)",
        CLINIC, ticket, now - timedelta(hours=3),
    )  # fmt: skip
    incident = """
        INSERT INTO incident (practice_id, incident_id, rule, subject, root, severity, reason, facts, state, since,
            opened_at, resolved_at, policy_version, escalation, steps_done, ticket_id)
        VALUES ($1, gen_random_uuid(), $2, $3, 'root', $4, 'not_run', '{}', $5, $6, $7, $8, 1, '[]', 1, $9)
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
        INSERT INTO outbox (practice_id, channel, ticket_id, sequence, payload, created_at, not_before, attempts,
            sent_at, last_error)
        VALUES ($1, $2, $3, $4, '{}', $5, $6, $7, $8, $9)
    """
    await owner.executemany(
        outbox,
        [
            (CLINIC, "zammad", ticket, 0, due, due, 1, now, None),
            (CLINIC, "zammad", ticket, 1, due, now, 4, None, "503 Service Unavailable"),
            (CLINIC, "zammad", ticket, 2, due, now - timedelta(minutes=1), 0, None, None),
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


async def test_every_query_of_the_committed_dashboard_gives_what_its_panel_needs(
    grafana: Connection, fleet: Pool
) -> None:
    for title, panel in panels().items():
        for target in panel["targets"]:
            asked = await ask(grafana, target["rawSql"])
            assert asked.rows, title
            assert set(asked.types.values()) <= READABLE, title
            assert overridden(panel) <= set(asked.types), title
            if target["format"] == "time_series":
                assert_time_series(asked, title)


def overridden(panel: Mapping[str, Any]) -> set[str]:
    matchers = [override["matcher"] for override in panel["fieldConfig"]["overrides"]]
    return {matcher["options"] for matcher in matchers if matcher["id"] == "byName"}


def assert_time_series(asked: Asked, title: str) -> None:
    assert asked.types["time"] == "timestamptz", title
    assert {kind for name, kind in asked.types.items() if name != "time"} <= NUMBERS, title
    assert asked.column("time") == sorted(set(asked.column("time"))), title


async def test_every_query_runs_for_one_practice_several_and_a_range_into_the_future(
    grafana: Connection, fleet: Pool, now: datetime
) -> None:
    for title in panels():
        await ask(grafana, sql_of(title), [CLINIC])
        await ask(
            grafana, sql_of(title), [CLINIC, DENTIST], since=now - timedelta(days=1), until=now + timedelta(days=1)
        )
    only = await ask(grafana, sql_of("Practices, worst first"), [DENTIST])
    assert only.column("Practice") == ["Cabinet dentaire"]


async def test_the_practices_variable_offers_those_that_are_watched(grafana: Connection, fleet: Pool) -> None:
    query = next(one["query"] for one in dashboard()["templating"]["list"] if one["name"] == "practice")
    asked = await ask(grafana, query)
    assert asked.types == {"__text": "text", "__value": "text"}
    assert {UUID(value) for value in asked.column("__value")} == {CLINIC, DENTIST, NOVICE}


async def test_a_practice_that_was_never_judged_is_unknown(grafana: Connection, fleet: Pool) -> None:
    states = await ask(grafana, sql_of("Practices by state"))
    assert states.rows == [{"Critical": 1, "Warning": 0, "Unknown": 1, "OK": 1}]
    table = await ask(grafana, sql_of("Practices, worst first"))
    assert table.column("Practice") == ["Clinique", "Nouveau cabinet", "Cabinet dentaire"]
    assert table.column("Reason") == ["backup_missed.not_run", "never_judged", None]
    assert table.column("Oldest good backup")[0] == pytest.approx(2 * 86_400, abs=60)


async def test_jobs_stand_in_the_bar_of_their_rpo(grafana: Connection, fleet: Pool) -> None:
    ages = await ask(grafana, sql_of("Jobs by age of their last good backup"))
    assert list(ages.rows[0].values()) == [1, 1, 1, 1, 1, 1]
    worst = await ask(grafana, sql_of("What would be lost, worst first"))
    assert worst.column("Job") == ["never ran", "far beyond", "beyond", "within", "fresh", "unscheduled"]
    blind = await ask(grafana, sql_of("Jobs never scheduled or never reported"))
    lacking = list(zip(blind.column("Job"), blind.column("Lacks"), strict=True))
    assert lacking == [("never ran", "never_reported"), ("unscheduled", "never_scheduled")]


async def test_a_minute_without_heartbeats_is_a_zero_and_the_ends_are_whole(
    grafana: Connection, fleet: Pool, now: datetime
) -> None:
    """One heartbeat in five minutes over the last two hours, and none before."""
    rate = await ask(grafana, sql_of("Heartbeats a minute"), since=now - timedelta(hours=6), until=now)
    values = rate.column("Heartbeats")
    assert len(values) == 71
    assert values[:40] == [0.0] * 40
    assert values[-15:] == [pytest.approx(0.2)] * 15


async def test_last_seen_is_read_from_the_series_where_the_projection_lags(
    grafana: Connection, fleet: Pool, now: datetime
) -> None:
    silent = await ask(grafana, sql_of("Endpoints, longest silent first"))
    assert silent.column("Endpoint") == ["SRV", "PC"]
    assert silent.column("Last seen") == [now - timedelta(days=8), now - timedelta(minutes=5)]


async def test_incidents_are_counted_when_they_happened(grafana: Connection, fleet: Pool) -> None:
    happened = await ask(grafana, sql_of("Incidents opened and resolved"))
    assert (sum(happened.column("Opened")), sum(happened.column("Resolved"))) == (3, 1)
    delays = await ask(grafana, sql_of("From falling due to opened"))
    assert [(row["p50"], row["p99"]) for row in delays.rows] == [(2.0, 2.0)]
    tickets = await ask(grafana, sql_of("Open tickets"))
    assert [(row["Incidents"], row["Acknowledged"]) for row in tickets.rows] == [(2, 1)]
    unsent = await ask(grafana, sql_of("Messages not yet sent"))
    told = [(row["Channel"], row["Waiting"], row["Attempts"], row["Last error"]) for row in unsent.rows]
    assert told == [("zammad", 2, 4, "503 Service Unavailable")]


async def test_our_own_outage_is_what_no_collector_covered(grafana: Connection, fleet: Pool, now: datetime) -> None:
    sql = sql_of("When we were not listening")
    lately = await ask(grafana, sql)
    assert [(row["time"], row["timeend"], row["Length"]) for row in lately.rows] == [
        (now - timedelta(hours=2), now - timedelta(hours=1), 3600)
    ]
    assert (await ask(grafana, sql, since=now - timedelta(days=3), until=now - timedelta(hours=6))).rows == []
    before_we_began = await ask(grafana, sql, since=now - timedelta(days=9), until=now - timedelta(days=5))
    assert before_we_began.rows == []


async def test_a_broken_way_to_us_is_an_outage_too(grafana: Connection, fleet: Pool, now: datetime) -> None:
    began, over = now - timedelta(hours=5), now - timedelta(hours=4)
    await fleet.execute("INSERT INTO shortfall VALUES ($1, $2, 1, 0), ($2, NULL, 1, 0)", began, over)
    asked = await ask(grafana, sql_of("When we were not listening"), until=over)
    assert [(row["time"], row["text"], row["Length"]) for row in asked.rows] == [
        (over, "The way to us was broken", 0),
        (began, "The way to us was broken", 3600),
    ]


async def test_a_ledger_in_which_nobody_listened_is_one_gap(grafana: Connection, now: datetime) -> None:
    asked = await ask(grafana, sql_of("When we were not listening"), since=now - timedelta(hours=1), until=now)
    assert asked.column("Length") == [3600]


async def test_outages_are_shaded_into_every_graph(grafana: Connection, fleet: Pool) -> None:
    (annotation,) = dashboard()["annotations"]["list"]
    asked = await ask(grafana, annotation["target"]["rawSql"])
    assert len(asked.rows) == 1
    shading = {name: kind for name, kind in asked.types.items() if name in ("time", "timeend", "text")}
    assert shading == {"time": "timestamptz", "timeend": "timestamptz", "text": "text"}


async def test_the_login_sees_every_practice_through_row_security(grafana: Connection, fleet: Pool) -> None:
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice") == 4
    assert await grafana.fetchval("SELECT count(DISTINCT practice_id) FROM vigie.job_now") == 2
    assert await grafana.fetchval("SELECT count(DISTINCT practice_id) FROM vigie.heartbeat_visible") == 2
    # It is the scope that lets it see, not a way around row security.
    await grafana.execute(f"SET vigie.scope = '{DENTIST}'")
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice") == 1
    await grafana.execute("RESET vigie.scope")
    assert await grafana.fetchval("SELECT count(*) FROM vigie.practice") == 4


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
