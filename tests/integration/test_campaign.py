"""Campaigns: the same trouble at several practices is one incident of the provider, found by the third, and once."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from collector.evaluate import judge_practices
from collector.metrics import WorkerMetrics, new_registry
from collector.model.campaign import PROVIDER, tool_name
from collector.model.heartbeat import RunStatus
from collector.model.message import TicketEvent
from collector.model.rule_settings import Campaign
from collector.oversee import oversee
from collector.store.campaigns import fleet_of
from collector.sweep import Engine
from tests.factories import DAY, HOUR, MINUTE, NOW, backup
from tests.integration.campaigning import (
    attack,
    campaigns,
    claimed,
    delivered,
    practices,
    set_for_campaigns,
    strike,
    struck,
    tickets,
    told_of_provider,
)
from tests.integration.house import House, count, enrol, judge, report, rows


async def test_the_third_practice_makes_a_campaign_and_the_fourth_joins_it(either_house: House) -> None:
    one, two, three, four = await practices(either_house, 4)
    await attack(either_house, [one, two])
    assert await campaigns(either_house) == []
    await strike(either_house, three, 3, NOW + 3 * MINUTE)
    await oversee(either_house.worker, NOW + 3 * MINUTE)
    (found,) = await campaigns(either_house)
    assert found == {
        "subject": "campaign:ransomware", "state": "open", "severity": "critical", "reason": "ransomware",
        "count": "3", "practices": "Cabinet 1\nCabinet 2\nCabinet 3",
    }  # fmt: skip
    await strike(either_house, four, 4, NOW + 4 * MINUTE)
    await oversee(either_house.worker, NOW + 4 * MINUTE)
    (found,) = await campaigns(either_house)
    assert found["count"] == "4"
    history = await rows(
        either_house, "SELECT what, said FROM incident_event WHERE practice_id = $1 ORDER BY event_id", PROVIDER
    )
    assert [tuple(row.values()) for row in history] == [("opened", "ransomware"), ("joined", "Cabinet 4")]


async def test_one_ticket_lists_the_practices_and_those_that_join_open_none(house: House) -> None:
    await attack(house, await practices(house, 5))
    assert await tickets(house) == [
        ("Cabinet 1", "open"), ("Cabinet 2", "open"), ("Cabinet 3", "open"), ("Provider", "open"),
    ]  # fmt: skip
    told = await rows(
        house,
        """SELECT payload ->> 'event' AS event, payload ->> 'title' AS title,
               payload -> 'incidents' -> 0 -> 'facts' ->> 'practices' AS practices
           FROM outbox WHERE practice_id = $1 ORDER BY sequence""",
        PROVIDER,
    )
    assert [row["event"] for row in told] == [TicketEvent.OPENED, TicketEvent.APPENDED, TicketEvent.APPENDED]
    assert told[-1]["title"] == "Campaign at 5 practices: ransomware"
    assert told[-1]["practices"].splitlines() == [f"Cabinet {n}" for n in range(1, 6)]
    spoken_for = await rows(house, "SELECT facts ->> 'alert' AS alert FROM incident WHERE inhibited_by = 'campaign'")
    assert sorted(row["alert"] for row in spoken_for) == ["Ransom:Win32/Strain4", "Ransom:Win32/Strain5"]


async def test_each_practice_has_its_own_ticket_where_that_is_chosen(house: House) -> None:
    await set_for_campaigns(house, Campaign(tickets="each"))
    await attack(house, await practices(house, 4))
    assert [name for name, _ in await tickets(house)] == [
        "Cabinet 1",
        "Cabinet 2",
        "Cabinet 3",
        "Cabinet 4",
        "Provider",
    ]


async def test_its_settings_come_from_the_providers_own_policy(house: House) -> None:
    await set_for_campaigns(house, Campaign(practices=2))
    await attack(house, await practices(house, 2))
    assert [one["count"] for one in await campaigns(house)] == ["2"]


@pytest.mark.parametrize("attempt", range(20))
async def test_a_third_and_a_fourth_practice_at_the_same_instant_are_one_campaign(house: House, attempt: int) -> None:
    practice_ids = await practices(house, 4)
    await attack(house, practice_ids[:2])
    for n in (3, 4):
        await struck(house, practice_ids[n - 1], n, NOW + HOUR)
    together = asyncio.Barrier(2)

    async def worker(practice_id: UUID) -> None:
        await together.wait()
        await asyncio.sleep(attempt % 3 / 1_000)
        await judge_practices(house.worker, [practice_id], (), NOW + HOUR)
        await oversee(house.worker, NOW + HOUR)

    await asyncio.gather(*(worker(one) for one in practice_ids[2:]))
    await delivered(house)
    if PROVIDER in await claimed(house, NOW + 2 * HOUR):  # the wake that nobody took
        await oversee(house.worker, NOW + 2 * HOUR)
    assert [(one["state"], one["count"]) for one in await campaigns(house)] == [("open", "4")]
    assert (await told_of_provider(house)).count("ticket.opened") == 1


async def test_a_worker_finds_the_campaign_with_the_chunk_that_completes_it(house: House) -> None:
    now = datetime.now(UTC)
    practice_ids = [(await enrol(house, f"Cabinet {n}", now - DAY)).practice.practice_id for n in range(3)]
    for n, practice_id in enumerate(practice_ids):
        await struck(house, practice_id, n, now)
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))
    await engine.judge(practice_ids)
    assert [one["count"] for one in await campaigns(house)] == ["3"]
    await engine.sweep()
    assert await count(house, "wake") == 0


async def test_a_backup_tool_that_fails_here_and_there_is_no_campaign(house: House) -> None:
    practice_ids = await practices(house, 12)
    for n, practice_id in enumerate(practice_ids):
        status = RunStatus.FAILED if n < 3 else RunStatus.SUCCESS
        await report(house, practice_id, NOW, interval_s=86_400, backups=(backup(status=status),))
        await judge(house, practice_id, NOW)
    await oversee(house.worker, NOW)
    assert await campaigns(house) == []
    await report(
        house, practice_ids[3], NOW + HOUR, seq=1, backups=(backup(status=RunStatus.FAILED, finished_at=NOW + HOUR),)
    )
    await judge(house, practice_ids[3], NOW + HOUR)
    await oversee(house.worker, NOW + HOUR)
    assert [(one["subject"], one["count"]) for one in await campaigns(house)] == [("campaign:backup_tool:restic", "4")]


@pytest.mark.parametrize(
    "tool", ["restic 0.16.4", "restic/0.16.4", "Restic", "Veeam 6.1 Windows", "borg v1.2", "7zip", "ping"]
)
async def test_the_database_and_the_rules_name_a_tool_alike(house: House, tool: str) -> None:
    (practice_id,) = await practices(house, 1)
    await report(house, practice_id, NOW, backups=(backup(tool=tool),))
    await judge(house, practice_id, NOW)
    async with house.worker.acquire() as conn:
        assert (await fleet_of(conn, tools_since=NOW - DAY)).tools == {tool_name(tool): 1}
