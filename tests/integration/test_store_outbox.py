"""Messages leave in the order of their ticket and channel, each by one sender at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from collector.store.outbox import Parcel, claim, count_unsent, has_waiting, mark_sent, post, put_off
from tests.factories import HOUR, MINUTE, NOW
from tests.integration.house import House, enrol, message, open_ticket

LEASE = timedelta(seconds=30)


async def posted(house: House, tickets: int = 1, messages: int = 3, channels: Sequence[str] = ("mail",)) -> list[UUID]:
    """Tickets of one practice, each with messages numbered from 1."""
    practice_id = (await enrol(house)).practice.practice_id
    ticket_ids = [await open_ticket(house, practice_id) for _ in range(tickets)]
    async with house.worker.acquire() as conn:
        for channel in channels:
            for ticket_id in ticket_ids:
                await post(conn, channel, [message(practice_id, ticket_id, n + 1) for n in range(messages)], NOW)
    return ticket_ids


async def taken(house: House, now: datetime = NOW, channel: str = "mail", limit: int = 100) -> list[Parcel]:
    async with house.worker.acquire() as conn:
        return await claim(conn, channel, now, now + LEASE, limit)


async def sent(house: House, parcel: Parcel) -> None:
    async with house.worker.acquire() as conn:
        await mark_sent(conn, parcel, NOW)


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
    assert {parcel.message.ticket_id for parcel in await taken(either_house)} == set(tickets)
    assert sequences(await taken(either_house, channel="pager")) == [1, 1]


async def test_a_message_put_off_holds_its_successors_and_no_other_ticket(either_house: House) -> None:
    await posted(either_house, tickets=2)
    first, second = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await put_off(conn, first, NOW + HOUR, "answered 500")
    await sent(either_house, second)
    (next_one,) = await taken(either_house)
    assert (next_one.message.ticket_id, next_one.message.sequence) == (second.message.ticket_id, 2)
    (again,) = [
        one for one in await taken(either_house, NOW + HOUR) if one.message.ticket_id == first.message.ticket_id
    ]
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
                order[parcel.message.ticket_id].append(parcel.message.sequence)
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
        await put_off(conn, slow, NOW + HOUR, "too late")
    assert await _unsent(either_house) == 0
    assert await taken(either_house, NOW + 2 * HOUR) == []


async def test_the_latest_error_is_kept_until_the_message_is_sent(either_house: House) -> None:
    await posted(either_house, messages=1)
    (parcel,) = await taken(either_house)
    async with either_house.worker.acquire() as conn:
        await put_off(conn, parcel, NOW + MINUTE, "answered 500")
        assert not await has_waiting(conn, "mail", NOW)
        assert await has_waiting(conn, "mail", NOW + MINUTE)
    assert await either_house.owner.fetchval("SELECT last_error FROM outbox") == "answered 500"
    await sent(either_house, parcel)
    assert await either_house.owner.fetchval("SELECT last_error FROM outbox") is None


async def _unsent(house: House) -> int:
    async with house.worker.acquire() as conn:
        return await count_unsent(conn)
