"""The provider, judged as a practice is though it is none: when it wakes, who judges it, its own troubles."""

from uuid import UUID

import asyncpg
import pytest

from collector.deeds import Hand, acknowledge
from collector.evaluate import watch_arrivals
from collector.model.campaign import PROVIDER
from collector.oversee import oversee
from collector.store.connect import lock_practice
from collector.store.practices import find_practice, list_practices
from tests.factories import HOUR, MINUTE, NOW, endpoint
from tests.integration.campaigning import attack, claimed, delivered, healed, practices, strike, told_of_provider
from tests.integration.house import House, enrol, judge, report, rows
from tests.integration.test_shortfall import arrive, fleet, hear

_KEY = """
    INSERT INTO practice_key (practice_id, key_id, secret_hash, holder, created_at)
    VALUES ($1, 'k', '', 'practice', now())
"""


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


async def test_who_finds_the_provider_taken_leaves_it_and_its_wake_to_whoever_has_it(house: House) -> None:
    practice_ids = await practices(house, 3)
    await attack(house, practice_ids[:2])
    await strike(house, practice_ids[2], 3, NOW + HOUR)
    async with house.worker.acquire() as conn, conn.transaction():
        await lock_practice(conn, PROVIDER)
        assert await oversee(house.worker, NOW + HOUR) is None
    assert PROVIDER in await claimed(house, NOW + HOUR)


async def test_a_shortfall_is_an_incident_of_the_provider_that_grows_worse_and_ends(house: House) -> None:
    machines = await fleet(house, 40)
    await arrive(house, NOW, 0)
    await watch_arrivals(house.worker)
    for at, told in ((NOW, ["opened"]), (NOW + HOUR, ["severity"])):
        verdict = await oversee(house.worker, at)
        assert verdict is not None
        assert [one.what for one in verdict.changes] == told
        await delivered(house)
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
    await delivered(house)
    await oversee(house.worker, NOW + HOUR)
    (found,) = await rows(house, "SELECT severity, state, acknowledged_at, acknowledged_by FROM incident")
    assert found == {"severity": "critical", "state": "open", "acknowledged_at": None, "acknowledged_by": None}


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
