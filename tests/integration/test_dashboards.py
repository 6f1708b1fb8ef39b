"""The committed dashboard's queries, as Grafana's login asks them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.store.connect import Connection, Pool
from tests.integration.grafana_fleet import CLINIC, DENTIST, NOVICE, fleet, grafana, grafana_url, now
from tests.unit.test_dashboards_macros import Asked, ask, dashboard, panels, sql_of

__all__ = ["fleet", "grafana", "grafana_url", "now"]  # fixtures

# Types that Grafana's PostgreSQL data source turns into a number, a time or a text.
NUMBERS = {"int4", "int8", "float8", "numeric"}
READABLE = NUMBERS | {"text", "timestamptz"}


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
    told = [
        tuple(row[name] for name in ("Channel", "Waiting", "Given up", "Attempts", "Last error")) for row in unsent.rows
    ]
    assert told == [("zammad", 2, 0, 4, "503 Service Unavailable"), ("sms", 0, 1, 9, "410 Gone")]
    assert unsent.column("Oldest")[1] is None


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
