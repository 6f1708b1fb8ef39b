"""What no receiver takes is given up in the end, and is an incident of the provider until it is taken."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.delivery.channel import DeliveryError
from collector.model.campaign import PROVIDER
from collector.model.undelivered import HELD_FOR, DeadLetters
from collector.store.dead_letters import any_held, dead_letters, revive
from tests.factories import DAY, HOUR
from tests.integration.house import House, rows
from tests.integration.outgoing import Receiver, aged, judged_provider, tickets, ways

SECOND = timedelta(seconds=1)


async def test_what_was_refused_for_good_becomes_an_incident_until_it_is_taken(house: House) -> None:
    first, _ = await tickets(house, count=2, messages=2)
    receiver = Receiver()
    receiver.refuses = DeliveryError("answered 410", permanent=True)
    await ways(house, receiver).deliver()
    assert await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", PROVIDER)
    assert await judged_provider(house) == [{"subject": "channel:rt", "state": "open", "count": "4"}]

    async with house.owner.acquire() as conn:
        assert len(await revive(conn, "rt", datetime.now(UTC))) == 4
    receiver.refuses = None
    await ways(house, receiver).deliver()
    assert receiver.order()[first] == [1, 2]
    (found,) = await judged_provider(house)
    assert found["state"] == "resolved"


async def test_the_word_of_its_own_burial_does_not_begin_anew(house: House) -> None:
    """Its ticket goes by the very channel that takes nothing: it is given up too, and counts for nothing."""
    await tickets(house, "tickets")
    receiver = Receiver("tickets")
    receiver.refuses = DeliveryError("answered 410", permanent=True)
    out = ways(house, receiver)
    for _ in range(4):
        await out.deliver()
        assert await judged_provider(house) == [{"subject": "channel:tickets", "state": "open", "count": "1"}]
    await house.owner.execute("DELETE FROM outbox WHERE practice_id <> $1", PROVIDER)
    for _ in range(4):
        (found,) = await judged_provider(house)
        assert found["state"] == "resolved"
        await out.deliver()
    messages = await rows(
        house, "SELECT payload ->> 'event' AS event FROM outbox WHERE dead_at IS NOT NULL ORDER BY sequence"
    )
    assert [one["event"] for one in messages] == ["ticket.opened", "ticket.resolved"]


async def test_after_a_day_of_failures_a_message_is_given_up(house: House) -> None:
    await tickets(house)
    receiver = Receiver()
    receiver.refuses = DeliveryError("answered 500", retry_after=HOUR)
    out = ways(house, receiver)
    await out.deliver()
    await aged(house, DAY - HOUR)
    await out.deliver()
    assert await rows(house, "SELECT attempts, dead_at FROM outbox") == [{"attempts": 2, "dead_at": None}]
    await aged(house, HOUR)
    await out.deliver()
    assert await rows(house, "SELECT attempts, dead_at IS NULL AS alive FROM outbox") == [
        {"attempts": 3, "alive": False}
    ]


async def test_messages_for_a_channel_that_is_not_there_are_given_up_after_a_day(house: House) -> None:
    await tickets(house)
    await aged(house, DAY)
    await ways(house).deliver()
    assert await rows(house, "SELECT last_error FROM outbox WHERE dead_at IS NOT NULL") == [
        {"last_error": "waited a day for its channel"}
    ]
    assert await judged_provider(house) == [{"subject": "channel:rt", "state": "open", "count": "1"}]


async def provider_is_woken(house: House) -> bool:
    return bool(await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", PROVIDER))


async def test_what_a_channel_holds_for_long_is_an_incident_until_it_is_taken(house: House) -> None:
    await tickets(house, count=2)
    receiver = Receiver()
    receiver.refuses = DeliveryError("answered 503")
    out = ways(house, receiver)
    await out.deliver()
    assert not await provider_is_woken(house)
    assert await judged_provider(house) == []

    await aged(house, HELD_FOR)
    await ways(house, receiver).deliver()  # it looks at once what is old
    assert await provider_is_woken(house)
    assert await judged_provider(house) == [{"subject": "channel:rt", "state": "open", "count": "2"}]
    assert not await provider_is_woken(house)

    receiver.refuses = None
    await aged(house, HOUR)
    await out.deliver()
    assert await provider_is_woken(house)
    (found,) = await judged_provider(house)
    assert found["state"] == "resolved"


@pytest.mark.parametrize(("waited", "found"), [(HELD_FOR - SECOND, 0), (HELD_FOR, 1)])
async def test_what_waits_for_a_channel_that_is_not_there_is_held_after_a_quarter_of_an_hour(
    house: House, waited: timedelta, found: int
) -> None:
    await tickets(house)
    now = datetime.now(UTC)
    await house.owner.execute("UPDATE outbox SET created_at = $1", now - waited)
    async with house.worker.acquire() as conn:
        assert await any_held(conn, now) is bool(found)
        held = await dead_letters(conn, now)
    assert held == (DeadLetters(channel="rt", count=1, since=now - waited, error="", held=True),) * found


async def test_of_a_channel_that_gave_some_up_these_are_told(house: House) -> None:
    first, *_ = await tickets(house, count=3)
    now = datetime.now(UTC)
    await house.owner.execute("UPDATE outbox SET created_at = $1, last_error = '503'", now - HOUR)
    await house.owner.execute("UPDATE outbox SET dead_at = $1, last_error = '410' WHERE about = $2", now, first)
    async with house.worker.acquire() as conn:
        assert await dead_letters(conn, now) == (DeadLetters(channel="rt", count=1, since=now, error="410"),)


@pytest.mark.parametrize(
    ("took", "attempts", "found"),
    [
        (HELD_FOR, 0, 1),
        (HELD_FOR - SECOND, 0, 0),  # a storm at the channel's rate
        (HELD_FOR - SECOND, 3, 0),
        (HELD_FOR - SECOND, 4, 1),
    ],
)
async def test_of_a_channel_that_takes_messages_those_alone_are_held_that_it_refuses_again_and_again(
    house: House, took: timedelta, attempts: int, found: int
) -> None:
    first, _ = await tickets(house, count=2)
    now = datetime.now(UTC)
    await house.owner.execute(
        "UPDATE outbox SET created_at = $1, attempts = $2, tried_at = $3", now - HOUR, attempts, now
    )
    await house.owner.execute("UPDATE outbox SET sent_at = $1 WHERE about = $2", now - took, first)
    async with house.worker.acquire() as conn:
        assert len(await dead_letters(conn, now)) == found
        assert await any_held(conn, now) is bool(found)


async def test_what_another_channel_takes_says_nothing_of_one_that_takes_nothing(house: House) -> None:
    await tickets(house)
    await tickets(house, "desk")
    now = datetime.now(UTC)
    await house.owner.execute("UPDATE outbox SET created_at = $1", now - HOUR)
    await house.owner.execute("UPDATE outbox SET sent_at = $1 WHERE channel = 'desk'", now)
    async with house.worker.acquire() as conn:
        assert [one.channel for one in await dead_letters(conn, now)] == ["rt"]


async def test_what_was_refused_often_and_is_wanted_again_is_not_held_before_it_is_tried(house: House) -> None:
    first, _ = await tickets(house, count=2)
    now = datetime.now(UTC)
    await house.owner.execute(
        "UPDATE outbox SET created_at = $1, attempts = 9, tried_at = $1, revived_at = $2", now - DAY, now - HOUR
    )
    await house.owner.execute("UPDATE outbox SET sent_at = $1 WHERE about = $2", now, first)
    async with house.worker.acquire() as conn:
        assert await dead_letters(conn, now) == ()
