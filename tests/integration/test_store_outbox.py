"""Messages leave in the order of their ticket and channel, each by one sender at a time."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.model.message import Addressed, NoticeKind
from collector.store import outbox
from collector.store.dead_letters import Queue, queues
from collector.store.outbox import (
    SENT_KEPT,
    Parcel,
    bury,
    bury_old,
    claim,
    drop_sent,
    gather,
    mark_sent,
    post,
    put_off,
)
from tests.factories import DAY, HOUR, MINUTE, NOW, new_id
from tests.integration.house import House, enrol, message, notice, open_ticket, rows

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)


async def posted(house: House, tickets: int = 1, messages: int = 3, channels: Sequence[str] = ("mail",)) -> list[UUID]:
    """Tickets of one practice, each with messages numbered from 1."""
    practice_id = (await enrol(house)).practice.practice_id
    ticket_ids = [await open_ticket(house, practice_id) for _ in range(tickets)]
    async with house.worker.acquire() as conn:
        for channel in channels:
            for ticket_id in ticket_ids:
                told = [Addressed(channel, message(practice_id, ticket_id, n + 1)) for n in range(messages)]
                await post(conn, told, NOW)
    return ticket_ids


async def taken(house: House, now: datetime = NOW, channel: str = "mail", limit: int = 100) -> list[Parcel]:
    async with house.worker.acquire() as conn:
        return await claim(conn, channel, now, now + LEASE, limit)


async def sent(house: House, parcel: Parcel) -> None:
    async with house.worker.acquire() as conn:
        await mark_sent(conn, [parcel], NOW)


def sequences(parcels: Sequence[Parcel]) -> list[int]:
    return [parcel.message.sequence for parcel in parcels]


async def test_each_message_waits_for_the_one_before_it(either_house: House) -> None:
    await posted(either_house)
    for expected in (1, 2, 3):
        (parcel,) = await taken(either_house)
        assert parcel.message.sequence == expected
        assert await taken(either_house) == []
        await sent(either_house, parcel)
    assert await taken(either_house) == []


async def test_channels_and_tickets_do_not_wait_for_each_other(either_house: House) -> None:
    tickets = await posted(either_house, tickets=2, channels=("mail", "pager"))
    assert {parcel.message.about for parcel in await taken(either_house)} == set(tickets)
    assert sequences(await taken(either_house, channel="pager")) == [1, 1]


async def test_a_message_put_off_holds_its_successors_and_no_other_ticket(either_house: House) -> None:
    await posted(either_house, tickets=2)
    first, second = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await put_off(conn, [first], NOW + HOUR, "answered 500")
    await sent(either_house, second)
    (next_one,) = await taken(either_house)
    assert (next_one.message.about, next_one.message.sequence) == (second.message.about, 2)
    (again,) = [one for one in await taken(either_house, NOW + HOUR) if one.message.about == first.message.about]
    assert (again.outbox_id, again.message.sequence, again.attempts) == (first.outbox_id, 1, 2)


async def test_a_dead_senders_message_is_taken_over_when_its_lease_ends(either_house: House) -> None:
    await posted(either_house)
    (before,) = await taken(either_house)
    assert await taken(either_house, NOW + LEASE * 0.99) == []
    (after,) = await taken(either_house, NOW + LEASE)
    assert (after.outbox_id, after.attempts) == (before.outbox_id, 2)


async def test_senders_at_once_never_take_the_same_message(either_house: House) -> None:
    await posted(either_house, tickets=20, messages=2)
    shares = await asyncio.gather(*(taken(either_house, limit=7) for _ in range(4)))
    shares.append(await taken(either_house))
    parcels = [parcel for share in shares for parcel in share]
    assert sequences(parcels) == [1] * 20
    assert len({parcel.outbox_id for parcel in parcels}) == 20


async def test_senders_at_once_keep_every_tickets_order(either_house: House) -> None:
    tickets = await posted(either_house, tickets=6, messages=4)
    order: dict[UUID, list[int]] = {ticket_id: [] for ticket_id in tickets}

    async def sender() -> None:
        while parcels := await taken(either_house, limit=2):
            for parcel in parcels:
                order[parcel.message.about].append(parcel.message.sequence)
                await sent(either_house, parcel)

    while await _unsent(either_house):
        await asyncio.gather(*(sender() for _ in range(3)))
    assert list(order.values()) == [[1, 2, 3, 4]] * 6


async def test_what_was_sent_is_never_put_off_by_a_sender_that_lost_its_lease(either_house: House) -> None:
    await posted(either_house, messages=1)
    (slow,) = await taken(either_house)
    (fast,) = await taken(either_house, NOW + LEASE)
    await sent(either_house, fast)
    async with either_house.worker.acquire() as conn:
        await put_off(conn, [slow], NOW + HOUR, "too late")
    assert await _unsent(either_house) == 0
    assert await taken(either_house, NOW + 2 * HOUR) == []


async def test_the_latest_error_is_kept_until_the_message_is_sent(either_house: House) -> None:
    await posted(either_house, messages=1)
    (parcel,) = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await put_off(conn, [parcel], NOW + MINUTE, "answered 500")
    assert await either_house.owner.fetchval("SELECT last_error FROM outbox") == "answered 500"
    await sent(either_house, parcel)
    assert await either_house.owner.fetchval("SELECT last_error FROM outbox") is None


async def _unsent(house: House) -> int:
    return sum(one.waiting for one in await queued(house))


async def queued(house: House) -> list[Queue]:
    async with house.worker.acquire() as conn:
        return await queues(conn)


async def test_a_message_that_was_given_up_holds_nobody(either_house: House) -> None:
    await posted(either_house)
    (first,) = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await bury(conn, [first], NOW, "answered 410")
    assert sequences(await taken(either_house)) == [2]
    assert await queued(either_house) == [Queue("mail", 2, NOW, 1)]


async def test_what_is_gathered_has_every_message_of_its_incident_in_order(either_house: House) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    incidents = [new_id(NOW) for _ in range(3)]
    async with either_house.worker.acquire() as conn:
        for at, kind in ((NOW, NoticeKind.RAISED), (NOW + MINUTE, NoticeKind.RESOLVED)):
            await post(conn, [Addressed("marie", notice(practice_id, one, kind, at)) for one in incidents], at)
        (held,) = await claim(conn, "marie", NOW, NOW + LEASE, 1)
        await put_off(conn, [held], NOW + HOUR, "answered 500")
        together = await gather(conn, "marie", NOW + MINUTE, NOW + HOUR, 100)
        assert await gather(conn, "marie", NOW + MINUTE, NOW + HOUR, 100) == []
    told = [(one.message.about, one.message.sequence) for one in together]
    free = [one for one in incidents if one != held.message.about]
    assert told[:2] == [(one, 1) for one, _ in told[:2]]
    assert sorted(told) == sorted((one, sequence) for one in free for sequence in (1, 2))


async def test_what_another_sender_is_settling_holds_its_own_incident_alone_and_nobody_who_gathers(
    either_house: House,
) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    locked, free = new_id(NOW), new_id(NOW)
    async with either_house.worker.acquire() as conn:
        for kind in (NoticeKind.RAISED, NoticeKind.RESOLVED):
            await post(conn, [Addressed("marie", notice(practice_id, one, kind)) for one in (locked, free)], NOW)
    async with either_house.owner.acquire() as settling, either_house.worker.acquire() as conn:
        async with settling.transaction():
            await settling.execute("SELECT FROM outbox WHERE about = $1 AND sequence = 1 FOR UPDATE", locked)
            await conn.execute("SET lock_timeout = '200ms'")
            together = await gather(conn, "marie", NOW, NOW + LEASE, 100)
        assert [(one.message.about, one.message.sequence) for one in together] == [(free, 1), (free, 2)]
        later = await gather(conn, "marie", NOW, NOW + LEASE, 100)
        assert [(one.message.about, one.message.sequence) for one in later] == [(locked, 1), (locked, 2)]


async def test_tickets_are_never_gathered(either_house: House) -> None:
    await posted(either_house)
    async with either_house.worker.acquire() as conn:
        assert await gather(conn, "mail", NOW, NOW + LEASE, 100) == []


async def test_a_claim_reads_its_own_tickets_alone_though_statistics_are_of_a_quiet_hour(house: House) -> None:
    """With the index of the whole channel in its place, each message of a storm would cost a look at all of it."""
    await posted(house, tickets=2)
    question = "EXPLAIN (ANALYZE, FORMAT JSON) " + outbox._CLAIM
    for blank, value in (("$1", "now()"), ("$2", "now()"), ("$3", "'mail'"), ("$4", "20"), ("$5", "NULL")):
        question = question.replace(blank, value)
    async with house.owner.acquire() as conn, conn.transaction():
        await conn.execute("ANALYZE outbox")
        await conn.execute(
            """
            INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before)
            SELECT practice_id, 'mail', gen_random_uuid(), 1, payload, created_at, now()
            FROM generate_series(1, 3000), (SELECT * FROM outbox LIMIT 1) AS one
            """
        )
        (plan,) = json.loads(await conn.fetchval(question))
    (earlier,) = [node for node in nodes(plan["Plan"]) if node.get("Alias") == "earlier"]
    assert earlier["Actual Loops"] * (earlier["Actual Rows"] + earlier.get("Rows Removed by Filter", 0)) <= 100


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.parametrize(
    ("age", "tried", "taking", "dead"),
    [
        (DAY, True, True, 1),
        (DAY - SECOND, True, True, 0),
        (DAY, False, True, 0),  # perhaps no worker ran: it gets its chance first
        (DAY, False, False, 1),
    ],
)
async def test_what_waited_a_day_in_vain_is_given_up(
    either_house: House, age: timedelta, *, tried: bool, taking: bool, dead: int
) -> None:
    await posted(either_house, messages=1)
    if tried:
        (parcel,) = await taken(either_house)
        async with either_house.worker.acquire() as conn:
            await put_off(conn, [parcel], NOW + HOUR, "answered 500")
    async with either_house.worker.acquire() as conn:
        now = NOW + age
        buried = await bury_old(conn, now, now - DAY, ["mail"] if taking else [])
    assert buried == ["mail"] * dead


async def test_what_is_being_sent_is_not_given_up(either_house: House) -> None:
    await posted(either_house, messages=1)
    await taken(either_house, NOW + DAY)
    async with either_house.worker.acquire() as conn:
        assert await bury_old(conn, NOW + DAY, NOW, []) == []
        assert await bury_old(conn, NOW + DAY + LEASE, NOW, []) == ["mail"]


async def test_what_was_sent_is_kept_for_thirty_days_and_what_was_not_for_ever(either_house: House) -> None:
    await posted(either_house, tickets=3, messages=1)
    first, second, third = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await mark_sent(conn, [first], NOW)
        await mark_sent(conn, [second], NOW + SECOND)
        await bury(conn, [third], NOW, "answered 410")
        await drop_sent(conn, NOW + SENT_KEPT + SECOND)
    left = [row["outbox_id"] for row in await rows(either_house, "SELECT outbox_id FROM outbox")]
    assert sorted(left) == sorted([second.outbox_id, third.outbox_id])
