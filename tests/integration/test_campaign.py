"""Campaigns: the same trouble at several practices is one incident of the provider, found by the third, and once."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from collector.deeds import Hand, acknowledge, close, merge
from collector.evaluate import judge_practices, watch_arrivals
from collector.judge import Verdict
from collector.metrics import WorkerMetrics, new_registry
from collector.model.campaign import PROVIDER, tool_name
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus, RunStatus
from collector.model.message import TicketEvent
from collector.model.policy import Policy
from collector.model.rule_settings import Campaign, RuleSettings
from collector.oversee import oversee
from collector.store.campaigns import fleet_of
from collector.store.configuration import put_policy
from collector.store.connect import lock_practice
from collector.store.practices import find_practice, list_practices
from collector.store.wakes import claim_wanted
from collector.sweep import Engine
from tests.factories import DAY, HOUR, MINUTE, NOW, backup, endpoint
from tests.integration.house import House, count, enrol, judge, report, rows
from tests.integration.test_shortfall import arrive, fleet, hear

_KEY = """
    INSERT INTO practice_key (practice_id, key_id, secret_hash, holder, created_at)
    VALUES ($1, 'k', '', 'practice', now())
"""


def encryption(n: int, at: datetime, status: AlertStatus = AlertStatus.OPEN) -> Alert:
    return Alert(
        id=f"alert-{n}", at=at, severity=AlertSeverity.HIGH, category=AlertCategory.RANSOMWARE,
        name=f"Ransom:Win32/Strain{n}", status=status,
    )  # fmt: skip


async def practices(house: House, number: int) -> list[UUID]:
    return [(await enrol(house, f"Cabinet {n}", NOW - DAY)).practice.practice_id for n in range(1, number + 1)]


async def struck(house: House, practice_id: UUID, n: int, at: datetime) -> None:
    machine = endpoint(UUID(int=n), "SRV-01")
    await report(house, practice_id, at, endpoint=machine, interval_s=86_400, alerts=(encryption(n, at),))


async def strike(house: House, practice_id: UUID, n: int, at: datetime) -> Verdict:
    """A report of encryption, judged at once."""
    await struck(house, practice_id, n, at)
    return await judge(house, practice_id, at)


async def healed(house: House, practice_id: UUID, n: int, at: datetime) -> None:
    machine = endpoint(UUID(int=n), "SRV-01")
    over = encryption(n, NOW, AlertStatus.REMEDIATED)
    await report(house, practice_id, at, seq=1, endpoint=machine, interval_s=86_400, alerts=(over,))
    await judge(house, practice_id, at)


async def campaigns(house: House) -> list[dict[str, str]]:
    return await rows(
        house,
        """SELECT subject, state, severity, reason, facts ->> 'count' AS count, facts ->> 'practices' AS practices
           FROM incident WHERE practice_id = $1 AND rule = 'campaign' ORDER BY opened_at""",
        PROVIDER,
    )


async def tickets(house: House) -> list[tuple[str, str]]:
    found = await rows(
        house,
        """SELECT p.name, t.state FROM ticket AS t JOIN practice AS p USING (practice_id)
           JOIN incident AS i USING (practice_id, ticket_id) WHERE i.rule IN ('endpoint_alert', 'campaign')
           GROUP BY t.ticket_id, p.name, t.state ORDER BY p.name""",
    )
    return [(row["name"], row["state"]) for row in found]


async def set_for_campaigns(house: House, setting: Campaign, at: datetime = NOW - DAY) -> None:
    policy = Policy(practice_id=PROVIDER, practice="Provider", rules=RuleSettings(campaign=setting))
    async with house.owner.acquire() as conn, conn.transaction():
        await put_policy(conn, policy, at=at, actor="test", summary="campaigns")


async def attack(house: House, practice_ids: Sequence[UUID]) -> None:
    """One practice after the other, a minute apart, the provider after each."""
    for n, practice_id in enumerate(practice_ids, 1):
        await strike(house, practice_id, n, NOW + n * MINUTE)
        await oversee(house.worker, NOW + n * MINUTE)


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


async def test_an_administrators_clock_that_is_ahead_ends_no_campaign(house: House) -> None:
    await attack(house, await practices(house, 3))
    await set_for_campaigns(house, Campaign(), at=NOW + 30 * DAY)
    await oversee(house.worker, NOW + HOUR)
    assert [(one["count"], one["state"]) for one in await campaigns(house)] == [("3", "open")]


async def test_every_incident_of_a_campaign_says_so_in_its_history(house: House) -> None:
    practice_ids = await practices(house, 4)
    await attack(house, practice_ids)
    woken = {row["practice_id"] for row in await rows(house, "SELECT practice_id FROM wake")}
    assert woken == set(practice_ids[:3])
    for practice_id in practice_ids:
        await judge(house, practice_id, NOW + HOUR)
    (campaign,) = await rows(house, "SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    linked = await rows(house, "SELECT DISTINCT campaign_id FROM incident WHERE practice_id <> $1", PROVIDER)
    assert [row["campaign_id"] for row in linked] == [campaign["incident_id"]]
    joined = await rows(
        house, "SELECT practice_id FROM incident_event WHERE what = 'joined' AND practice_id <> $1", PROVIDER
    )
    assert sorted(row["practice_id"] for row in joined) == sorted(practice_ids)


async def test_it_ends_when_all_of_it_is_over_and_nothing_came_for_a_window(house: House) -> None:
    practice_ids = await practices(house, 3)
    await attack(house, practice_ids)
    for n, practice_id in enumerate(practice_ids, 1):
        await healed(house, practice_id, n, NOW + 4 * MINUTE)
    verdict = await oversee(house.worker, NOW + HOUR)
    assert verdict is not None
    assert verdict.next_due == NOW + 3 * MINUTE + 12 * HOUR
    await oversee(house.worker, verdict.next_due)
    assert [one["state"] for one in await campaigns(house)] == ["resolved"]
    assert await tickets(house) == [(f"Cabinet {n}", "resolved") for n in (1, 2, 3)] + [("Provider", "resolved")]


async def test_who_still_has_the_trouble_after_a_week_gets_a_ticket_of_its_own(house: House) -> None:
    practice_ids = await practices(house, 4)
    await attack(house, practice_ids)
    after = NOW + 3 * MINUTE + 7 * DAY  # from the third, which opened it
    await oversee(house.worker, after - MINUTE)
    assert [one["state"] for one in await campaigns(house)] == ["open"]
    await oversee(house.worker, after)
    await judge(house, practice_ids[3], after)
    assert ("Cabinet 4", "open") in await tickets(house)


async def test_what_was_merged_by_hand_is_looked_at_once_its_campaign_is_over(house: House) -> None:
    *attacked, other = await practices(house, 4)
    await attack(house, attacked)
    await report(house, other, NOW)
    await judge(house, other, NOW + HOUR)
    campaign_id = await house.owner.fetchval("SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    incident_id = await house.owner.fetchval("SELECT incident_id FROM incident WHERE practice_id = $1", other)
    async with house.api.acquire() as conn:
        assert await merge(conn, incident_id, Hand("ada", NOW + HOUR), campaign_id=campaign_id)
        await close(conn, campaign_id, Hand("ada", NOW + HOUR), because="one tool of ours")
    await judge(house, other, NOW + HOUR)
    await claimed(house, NOW + HOUR)
    await house.owner.execute("DELETE FROM wake")
    for at, state in [(NOW + HOUR, "resolved"), (NOW + HOUR + MINUTE, "open"), (NOW + 8 * DAY, "resolved")]:
        assert not await rows(house, "SELECT FROM wake WHERE practice_id = $1", other), "closed by hand it speaks still"
        await oversee(house.worker, at)
        assert [one["state"] for one in await campaigns(house)] == [state]
    assert await rows(house, "SELECT FROM wake WHERE practice_id = $1", other)


async def test_the_provider_wakes_for_what_changes_a_signature_and_for_nothing_else(house: House) -> None:
    (practice_id,) = await practices(house, 1)
    await claimed(house, NOW)

    async def woken() -> bool:
        wakes = await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", PROVIDER)
        await house.owner.execute("DELETE FROM wake")
        return bool(wakes)

    await report(house, practice_id, NOW, endpoint=endpoint(UUID(int=1)), interval_s=86_400)
    await judge(house, practice_id, NOW)
    assert not await woken()
    await strike(house, practice_id, 1, NOW + MINUTE)
    assert await woken()
    await judge(house, practice_id, NOW + HOUR)
    assert not await woken()
    await healed(house, practice_id, 1, NOW + 2 * HOUR)
    assert await woken()


async def claimed(house: House, now: datetime) -> Sequence[UUID]:
    async with house.worker.acquire() as conn:
        return await claim_wanted(conn, now, 100)


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
    if PROVIDER in await claimed(house, NOW + 2 * HOUR):  # the wake that nobody took
        await oversee(house.worker, NOW + 2 * HOUR)
    assert [(one["state"], one["count"]) for one in await campaigns(house)] == [("open", "4")]
    assert (await told_of_provider(house)).count("ticket.opened") == 1


async def test_who_finds_the_provider_taken_leaves_it_and_its_wake_to_whoever_has_it(house: House) -> None:
    practice_ids = await practices(house, 3)
    await attack(house, practice_ids[:2])
    await strike(house, practice_ids[2], 3, NOW + HOUR)
    async with house.worker.acquire() as conn, conn.transaction():
        await lock_practice(conn, PROVIDER)
        assert await oversee(house.worker, NOW + HOUR) is None
    assert PROVIDER in await claimed(house, NOW + HOUR)


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


async def test_a_shortfall_is_an_incident_of_the_provider_that_grows_worse_and_ends(house: House) -> None:
    machines = await fleet(house, 40)
    await arrive(house, NOW, 0)
    await watch_arrivals(house.worker)
    for at, told in ((NOW, ["opened"]), (NOW + HOUR, ["severity"])):
        verdict = await oversee(house.worker, at)
        assert verdict is not None
        assert [one.what for one in verdict.changes] == told
    (found,) = await rows(house, "SELECT rule, reason, severity, root FROM incident WHERE practice_id = $1", PROVIDER)
    assert found == {"rule": "own_outage", "reason": "arrivals_short", "severity": "critical", "root": "arrivals"}
    await hear(house, machines, NOW + HOUR + MINUTE)
    await watch_arrivals(house.worker)
    assert PROVIDER in await claimed(house, NOW + 2 * HOUR)
    ended = await oversee(house.worker, NOW + 2 * HOUR)
    assert ended is not None
    assert [one.what for one in ended.changes] == ["resolved"]
    assert await told_of_provider(house) == ["ticket.opened", "ticket.appended", "ticket.resolved"]


async def test_what_was_acknowledged_and_grew_worse_waits_for_somebody_again(house: House) -> None:
    await fleet(house, 40)
    await arrive(house, NOW, 0)
    await watch_arrivals(house.worker)
    await oversee(house.worker, NOW)
    incident_id = await house.owner.fetchval("SELECT incident_id FROM incident")
    async with house.api.acquire() as conn:
        await acknowledge(conn, incident_id, Hand("ada", NOW))
    await oversee(house.worker, NOW + HOUR)
    (found,) = await rows(house, "SELECT severity, state, acknowledged_at, acknowledged_by FROM incident")
    assert found == {"severity": "critical", "state": "open", "acknowledged_at": None, "acknowledged_by": None}


async def told_of_provider(house: House) -> list[str]:
    told = await rows(
        house, "SELECT payload ->> 'event' AS event FROM outbox WHERE practice_id = $1 ORDER BY sequence", PROVIDER
    )
    return [row["event"] for row in told]


async def test_the_provider_is_no_practice_of_its_own(house: House) -> None:
    async with house.owner.acquire() as conn:
        assert await list_practices(conn) == []
        assert await find_practice(conn, str(PROVIDER)) is None
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(_KEY, PROVIDER)
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("INSERT INTO status_link VALUES ($1, 'link', now())", PROVIDER)
    assert [row["practice_id"] for row in await rows(house, "SELECT practice_id FROM practice")] == [PROVIDER]


async def test_a_practice_may_be_called_as_the_provider_is(house: House) -> None:
    await enrol(house, "Provider")
    async with house.owner.acquire() as conn:
        assert [one.name for one in await list_practices(conn)] == ["Provider"]


async def test_a_campaign_is_acknowledged_as_any_incident(house: House) -> None:
    await attack(house, await practices(house, 3))
    (found,) = await rows(house, "SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    async with house.api.acquire() as conn:
        assert await acknowledge(conn, found["incident_id"], Hand("ada", NOW + HOUR))
    await oversee(house.worker, NOW + HOUR)
    assert [one["state"] for one in await campaigns(house)] == ["acknowledged"]
