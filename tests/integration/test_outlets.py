"""Many ways out at once: none holds up another, none is hammered, and workers share them without doubling."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.delivery import breaker, drain
from collector.delivery.channel import DeliveryError
from collector.delivery.pace import Pace
from collector.metrics import WorkerMetrics, new_registry
from collector.store.channel_pace import hold_pace
from collector.store.connect import Connection
from collector.store.dead_letters import revive
from collector.store.outbox import Parcel, claim, mark_sent
from tests.factories import HOUR
from tests.integration.house import House, rows, until
from tests.integration.outgoing import SHORT, Receiver, aged, tickets, ways


async def test_a_slow_delivery_holds_up_nothing_but_its_own_ticket(house: House) -> None:
    stuck, *others = await tickets(house, count=45, messages=2)
    receiver = Receiver(timeout=SHORT * 10)
    receiver.hangs_for = {stuck}
    going = asyncio.create_task(ways(house, receiver).deliver())

    async def all_others() -> bool:
        return len(receiver.taken) == 2 * len(others)

    await until(all_others, within=2.5)
    assert receiver.order() == {one: [1, 2] for one in receiver.order()}
    assert await going == 2 * len(others)
    assert await rows(house, "SELECT sequence, last_error FROM outbox WHERE sent_at IS NULL ORDER BY sequence") == [
        {"sequence": 1, "last_error": "no answer within 3 s"},
        {"sequence": 2, "last_error": None},
    ]


async def test_what_is_posted_while_deliveries_hang_is_taken_meanwhile(house: House) -> None:
    stuck = await tickets(house)
    receiver = Receiver(timeout=SHORT * 20)
    receiver.hangs_for = set(stuck)
    going = asyncio.create_task(ways(house, receiver).deliver())
    await until(lambda: asyncio.sleep(0, receiver.tries), within=5)
    await tickets(house, count=3)

    async def taken() -> bool:
        return len(receiver.taken) == 3

    await until(taken, within=4)
    assert not going.done()
    await going


async def test_a_dead_receiver_is_left_alone_and_another_goes_on(house: House) -> None:
    await tickets(house, "dead", count=60)
    await tickets(house, "rt", count=10, messages=3)
    dead, alive, metrics = Receiver("dead"), Receiver("rt"), WorkerMetrics(new_registry())
    dead.refuses = DeliveryError("answered 503")
    out = ways(house, dead, alive, metrics=metrics)
    assert await out.deliver() == 30
    assert breaker.MOST_FAILURES <= dead.tries <= drain.AT_ONCE + breaker.MOST_FAILURES
    tried = dead.tries
    await out.deliver()
    assert dead.tries == tried
    assert metrics.breaker_open.labels(channel="dead")._value.get() == 1
    assert metrics.breaker_open.labels(channel="rt")._value.get() == 0


async def test_one_message_asks_whether_a_dead_receiver_is_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_REST", SHORT)
    await tickets(house, count=40)
    receiver, metrics = Receiver(), WorkerMetrics(new_registry())
    receiver.refuses = DeliveryError("answered 503")
    out = ways(house, receiver, metrics=metrics)
    await out.deliver()
    await aged(house, HOUR)
    tried = receiver.tries
    await asyncio.sleep(SHORT.total_seconds())
    await out.deliver()
    assert receiver.tries == tried + 1
    receiver.refuses = None
    await aged(house, HOUR)
    await asyncio.sleep(2 * SHORT.total_seconds())
    assert await out.deliver() == 40
    assert metrics.breaker_open.labels(channel="rt")._value.get() == 0


async def test_who_wants_it_tried_at_once_does_not_wait_for_the_rest_of_its_receiver(house: House) -> None:
    await tickets(house, count=20)
    receiver = Receiver()
    receiver.refuses = DeliveryError("answered 503", retry_after=HOUR)
    out = ways(house, receiver)
    await out.deliver()
    tried = receiver.tries
    await out.deliver()
    assert receiver.tries == tried
    async with house.owner.acquire() as conn:
        assert len(await revive(conn, "rt", datetime.now(UTC))) == 20
    await out.deliver()
    assert receiver.tries == tried + 1, "asked once, and left alone again"
    receiver.refuses = None
    async with house.owner.acquire() as conn:
        await revive(conn, "rt", datetime.now(UTC))
    assert await out.deliver() == 20


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
async def test_each_wish_wakes_once_whatever_the_clock_of_the_host_that_wrote_it(house: House, skew: timedelta) -> None:
    await tickets(house, count=20)
    receiver = Receiver()
    receiver.refuses = DeliveryError("answered 503", retry_after=HOUR)
    out = ways(house, receiver)
    await out.deliver()
    tried = receiver.tries
    async with house.owner.acquire() as conn:
        await revive(conn, "rt", datetime.now(UTC) + skew)
        await conn.execute("UPDATE outbox SET not_before = now()")
    for _ in range(3):
        await out.deliver()
    assert receiver.tries == tried + 1


async def test_two_workers_share_without_doubling_and_take_over_from_a_dead_one(house: House) -> None:
    await tickets(house, count=60, messages=2)
    gone = Receiver(timeout=timedelta(seconds=60))
    gone.hangs_for = {row["about"] for row in await rows(house, "SELECT DISTINCT about FROM outbox")}
    dying = asyncio.create_task(ways(house, gone).deliver())
    await until(lambda: asyncio.sleep(0, gone.tries == drain.AT_ONCE), within=5)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    receiver = Receiver()
    workers = [ways(house, receiver) for _ in range(2)]
    await asyncio.gather(*(one.deliver() for one in workers))
    assert len(receiver.taken) == 2 * 40
    await house.owner.execute("UPDATE outbox SET claimed_until = now() WHERE sent_at IS NULL")
    await asyncio.gather(*(one.deliver() for one in workers))
    assert receiver.order() == {one: [1, 2] for one in receiver.order()}
    assert len(receiver.taken) == 2 * 60


async def test_what_was_taken_while_the_store_was_away_is_not_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tickets(house)
    failures = 2

    async def away(*arguments: object) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise ConnectionError
        await mark_sent(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(drain, "mark_sent", away)
    receiver = Receiver()
    out = ways(house, receiver)
    assert [await out.deliver() for _ in range(4)] == [0, 0, 1, 0]
    assert receiver.tries == 1
    failures = 1
    await tickets(house)
    await out.deliver()
    await out.close()
    assert await rows(house, "SELECT sent_at FROM outbox WHERE sent_at IS NULL") == []


async def test_what_is_posted_over_a_last_look_waits_for_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    [lane] = drain.Lane.of(receiver, None)
    carrier = drain.Carrier(house.worker, lane, WorkerMetrics(new_registry()))
    looks = 0

    async def looked(*arguments: object) -> list[Parcel]:
        nonlocal looks
        looks += 1
        found = await claim(*arguments)  # type: ignore[arg-type]
        if looks == 1:
            await tickets(house)
            carrier.stir()
        return found

    monkeypatch.setattr(drain, "claim", looked)
    assert await carrier.carry() == 1


async def test_a_lease_begins_when_the_pace_is_had_however_long_that_took(house: House) -> None:
    await tickets(house)
    receiver = Receiver()
    receiver.hangs_for = {row["about"] for row in await rows(house, "SELECT about FROM outbox")}
    lane = drain.Lane(receiver, None, Pace.of_tickets(600))
    carrier = drain.Carrier(house.worker, lane, WorkerMetrics(new_registry()))
    async with house.owner.acquire() as conn:
        async with conn.transaction():
            await hold_pace(conn, receiver.name)
            going = asyncio.create_task(carrier.carry())
            await until(lambda: _waits_for_the_pace(house))
            await asyncio.sleep(SHORT.total_seconds())
            had_at = datetime.now(UTC)
        await until(lambda: asyncio.sleep(0, receiver.tries))
    [row] = await rows(house, "SELECT claimed_until FROM outbox")
    assert row["claimed_until"] >= had_at + receiver.timeout + drain.LEASE_MARGIN
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)


async def _waits_for_the_pace(house: House) -> bool:
    return bool(await house.owner.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


async def test_what_is_under_way_at_our_end_is_not_sent_again(house: House) -> None:
    await tickets(house)
    receiver = Receiver()
    out = ways(house, receiver)
    gate = asyncio.Event()

    async def slow(parcel: Parcel) -> None:
        receiver.tries += 1
        await gate.wait()

    receiver.deliver = slow  # type: ignore[method-assign]
    await out.send_off()
    await until(lambda: asyncio.sleep(0, receiver.tries))
    closing = asyncio.create_task(out.close())
    await asyncio.sleep(0.05)
    gate.set()
    await closing
    assert await rows(house, "SELECT sent_at FROM outbox WHERE sent_at IS NULL") == []


async def test_what_hangs_at_our_end_is_cut_off_and_left_to_its_lease(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LAST_MOMENT_S", 0.05)
    receiver = Receiver()
    receiver.hangs_for = set(await tickets(house))
    out = ways(house, receiver)
    await out.send_off()
    await until(lambda: asyncio.sleep(0, receiver.tries))
    await out.close()
    [row] = await rows(house, "SELECT sent_at, claimed_until > now() AS claimed, last_error FROM outbox")
    assert row == {"sent_at": None, "claimed": True, "last_error": None}


async def test_one_channel_that_cannot_write_down_at_our_end_keeps_no_other_from_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tickets(house, "rt")
    await tickets(house, "glpi")
    allowed = False

    async def away(conn: Connection, parcels: Sequence[Parcel], at: datetime) -> None:
        if not allowed or {row["channel"] for row in await _channels(house, parcels)} == {"rt"}:
            raise ConnectionError
        await mark_sent(conn, parcels, at)

    monkeypatch.setattr(drain, "mark_sent", away)
    rt, glpi = Receiver("rt"), Receiver("glpi")
    out = ways(house, rt, glpi)
    await out.deliver()
    allowed = True
    await out.close()
    assert await rows(house, "SELECT channel FROM outbox WHERE sent_at IS NULL") == [{"channel": "rt"}]


async def _channels(house: House, parcels: Sequence[Parcel]) -> list[dict[str, Any]]:
    these = [one.outbox_id for one in parcels]
    return await rows(house, "SELECT channel FROM outbox WHERE outbox_id = ANY ($1)", these)
