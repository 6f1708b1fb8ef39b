"""Nobody's phone rings for each of a storm: what waits together comes as one, all of it, in its order."""

import asyncio
from datetime import timedelta

import pytest

from collector.delivery import breaker, pace
from collector.delivery.channel import DeliveryError
from collector.metrics import WorkerMetrics, new_registry
from collector.model.message import NoticeKind
from tests.factories import HOUR, MINUTE
from tests.integration.house import House, rows
from tests.integration.outgoing import SHORT, Phone, aged, notices, tickets, ways


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
    assert len(phone.told) == len(set(phone.told)) == 300
    assert phone.tries <= pace.READABLE_RATE * (lasted // 6 + 1)


@pytest.mark.parametrize(("count", "bad"), [(6, 0), (40, 39), (300, 150)])
@pytest.mark.parametrize("permanent", [True, False])
async def test_one_bad_notice_buries_no_other_of_its_digest(
    house: House, count: int, bad: int, *, permanent: bool
) -> None:
    incidents = await notices(house, count)
    phone = Phone()
    phone.chokes_on = incidents[bad]
    phone.chokes_with = DeliveryError("answered 400", permanent=permanent)
    out = ways(house, phone)
    for _ in range(60):
        await out.deliver()
        await aged(house, MINUTE / 6)
        if len(phone.told) == count - 1:
            break
    assert sorted(phone.told) == sorted(set(incidents) - {phone.chokes_on})
    await out.deliver()
    left = await rows(house, "SELECT about, dead_at IS NOT NULL AS dead FROM outbox WHERE sent_at IS NULL")
    assert left == [{"about": phone.chokes_on, "dead": permanent}]


async def test_what_failed_once_is_told_in_one_message_again(house: House) -> None:
    await notices(house, 40)
    phone = Phone()
    phone.refuses = DeliveryError("answered 503")
    out = ways(house, phone)
    await out.deliver()
    await aged(house, MINUTE)
    phone.refuses = None
    await out.deliver()
    assert [len(one) for one in phone.digests] == [40]


async def test_a_dead_phone_is_left_alone_and_rings_twice_when_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "FIRST_REST", SHORT)
    await notices(house, 40)
    phone, metrics = Phone(), WorkerMetrics(new_registry())
    phone.refuses = DeliveryError("answered 503")
    out = ways(house, phone, metrics=metrics)
    for _ in range(12):
        await out.deliver()
        await aged(house, 10 * MINUTE)
        if opened := metrics.breaker_open.labels(channel="marie")._value.get():
            break
    assert opened
    tried = phone.tries
    await out.deliver()
    assert phone.tries == tried
    phone.refuses = None
    await asyncio.sleep(SHORT.total_seconds())
    await out.deliver()
    await aged(house, MINUTE)
    await out.deliver()
    assert (len(phone.told), phone.tries) == (40, tried + 2)


async def test_tickets_of_a_channel_that_tells_people_too_are_not_held_back(house: House) -> None:
    await tickets(house, "marie", count=40)
    await notices(house, 40)
    phone = Phone()
    assert await ways(house, phone).deliver() == 80
    assert (len(phone.taken), len(phone.digests)) == (40, 1)
