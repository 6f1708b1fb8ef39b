"""Many ways out at once: none holds up another, none is hammered, nobody's phone rings for each of a storm."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from collector.delivery import breaker, drain, outlets, pace
from collector.delivery.channel import Channel, DeliveryError
from collector.delivery.outlets import OpenChannels, Outlets, always
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import Book
from collector.model.campaign import PROVIDER
from collector.model.channels import WebhookChannel
from collector.model.message import Addressed, Notice, NoticeKind, TicketMessage
from collector.oversee import oversee
from collector.store.dead_letters import revive
from collector.store.escalation import put_book
from collector.store.outbox import Parcel, mark_sent, post
from tests.factories import DAY, HOUR, new_id
from tests.integration.house import House, enrol, message, notice, open_ticket, rows, until

SHORT = timedelta(milliseconds=300)


class Receiver:
    """Takes what it is given, unless it is told to do otherwise."""

    def __init__(self, name: str = "rt", timeout: timedelta = timedelta(seconds=10)) -> None:
        self.name = name
        self.timeout = timeout
        self.taken: list[TicketMessage | Notice] = []
        self.tries = 0
        self.refuses: Exception | None = None
        self.hangs_for: set[UUID] = set()

    async def deliver(self, parcel: Parcel) -> None:
        self.tries += 1
        if parcel.message.about in self.hangs_for:
            await asyncio.Event().wait()
        await asyncio.sleep(0.001)
        if self.refuses:
            raise self.refuses
        self.taken.append(parcel.message)

    def order(self) -> dict[UUID, list[int]]:
        found: dict[UUID, list[int]] = {}
        for one in self.taken:
            found.setdefault(one.about, []).append(one.sequence)
        return found


class Phone(Receiver):
    """Rings once for what comes together."""

    def __init__(self, name: str = "marie") -> None:
        super().__init__(name)
        self.digests: list[list[TicketMessage | Notice]] = []

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        self.tries += 1
        if self.refuses:
            raise self.refuses
        self.digests.append([one.message for one in parcels])


def ways(house: House, *channels: Channel, metrics: WorkerMetrics | None = None) -> Outlets:
    return Outlets(house.worker, metrics or WorkerMetrics(new_registry()), always(channels))


async def tickets(house: House, channel: str = "rt", count: int = 1, messages: int = 1) -> list[UUID]:
    """Posted a moment ago, each ticket with messages numbered from 1."""
    practice_id = (await enrol(house, f"Cabinet {new_id(datetime.now(UTC))}")).practice.practice_id
    ticket_ids = [await open_ticket(house, practice_id) for _ in range(count)]
    told = [Addressed(channel, message(practice_id, one, n + 1)) for one in ticket_ids for n in range(messages)]
    async with house.worker.acquire() as conn:
        await post(conn, told, datetime.now(UTC))
    return ticket_ids


async def notices(house: House, count: int, kinds: Sequence[NoticeKind] = (NoticeKind.RAISED,)) -> None:
    practice_id = (await enrol(house, f"Cabinet {new_id(datetime.now(UTC))}")).practice.practice_id
    incidents = [new_id(datetime.now(UTC)) for _ in range(count)]
    told = [Addressed("marie", notice(practice_id, one, kind)) for one in incidents for kind in kinds]
    async with house.worker.acquire() as conn:
        await post(conn, told, datetime.now(UTC))


async def aged(house: House, by: timedelta) -> None:
    """As if it had been posted so long ago, and every wait were over."""
    await house.owner.execute(
        "UPDATE outbox SET created_at = created_at - $1::interval, not_before = not_before - $1::interval,"
        " tried_at = tried_at - $1::interval",
        by,
    )
    await house.owner.execute("DELETE FROM channel_pace")


async def judged_provider(house: House) -> list[dict[str, object]]:
    await oversee(house.worker, datetime.now(UTC))
    return await rows(
        house, "SELECT subject, state, facts ->> 'count' AS count FROM incident WHERE rule = 'undelivered'"
    )


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


@pytest.mark.parametrize(("count", "singles", "digests"), [(5, 5, 0), (6, 0, 1), (300, 0, 1)])
async def test_more_than_five_notices_that_wait_together_come_as_one(
    house: House, count: int, singles: int, digests: int
) -> None:
    await notices(house, count)
    phone = Phone()
    assert await ways(house, phone).deliver() == count
    assert (len(phone.taken), [len(one) for one in phone.digests]) == (singles, [count] * digests)


async def test_raised_and_resolved_meanwhile_are_both_told_and_in_their_order(house: House) -> None:
    await notices(house, 4, [NoticeKind.RAISED, NoticeKind.RESOLVED])
    phone = Phone()
    phone.refuses = DeliveryError("answered 500")
    await ways(house, phone).deliver()
    phone.refuses = None
    await aged(house, HOUR)
    await ways(house, phone).deliver()
    (digest,) = phone.digests
    assert len(digest) == 8
    for about in {one.about for one in digest}:
        assert [one.sequence for one in digest if one.about == about] == [1, 2]


async def test_a_few_of_one_incident_are_told_one_by_one_in_their_order(house: House) -> None:
    await notices(house, 2, [NoticeKind.RAISED, NoticeKind.RESOLVED])
    phone = Phone()
    await ways(house, phone).deliver()
    assert list(phone.order().values()) == [[1, 2], [1, 2]]


async def test_a_storm_is_told_in_few_messages_however_many_workers_tell_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE", timedelta(seconds=6))  # ten a minute, ten times as fast
    phone, workers = Phone(), []
    workers = [ways(house, phone) for _ in range(2)]
    began = asyncio.get_running_loop().time()
    for _ in range(12):
        await notices(house, 25)
        await asyncio.gather(*(one.deliver() for one in workers))
    while await house.owner.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL"):
        await asyncio.gather(*(one.deliver() for one in workers))
        await asyncio.sleep(0.05)
    lasted = asyncio.get_running_loop().time() - began
    told = [one.about for one in (*phone.taken, *(one for digest in phone.digests for one in digest))]
    assert len(told) == len(set(told)) == 300
    assert phone.tries <= pace.READABLE_RATE * (lasted // 6 + 1)


async def test_tickets_of_a_channel_that_tells_people_too_are_not_held_back(house: House) -> None:
    await tickets(house, "marie", count=40)
    await notices(house, 40)
    phone = Phone()
    assert await ways(house, phone).deliver() == 80
    assert (len(phone.taken), len(phone.digests)) == (40, 1)


def spec(**more: object) -> WebhookChannel:
    return WebhookChannel.model_validate(
        {"kind": "webhook", "url": "https://t.example", "secret": {"env": "S"}, **more}
    )


async def in_force(house: House, version: int, **channels: WebhookChannel) -> None:
    async with house.owner.acquire() as conn:
        await conn.execute(_VERSION, version)
        await put_book(conn, version, Book(channels=channels))


_VERSION = """
    INSERT INTO configuration (version, applied_at, applied_by, summary) OVERRIDING SYSTEM VALUE
    VALUES ($1, now(), 'test', '')
"""


def opening(*receivers: Receiver) -> tuple[OpenChannels, list[Sequence[str]]]:
    """Opens what the book names and these can be; what was asked for."""
    asked: list[Sequence[str]] = []

    def opened(book: Book) -> dict[str, Channel]:
        asked.append(sorted(book.channels))
        return {one.name: one for one in receivers if one.name in book.channels}

    return opened, asked


async def test_channels_follow_the_book(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    rt, glpi = Receiver("rt"), Receiver("glpi")
    opener, asked = opening(rt, glpi)
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opener)
    await tickets(house, "rt")
    await tickets(house, "glpi")
    assert await out.deliver() == 0
    await in_force(house, 1, rt=spec())
    assert await out.deliver() == 1
    await out.deliver()
    assert asked == [[], ["rt"]]
    await in_force(house, 2, glpi=spec())
    await tickets(house, "rt")
    assert await out.deliver() == 1
    assert (len(rt.taken), len(glpi.taken), out.names) == (1, 1, ["glpi"])


async def test_a_channel_that_could_not_be_opened_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    there: dict[str, Channel] = {}
    out = Outlets(house.worker, WorkerMetrics(new_registry()), lambda _: there)
    await in_force(house, 1, rt=spec())
    await tickets(house)
    assert await out.deliver() == 0
    assert out.names == ["rt"]
    there["rt"] = Receiver()
    assert await out.deliver() == 1


async def test_a_book_that_cannot_be_read_stops_no_channel_of_the_last_one(house: House) -> None:
    receiver = Receiver()
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opening(receiver)[0])
    await in_force(house, 1, rt=spec())
    await out.deliver()
    await in_force(house, 2)
    await house.owner.execute("""UPDATE escalation SET body = '{"channels": 1}' WHERE version = 2""")
    await tickets(house)
    with pytest.raises(ValidationError):
        await out.send_off()
    await until(lambda: rows(house, "SELECT sent_at FROM outbox WHERE sent_at IS NOT NULL"))
    await out.close()


async def test_a_secret_that_was_changed_is_used_without_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    key = tmp_path / "key"
    opener, asked = opening(Receiver())
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opener)
    await in_force(house, 1, rt=spec(secret={"file": key}))
    for written in ("first", "first", "second"):
        key.write_text(written)
        await out.deliver()
    assert len(asked) == 2
    await tickets(house)
    assert await out.deliver() == 1


async def test_messages_for_a_channel_that_is_not_there_are_given_up_after_a_day(house: House) -> None:
    await tickets(house)
    await aged(house, DAY)
    await ways(house).deliver()
    assert await rows(house, "SELECT last_error FROM outbox WHERE dead_at IS NOT NULL") == [
        {"last_error": "waited a day for its channel"}
    ]
    assert await judged_provider(house) == [{"subject": "channel:rt", "state": "open", "count": "1"}]


async def test_the_books_rate_is_kept_by_all_workers_together(house: House) -> None:
    await in_force(house, 1, rt=spec(rate=120))
    await tickets(house, count=30)
    receiver = Receiver()
    opener, _ = opening(receiver)
    workers = [Outlets(house.worker, WorkerMetrics(new_registry()), opener) for _ in range(2)]
    began = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - began < 2:
        await asyncio.gather(*(one.deliver() for one in workers))
        await asyncio.sleep(0.02)
    lasted = asyncio.get_running_loop().time() - began
    assert 2 < receiver.tries <= 2 + 2 * lasted + 1


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
