"""Who wants judging, and that no two workers take the same practice."""

import asyncio
from datetime import datetime
from uuid import UUID

from collector.store.wakes import CLAIM, claim_wanted, settle, take_wakes, wake_practice
from tests.factories import HOUR, MINUTE, NOW, heartbeat
from tests.integration.house import House, arrival, count, enrol, store


async def claimed(house: House, now: datetime, limit: int = 100) -> list[UUID]:
    async with house.worker.acquire() as conn:
        return list(await claim_wanted(conn, now, limit))


async def settled(house: House, evaluate_at: datetime | None, name: str = "Cabinet Test") -> UUID:
    """An enrolled practice, judged once, and due again at an instant or never."""
    practice_id = (await enrol(house, name)).practice.practice_id
    async with house.worker.acquire() as conn, conn.transaction():
        await take_wakes(conn, [practice_id])
        await settle(conn, {practice_id: evaluate_at})
    return practice_id


async def test_an_enrolled_practice_is_wanted_at_once(either_house: House) -> None:
    enrolled = await enrol(either_house)
    assert await claimed(either_house, NOW) == [enrolled.practice.practice_id]


async def test_a_practice_is_wanted_from_its_due_instant_on(either_house: House) -> None:
    practice_id = await settled(either_house, NOW + MINUTE)
    assert await claimed(either_house, NOW + MINUTE * 0.99) == []
    assert await claimed(either_house, NOW + MINUTE) == [practice_id]


async def test_a_practice_that_is_never_due_is_wanted_when_woken(either_house: House) -> None:
    practice_id = await settled(either_house, None)
    assert await claimed(either_house, NOW + HOUR * 10_000) == []
    await store(either_house, arrival(practice_id))
    assert await claimed(either_house, NOW + MINUTE) == [practice_id]


async def test_a_claimed_practice_is_nobody_elses_until_the_claim_runs_out(either_house: House) -> None:
    practice_id = await settled(either_house, NOW)
    assert await claimed(either_house, NOW) == [practice_id]
    assert await claimed(either_house, NOW + CLAIM * 0.99) == []
    assert await claimed(either_house, NOW + CLAIM) == [practice_id]


async def test_a_wake_during_the_judging_is_claimed_after_it(either_house: House) -> None:
    practice_id = await settled(either_house, NOW)
    assert await claimed(either_house, NOW) == [practice_id]
    async with either_house.worker.acquire() as conn, conn.transaction():
        await take_wakes(conn, [practice_id])
        await store(either_house, arrival(practice_id))
        await settle(conn, {practice_id: None})
    assert await claimed(either_house, NOW) == [practice_id]


async def test_workers_at_once_share_the_practices_and_never_one_twice(either_house: House) -> None:
    wanted = {await settled(either_house, NOW, f"Cabinet {n}") for n in range(12)}
    shares = await asyncio.gather(*(claimed(either_house, NOW, 4) for _ in range(4)))
    taken = [practice_id for share in shares for practice_id in share]
    taken += await claimed(either_house, NOW)
    assert sorted(taken) == sorted(wanted)


async def test_the_longest_overdue_are_claimed_first(either_house: House) -> None:
    late = await settled(either_house, NOW - HOUR, "Late")
    later = await settled(either_house, NOW - MINUTE, "Later")
    assert await claimed(either_house, NOW, 1) == [late]
    assert await claimed(either_house, NOW, 1) == [later]


async def test_wakes_are_taken_in_the_order_of_arrival(either_house: House) -> None:
    practice_id = await settled(either_house, None)
    beats = [heartbeat(NOW + MINUTE * n, seq=n) for n in range(3)]
    for n in (2, 0, 1):
        await store(either_house, arrival(practice_id, beats[n], NOW + MINUTE * n))
    async with either_house.worker.acquire() as conn:
        taken = (await take_wakes(conn, [practice_id]))[practice_id]
    assert [wake.heartbeat_id for wake in taken] == [beat.id for beat in beats]


async def test_wakes_of_a_judgement_that_failed_are_there_again(either_house: House) -> None:
    practice_id = await settled(either_house, None)
    async with either_house.worker.acquire() as conn:
        await wake_practice(either_house.owner, practice_id, NOW)  # type: ignore[arg-type]
        transaction = conn.transaction()
        await transaction.start()
        assert len((await take_wakes(conn, [practice_id]))[practice_id]) == 1
        await transaction.rollback()
    assert await count(either_house, "wake") == 1
