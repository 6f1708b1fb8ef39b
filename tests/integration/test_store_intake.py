"""Appending: each heartbeat once, whoever sends it again, whatever comes at the same time."""

import asyncio
from datetime import timedelta, timezone
from uuid import UUID, uuid4

import asyncpg
import pytest

from collector.store.connect import lock_practice
from collector.store.intake import Arrival, SectionRow, append
from tests.factories import HOUR, MINUTE, NOW, backup, heartbeat
from tests.integration.house import House, arrival, count, enrol, judge, rows, store, until

A = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1a001")
B = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1a002")


async def test_a_heartbeat_is_stored_with_its_sections_and_a_wake(either_house: House) -> None:
    one = arrival(A, heartbeat(backups=(backup(),)))
    assert await store(either_house, one) == {one.identity: NOW}
    kinds = await rows(either_house, "SELECT kind, heartbeat_id FROM section ORDER BY kind")
    assert kinds == [{"kind": kind, "heartbeat_id": one.id} for kind in ("backups", "endpoint")]
    (woken,) = await rows(either_house, "SELECT practice_id, received_at, heartbeat_id FROM wake")
    assert woken == {"practice_id": A, "received_at": NOW, "heartbeat_id": one.id}


async def test_sent_at_keeps_the_offset_of_the_endpoints_clock(either_house: House) -> None:
    beat = heartbeat(NOW.astimezone(timezone(HOUR)))
    await store(either_house, arrival(A, beat, NOW))
    assert await rows(either_house, "SELECT sent_at, sent_offset_s FROM heartbeat") == [
        {"sent_at": NOW, "sent_offset_s": 3600}
    ]


async def test_a_resend_is_stored_once_and_gets_the_first_instant(either_house: House) -> None:
    beat = heartbeat(backups=(backup(),))
    await store(either_house, arrival(A, beat))
    again = arrival(A, beat, NOW + HOUR)
    assert await store(either_house, again) == {again.identity: NOW}
    assert [await count(either_house, table) for table in ("accepted", "heartbeat", "section", "wake")] == [1, 1, 2, 1]


async def test_a_batch_mixes_fresh_and_resent(either_house: House) -> None:
    old, new = heartbeat(), heartbeat(NOW + MINUTE, seq=1)
    await store(either_house, arrival(A, old))
    later = NOW + HOUR
    answers = await store(either_house, arrival(A, old, later), arrival(A, new, later))
    assert answers == {(A, old.id): NOW, (A, new.id): later}
    assert await count(either_house, "heartbeat") == 2


async def test_the_same_id_from_two_practices_is_two_heartbeats(either_house: House) -> None:
    beat = heartbeat()
    answers = await store(either_house, arrival(A, beat), arrival(B, beat, NOW + MINUTE))
    assert answers == {(A, beat.id): NOW, (B, beat.id): NOW + MINUTE}
    assert await count(either_house, "heartbeat") == 2


async def test_what_is_not_material_wakes_nobody(either_house: House) -> None:
    await store(either_house, arrival(A)._replace(sections=(), material=False))
    assert [await count(either_house, table) for table in ("heartbeat", "section", "wake")] == [1, 0, 0]


async def test_one_that_cannot_be_stored_leaves_nothing_of_its_statement(either_house: House) -> None:
    bad = arrival(A)._replace(sections=(SectionRow("backups", "{not json"),))
    with pytest.raises(asyncpg.DataError):
        await store(either_house, arrival(B), bad)
    assert [await count(either_house, table) for table in ("accepted", "heartbeat", "section", "wake")] == [0, 0, 0, 0]


async def test_two_collectors_that_commit_the_same_heartbeat_store_it_once(either_house: House) -> None:
    beat = heartbeat(backups=(backup(),))
    ours, theirs = arrival(A, beat), arrival(A, beat, NOW + MINUTE)
    answers = await asyncio.gather(*(store(either_house, one) for one in (ours, theirs)))
    assert answers[0] == answers[1]
    assert [await count(either_house, table) for table in ("accepted", "heartbeat", "section", "wake")] == [1, 1, 2, 1]


async def test_a_resend_waits_for_the_commit_it_meets_and_gets_its_instant(either_house: House) -> None:
    beat = heartbeat()
    ours, theirs = arrival(A, beat), arrival(A, beat, NOW + MINUTE)
    async with either_house.intake.acquire() as conn, conn.transaction():
        await append(conn, [ours])
        waiting = asyncio.create_task(store(either_house, theirs))
        await until(lambda: _somebody_waits(either_house))
        assert not waiting.done()
    assert await waiting == {ours.identity: NOW}


async def test_a_resend_takes_over_when_the_commit_it_meets_fails(either_house: House) -> None:
    beat = heartbeat()
    theirs = arrival(A, beat, NOW + MINUTE)
    async with either_house.intake.acquire() as conn:
        open_transaction = conn.transaction()
        await open_transaction.start()
        await append(conn, [arrival(A, beat)])
        waiting = asyncio.create_task(store(either_house, theirs))
        await until(lambda: _somebody_waits(either_house))
        await open_transaction.rollback()
    assert await waiting == {theirs.identity: NOW + MINUTE}


async def test_batches_that_share_resends_in_any_order_do_not_deadlock(either_house: House) -> None:
    beats = [heartbeat(NOW + MINUTE * n, seq=n) for n in range(200)]

    async def send(order: list[int], at: timedelta) -> None:
        await store(either_house, *(arrival(A, beats[n], NOW + at) for n in order))

    forth = list(range(200))
    await asyncio.gather(*(send(forth[::step], HOUR * step) for step in (1, -1, 2, -2)))
    assert await count(either_house, "heartbeat") == 200


_LOCKED = {
    "practice": "SELECT FROM practice WHERE practice_id = $1 FOR UPDATE",
    "due": "SELECT FROM due WHERE practice_id = $1 FOR UPDATE",
    "snapshot": "SELECT FROM snapshot WHERE practice_id = $1 FOR UPDATE",
    "policy": "SELECT FROM policy WHERE practice_id = $1 FOR UPDATE",
    "wake": "DELETE FROM wake WHERE practice_id = $1",
}


async def test_whoever_holds_a_practice_does_not_hold_up_intake(either_house: House) -> None:
    """A worker's lock, and every row of the practice that there is, all at once and by the owner, who may lock all."""
    practice_id = (await enrol(either_house)).practice.practice_id
    await store(either_house, arrival(practice_id))
    await judge(either_house, practice_id, NOW)
    await store(either_house, arrival(practice_id, heartbeat(NOW + MINUTE, seq=7)))
    async with either_house.owner.acquire() as owner, owner.transaction():
        await lock_practice(owner, practice_id)
        locked = {table: await owner.execute(statement, practice_id) for table, statement in _LOCKED.items()}
        assert not [table for table, done in locked.items() if done.endswith(" 0")]
        assert await _stored_at_once(either_house, arrival(practice_id))


async def test_a_practice_that_nobody_knows_can_be_appended_for(either_house: House) -> None:
    """No row of the series refers to a practice: that is what keeps a practice's lock away from intake."""
    assert await store(either_house, arrival(uuid4()))


async def _stored_at_once(house: House, one: Arrival) -> bool:
    """Whether it commits while the lock is held: were it to wait, it would wait until the lock's end."""
    async with house.intake.acquire() as conn:
        await conn.execute("SET lock_timeout = '100ms'")
        return await append(conn, [one]) == {}


async def _somebody_waits(house: House) -> bool:
    return bool(
        await house.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )
