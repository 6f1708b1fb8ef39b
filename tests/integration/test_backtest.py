"""Stored history played again: the same rules raise the same, other rules what they would have."""

from datetime import datetime, timedelta

import pytest

from collector.administer import Enrolled
from collector.backtest import Replay, replay
from collector.configuration.rules import Rulebook, RulesForm
from collector.model.heartbeat import RunStatus
from collector.model.incident import Incident
from collector.model.policy import Cron
from collector.scenario.differences import Shift
from collector.store.snapshots import take_checkpoints
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, backup, job_policy
from tests.integration.house import House, count, enrol, judge, report, schedule

# A Monday in winter, 02:00 in Paris is 01:00 UTC.
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


async def night(house: House, enrolled: Enrolled, day: int, status: RunStatus) -> None:
    """The run of one night, and the worker's day after it."""
    at = BEGIN + day * DAY + NIGHT + 10 * MINUTE
    run = backup(status=status, started_at=at - 10 * MINUTE, finished_at=at)
    await report(house, enrolled.practice.practice_id, at, seq=day, interval_s=INTERVAL_S, backups=(run,))
    await live_until(house, enrolled, at + DAY - MINUTE, at)
    async with house.owner.acquire() as conn:
        await take_checkpoints(conn, at + DAY - MINUTE)


@pytest.fixture
async def told(house: House) -> Enrolled:
    """Four nights: well, badly, well, none."""
    enrolled = await enrol(house, at=BEGIN)
    cron = Cron(expression="0 2 * * *", zone="Europe/Paris")
    await schedule(house, enrolled, job_policy(schedule=cron, since=BEGIN), BEGIN)
    for day, status in enumerate((RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.SUCCESS)):
        await night(house, enrolled, day, status)
    await live_until(house, enrolled, BEGIN + 4 * DAY, BEGIN + 3 * DAY + NIGHT)
    return enrolled


async def replayed(house: House, enrolled: Enrolled, since: datetime = BEGIN, **rules: dict[str, object]) -> Replay:
    book = Rulebook(RulesForm.model_validate({"defaults": rules}))
    async with house.worker.acquire() as conn:
        found = await replay(conn, enrolled.practice, book, since, BEGIN + 4 * DAY)
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


async def test_each_policy_holds_from_when_it_was_applied(house: House, told: Enrolled) -> None:
    """A schedule that was set late misses nothing before it."""
    weekly = job_policy("weekly", endpoint_id=ENDPOINT, since=BEGIN + 3 * DAY, grace=HOUR)
    await schedule(house, told, weekly, BEGIN + 3 * DAY)
    found = await replayed(house, told)
    assert not [one for one in found.in_force if "weekly" in one.subject]
