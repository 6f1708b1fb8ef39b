"""Stored history played again: the same rules raise the same, other rules what they would have."""

import asyncio
import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.administer import Enrolled
from collector.backtest import Replay, replay
from collector.cli.commands import commands
from collector.configuration.rules import Rulebook, RulesForm
from collector.model.heartbeat import RunStatus
from collector.model.incident import Incident
from collector.model.policy import Cron
from collector.scenario.differences import Shift
from collector.store.listening import extend_listening
from collector.store.snapshots import take_checkpoints
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, backup, job_policy
from tests.integration.house import House, count, enrol, judge, report, schedule

BEGIN = datetime.fromisoformat("2026-01-12T00:00:00+00:00")
NIGHT = timedelta(hours=1)
# The longest there is: a machine that reports once a day is not silent for it.
INTERVAL_S = 86_400


async def live_until(house: House, enrolled: Enrolled, at: datetime, now: datetime) -> None:
    """A worker that never sleeps, from one instant to another."""
    while now < at:
        verdict = await judge(house, enrolled.practice.practice_id, now)
        now = min(verdict.next_due or at, at)
    await judge(house, enrolled.practice.practice_id, at)


async def night(house: House, enrolled: Enrolled, begin: datetime, day: int, status: RunStatus) -> None:
    """The run of one night, and the worker's day after it."""
    at = begin + day * DAY + NIGHT + 10 * MINUTE
    run = backup(status=status, started_at=at - 10 * MINUTE, finished_at=at)
    await report(house, enrolled.practice.practice_id, at, seq=day, interval_s=INTERVAL_S, backups=(run,))
    await live_until(house, enrolled, at + DAY - MINUTE, at)
    async with house.owner.acquire() as conn:
        await take_checkpoints(conn, at + DAY - MINUTE)


async def story(house: House, begin: datetime) -> Enrolled:
    """Four nights: well, badly, well, none."""
    enrolled = await enrol(house, at=begin)
    cron = Cron(expression="0 2 * * *", zone="Etc/GMT-1")
    await schedule(house, enrolled, job_policy(schedule=cron, since=begin), begin)
    for day, status in enumerate((RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.SUCCESS)):
        await night(house, enrolled, begin, day, status)
    await live_until(house, enrolled, begin + 4 * DAY, begin + 3 * DAY + NIGHT)
    return enrolled


@pytest.fixture
async def told(house: House) -> Enrolled:
    return await story(house, BEGIN)


async def replayed(
    house: House,
    enrolled: Enrolled,
    since: datetime = BEGIN,
    until: datetime = BEGIN + 4 * DAY,
    **rules: dict[str, object],
) -> Replay:
    book = Rulebook(RulesForm.model_validate({"defaults": rules}))
    async with house.worker.acquire() as conn:
        found = await replay(conn, enrolled.practice, book, since, until)
    assert found is not None
    return found


def raised(incidents: tuple[Incident, ...]) -> list[tuple[str, datetime, datetime | None]]:
    return [(one.rule, one.opened_at, one.resolved_at) for one in incidents]


async def test_the_rules_in_force_raise_again_what_was_raised(house: House, told: Enrolled) -> None:
    found = await replayed(house, told)
    rules = [one.rule for one in found.live]
    assert {"backup_failed", "backup_missed"} <= set(rules)
    assert raised(found.in_force) == raised(found.live)
    assert raised(found.tried) == raised(found.live)
    assert found.moved() == []


async def test_what_came_again_was_raised_twice(house: House, told: Enrolled) -> None:
    """Live it is one incident that opened again; a replay opens another."""
    for day, status in enumerate((RunStatus.FAILED, RunStatus.SUCCESS), start=4):
        await night(house, told, BEGIN, day, status)
    found = await replayed(house, told, until=BEGIN + 6 * DAY)
    failed = [one for one in found.live if one.rule == "backup_failed"]
    assert len({one.incident_id for one in failed}) == 1
    assert [one.opened_at - BEGIN for one in failed] == [DAY + NIGHT + 10 * MINUTE, 4 * DAY + NIGHT + 10 * MINUTE]
    assert raised(found.in_force) == raised(found.live)
    later = await replayed(house, told, since=BEGIN + 4 * DAY, until=BEGIN + 6 * DAY)
    assert [one.opened_at for one in later.live if one.rule == "backup_failed"] == [failed[1].opened_at]


async def test_a_stricter_rule_would_have_raised_in_the_second_it_fell_due(house: House, told: Enrolled) -> None:
    found = await replayed(house, told, rpo_breached={"rpo": "12h"})
    added = [one.incident for one in found.moved()]
    assert {one.shift for one in found.moved()} == {Shift.ADDED}
    assert {one.rule for one in added} == {"rpo_breached"}
    good = BEGIN + NIGHT + 10 * MINUTE
    assert added[0].opened_at == good + 12 * HOUR
    assert added[0].resolved_at == good + 2 * DAY


async def test_a_milder_rule_would_not_have_raised(house: House, told: Enrolled) -> None:
    found = await replayed(house, told, backup_failed={"in_a_row": 2})
    [gone] = found.moved()
    assert (gone.shift, gone.incident.rule) == (Shift.GONE, "backup_failed")
    assert raised(found.in_force) == raised(found.live)


async def test_a_backtest_writes_nothing(house: House, told: Enrolled) -> None:
    tables = ("incident", "incident_event", "outbox", "snapshot", "policy", "configuration", "audit", "wake")
    before = [await count(house, table) for table in tables]
    await replayed(house, told, rpo_breached={"rpo": "12h"})
    assert [await count(house, table) for table in tables] == before


async def test_it_begins_in_the_middle_with_what_was_known_then(house: House, told: Enrolled) -> None:
    """From a checkpoint too: what was open at the beginning is open again, and what follows falls due as it did."""
    since = BEGIN + 2 * DAY
    found = await replayed(house, told, since=since)
    live = [(rule, max(opened, since), over) for rule, opened, over in raised(found.live)]
    assert raised(found.in_force) == live


async def test_heartbeats_that_retention_dropped_are_not_missed(house: House, told: Enrolled) -> None:
    """Of an endpoint that is up the last one is there; all before it is told by its span."""
    await house.owner.execute("DELETE FROM heartbeat WHERE received_at < (SELECT max(received_at) FROM heartbeat)")
    found = await replayed(house, told)
    assert raised(found.in_force) == raised(found.live)


async def test_a_practice_that_was_not_watched_yet_has_no_past(house: House, told: Enrolled) -> None:
    async with house.worker.acquire() as conn:
        assert await replay(conn, told.practice, Rulebook(RulesForm()), BEGIN - 9 * DAY, BEGIN - 8 * DAY) is None


async def test_our_own_outages_move_deadlines_as_they_did(house: House, told: Enrolled) -> None:
    """Nobody listened from half past midnight until five: of the hour of grace nothing was over."""
    night = BEGIN + 3 * DAY
    async with house.intake.acquire() as conn:
        await extend_listening(conn, "one", BEGIN, night + HOUR / 2)
        await extend_listening(conn, "one", night + 5 * HOUR, BEGIN + 4 * DAY)
    found = await replayed(house, told)
    [missed] = [one for one in found.in_force if one.rule == "backup_missed"]
    assert missed.opened_at == night + NIGHT + HOUR + 4 * HOUR


async def test_each_policy_holds_from_when_it_was_applied(house: House, told: Enrolled) -> None:
    """A schedule that was set late misses nothing before it."""
    weekly = job_policy("weekly", endpoint_id=ENDPOINT, since=BEGIN + 3 * DAY, grace=HOUR)
    await schedule(house, told, weekly, BEGIN + 3 * DAY)
    found = await replayed(house, told)
    assert not [one for one in found.in_force if "weekly" in one.subject]


async def backtest(house: House, *words: str) -> Result:
    """As at a keyboard, and so until now."""
    environment = {"VIGIE_DATABASE_URL": house.database.url}
    return await asyncio.to_thread(CliRunner().invoke, commands(), ["rules", "backtest", *words], env=environment)


async def test_the_command_prints_what_would_be_otherwise(house: House, tmp_path: Path) -> None:
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 5 * DAY
    await story(house, begin)
    rules = tmp_path / "new.yaml"
    rules.write_text("defaults:\n  backup_failed: {in_a_row: 2}\n  rpo_breached: {rpo: 12h}\n")
    printed = await backtest(house, "--rules", str(rules), "--since", "30d")
    assert printed.exit_code == 0, (printed.output, printed.exception)
    failed_at, breached_at = begin + DAY + NIGHT + 10 * MINUTE, begin + NIGHT + 10 * MINUTE + 12 * HOUR
    lines = [" ".join(line.split()) for line in printed.stdout.splitlines()]
    assert (
        f"- gone {failed_at:%Y-%m-%d %H:%M:%S} backup_failed, daily on SRV-01, failed, critical for 1d raised live"
        in lines
    )
    assert (
        f"+ added {breached_at:%Y-%m-%d %H:%M:%S} rpo_breached, daily on SRV-01, exceeded, critical for 1d12h" in lines
    )
    assert "backup_failed 1 1 · · 1" in lines
    as_json = await backtest(house, "--rules", str(rules), "--since", "30d", "--practice", "Cabinet Test", "--json")
    [told] = json.loads(as_json.stdout)
    assert told["counts"]["backup_failed"] == {
        "live": 1, "in force": 1, "new": 0, "added": 0, "gone": 1, "earlier": 0, "later": 0, "worse": 0, "milder": 0,
    }  # fmt: skip


async def test_a_file_that_says_nothing_about_rules_is_refused(house: House, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("practices: []\n")
    refused = await backtest(house, "--rules", str(fleet))
    assert refused.exit_code == 2
    assert "says nothing about rules" in refused.stderr


async def test_a_mistake_in_the_rules_is_told_with_its_line(house: House, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("defaults:\n  backup_misd: {enabled: false}\n")
    refused = await backtest(house, "--rules", str(rules))
    assert refused.exit_code == 1
    assert f"{rules}:2:3" in refused.stderr


async def test_the_commands_of_the_readme_run_as_printed(
    house: House, told: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    readme = (root / "README.md").read_text()
    monkeypatch.chdir(root)
    commands = re.findall(r"^vigie rules backtest ([^#\n]*)", readme, re.MULTILINE)
    assert commands
    for command in commands:
        printed = await backtest(house, *shlex.split(command))
        assert printed.exit_code == 0, (printed.output, printed.exception)
        assert "1 practice, 90d until" in printed.stdout
