"""A stand-in for what Grafana does to a query and asks of a database, and what keeps that stand-in honest.

Source: grafana/grafana, pkg/tsdb/grafana-postgresql-datasource/macros.go and SqlDatasource.ts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.store.connect import Connection
from dashboards.generate import FLEET

SINCE = datetime(2025, 11, 3, 20, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(hours=6)


def dashboard() -> dict[str, Any]:
    """As committed."""
    loaded: dict[str, Any] = json.loads(FLEET.read_text(encoding="utf-8"))
    return loaded


def panels() -> dict[str, dict[str, Any]]:
    return {panel["title"]: panel for panel in dashboard()["panels"] if panel["type"] != "row"}


def sql_of(title: str) -> str:
    return str(panels()[title]["targets"][0]["rawSql"])


def as_grafana_sends(sql: str, practices: Sequence[UUID] | None, since: datetime, until: datetime) -> str:
    """Variables as the front end fills them in (all where None), then the data source's macros by its own pattern."""
    everything = next(one["allValue"] for one in dashboard()["templating"]["list"] if one["name"] == "practice")
    chosen = everything if practices is None else ",".join(f"'{one}'" for one in practices)
    sql = sql.replace("$practice", chosen).replace("$__interval_ms", "300000")
    return re.sub(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)", lambda found: _macro(found[1], found[2].strip(), since, until), sql)


def _macro(name: str, argument: str, since: datetime, until: datetime) -> str:
    begin, end = (f"'{at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}'" for at in (since, until))
    known = {"__timeFilter": f"{argument} BETWEEN {begin} AND {end}", "__timeFrom": begin, "__timeTo": end}
    return known[name]


class Asked:
    """What a query gave: the names and types of its columns, and its rows."""

    def __init__(self, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        self.types, self.rows = types, rows

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


async def ask(
    conn: Connection,
    sql: str,
    practices: Sequence[UUID] | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Asked:
    until = until or datetime.now(UTC)
    sent = as_grafana_sends(sql, practices, since or until - timedelta(hours=6), until)
    statement = await conn.prepare(sent)
    types = {attribute.name: attribute.type.name for attribute in statement.get_attributes()}
    return Asked(types, [dict(row) for row in await statement.fetch()])


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("$__timeFilter(opened_at)", "opened_at BETWEEN '2025-11-03T20:00:00Z' AND '2025-11-04T02:00:00Z'"),
        ("$__timeFrom()::timestamptz", "'2025-11-03T20:00:00Z'::timestamptz"),
        ("$__timeTo()", "'2025-11-04T02:00:00Z'"),
        ("60000.0 / $__interval_ms", "60000.0 / 300000"),
        ("IN ($practice)", "IN (SELECT practice_id FROM vigie.practice)"),
    ],
)
def test_macros_become_what_grafana_makes_of_them(written: str, sent: str) -> None:
    assert as_grafana_sends(written, None, SINCE, UNTIL) == sent


def test_chosen_practices_become_quoted_texts() -> None:
    practices = [UUID(int=1), UUID(int=2)]
    quoted = ",".join(f"'{one}'" for one in practices)
    assert as_grafana_sends("IN ($practice)", practices, SINCE, UNTIL) == f"IN ({quoted})"


def test_no_query_holds_what_grafana_would_leave_standing() -> None:
    for title in panels():
        assert "$" not in as_grafana_sends(sql_of(title), None, SINCE, UNTIL), title
