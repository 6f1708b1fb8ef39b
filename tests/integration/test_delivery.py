"""The way out, to real receivers: signed, in order, once, whatever they answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import httpx
import pytest
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from standardwebhooks import Webhook

from collector.delivery import answers as answers_module
from collector.delivery.answers import LONGEST_WISH
from collector.delivery.channel import Channel
from collector.delivery.drain import LEASE_MARGIN
from collector.delivery.outlets import Outlets, always
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import TICKETS
from collector.model.message import Addressed
from collector.store.outbox import post
from collector.sweep import Engine
from collector.worker import send_on, sweep_alone
from deploy.demo.receiver import create_app
from tests.factories import MINUTE
from tests.integration.house import House, enrol, message, open_ticket, rows, until
from tests.integration.receivers import SECRET, Answer, answering, served, webhook

OTHER_SECRET = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI="


async def posted(house: House, tickets: int = 1, messages: int = 1) -> list[UUID]:
    practice_id = (await enrol(house)).practice.practice_id
    ticket_ids = [await open_ticket(house, practice_id) for _ in range(tickets)]
    async with house.worker.acquire() as conn:
        for ticket_id in ticket_ids:
            told = [Addressed(TICKETS, message(practice_id, ticket_id, n + 1)) for n in range(messages)]
            await post(conn, told, datetime.now(UTC))
    return ticket_ids


async def emptied(house: House, channel: Channel) -> int:
    return await always_open(house, channel).deliver()


def always_open(house: House, *channels: Channel, metrics: WorkerMetrics | None = None) -> Outlets:
    return Outlets(house.worker, metrics or WorkerMetrics(new_registry()), always(channels))


async def now_due(house: House) -> None:
    """As if every wait were over."""
    await house.owner.execute("UPDATE outbox SET not_before = created_at, claimed_until = NULL WHERE sent_at IS NULL")


async def outbox(house: House) -> tuple[object, ...]:
    (row,) = await rows(house, "SELECT sent_at IS NOT NULL AS sent, attempts, last_error FROM outbox")
    return tuple(row.values())


async def waits(house: House) -> timedelta:
    found: datetime = await house.owner.fetchval("SELECT not_before FROM outbox")
    return found - datetime.now(UTC)


@asynccontextmanager
async def receiver(answer: Answer, timeout: timedelta = timedelta(seconds=10)) -> AsyncIterator[Channel]:
    async with served(answering(answer)) as url, webhook(url, timeout=timeout) as channel:
        yield channel


def answers(*statuses: int, **headers: str) -> Answer:
    """Each status in its turn, the last one for ever."""
    left = list(statuses)

    async def answer(_: Request) -> Response:
        return Response(status_code=left.pop(0) if len(left) > 1 else left[0], headers=headers)

    return answer


async def test_every_ticket_arrives_once_and_in_its_order(house: House) -> None:
    await posted(house, tickets=30, messages=3)
    async with served(create_app(SECRET)) as url, webhook(url) as channel:
        delivered = await asyncio.gather(*(emptied(house, channel) for _ in range(2)))
        while await house.owner.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL"):
            await emptied(house, channel)
        async with httpx.AsyncClient() as client:
            held = (await client.get(f"{url}/tickets")).json()
    assert sum(delivered) <= 90
    assert [ticket["sequences"] for ticket in held] == [[1, 2, 3]] * 30


async def test_a_message_is_signed_as_standard_webhooks_says(house: House) -> None:
    (ticket_id,) = await posted(house)
    seen: list[tuple[bytes, dict[str, str]]] = []

    async def answer(request: Request) -> Response:
        seen.append((await request.body(), dict(request.headers)))
        return Response(status_code=204)

    async with receiver(answer) as channel:
        assert await emptied(house, channel) == 1
    ((body, headers),) = seen
    event = Webhook(SECRET).verify(body, headers)
    assert headers["webhook-id"] == await house.owner.fetchval("SELECT outbox_id::text FROM outbox")
    assert event["type"] == "ticket.opened"
    assert event["data"]["ticket_id"] == str(ticket_id)
    assert event["data"]["url"].startswith("https://vigie.example/noc?practice=")
    assert json.loads(body) == event


async def test_an_answer_without_end_is_read_no_further_than_it_matters(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "MOST_READ", 1_000)
    await posted(house)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000
            await asyncio.sleep(0)

    async def answer(_: Request) -> Response:
        return StreamingResponse(endless())

    async with receiver(answer) as channel:
        assert await emptied(house, channel) == 1


async def test_a_receiver_with_another_secret_refuses_and_the_message_stays(house: House) -> None:
    await posted(house)
    async with served(create_app(OTHER_SECRET)) as url, webhook(url) as channel:
        assert await emptied(house, channel) == 0
    assert await outbox(house) == (False, 1, "answered 401")


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
async def test_what_was_not_taken_is_tried_again_with_the_same_id(house: House, status: int) -> None:
    await posted(house)
    async with receiver(answers(status, 204)) as channel:
        assert await emptied(house, channel) == 0
        assert await outbox(house) == (False, 1, f"answered {status}")
        assert await waits(house) > timedelta(seconds=1)
        await now_due(house)
        assert await emptied(house, channel) == 1
    assert await outbox(house) == (True, 2, None)


async def test_a_message_taken_but_not_acknowledged_is_counted_once(house: House) -> None:
    """The receiver falls over after it took the message: it honours `webhook-id`, and so has it once."""
    await posted(house)
    honest, failed = create_app(SECRET), False

    @honest.middleware("http")
    async def falls_over_once(request, call_next):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        nonlocal failed
        response = await call_next(request)
        if request.method == "POST" and not failed:
            failed = True
            return Response(status_code=500)
        return response

    async with served(honest) as url, webhook(url) as channel:
        assert await emptied(house, channel) == 0
        await now_due(house)
        assert await emptied(house, channel) == 1
        async with httpx.AsyncClient() as client:
            (ticket,) = (await client.get(f"{url}/tickets")).json()
    assert ticket["sequences"] == [1]


async def test_a_receiver_that_is_away_is_tried_again(house: House) -> None:
    await posted(house)
    async with webhook("http://127.0.0.1:1") as channel:
        assert await emptied(house, channel) == 0
    assert await outbox(house) == (False, 1, "no answer: ConnectError")


async def test_a_receiver_that_does_not_answer_is_given_up_in_time(house: House) -> None:
    await posted(house)
    never = asyncio.Event()

    async def silent(_: Request) -> Response:
        await never.wait()
        return Response(status_code=204)

    async with receiver(silent, timedelta(milliseconds=200)) as channel:
        assert await emptied(house, channel) == 0
        never.set()
    sent, attempts, error = await outbox(house)
    assert (sent, attempts) == (False, 1)
    assert "no answer" in str(error)


@pytest.mark.parametrize(("wish", "expected"), [("120", timedelta(seconds=120)), ("999999", LONGEST_WISH)])
async def test_a_receivers_wish_is_honoured(house: House, wish: str, expected: timedelta) -> None:
    await posted(house)
    async with receiver(answers(503, **{"retry-after": wish})) as channel:
        await emptied(house, channel)
    assert abs(await waits(house) - expected) < MINUTE


async def test_a_wish_may_be_a_date(house: House) -> None:
    await posted(house)
    wish = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    async with receiver(answers(503, **{"retry-after": wish})) as channel:
        await emptied(house, channel)
    assert abs(await waits(house) - timedelta(hours=2)) < MINUTE


@pytest.mark.parametrize("wish", ["", "soon", "-1", "1.5", "Sat, 21 Nov 2020 18:00:00 GMT"])
async def test_a_wish_that_says_nothing_leaves_our_own_wait(house: House, wish: str) -> None:
    await posted(house)
    async with receiver(answers(503, **{"retry-after": wish})) as channel:
        await emptied(house, channel)
    assert await outbox(house) == (False, 1, "answered 503")
    assert await waits(house) < MINUTE


@pytest.mark.parametrize("wish", ["9" * 20, "\u00b2"])
async def test_an_absurd_wish_stops_nobody(house: House, wish: str) -> None:
    await posted(house, tickets=2)

    async def answer(_: Request) -> Response:
        response = Response(status_code=503)
        response.raw_headers.append((b"retry-after", wish.encode("latin-1")))
        return response

    async with receiver(answer) as channel:
        await emptied(house, channel)
    assert await rows(house, "SELECT DISTINCT last_error FROM outbox") == [{"last_error": "answered 503"}]


async def test_one_tickets_trouble_is_not_the_others(house: House) -> None:
    first, *others = await posted(house, tickets=25, messages=2)

    async def answer(request: Request) -> Response:
        data = json.loads(await request.body())["data"]
        return Response(status_code=500 if data["ticket_id"] == str(first) else 204)

    async with receiver(answer) as channel:
        assert await emptied(house, channel) == 2 * len(others)
    left = await rows(house, "SELECT about, sequence FROM outbox WHERE sent_at IS NULL ORDER BY sequence")
    assert left == [{"about": first, "sequence": 1}, {"about": first, "sequence": 2}]


async def test_the_lease_outlives_the_longest_delivery(house: House) -> None:
    await posted(house)
    held: Sequence[datetime] = ()

    async def answer(_: Request) -> Response:
        nonlocal held
        held = [row["claimed_until"] for row in await rows(house, "SELECT claimed_until FROM outbox")]
        return Response(status_code=204)

    before = datetime.now(UTC)
    async with receiver(answer) as channel:
        await emptied(house, channel)
        assert held[0] >= before + channel.timeout + LEASE_MARGIN


async def test_a_receiver_that_hangs_does_not_hold_up_judging(house: House) -> None:
    await posted(house)
    asked, enough = asyncio.Event(), asyncio.Event()

    async def hangs(_: Request) -> Response:
        asked.set()
        await enough.wait()
        return Response(status_code=204)

    async with receiver(hangs, timedelta(seconds=30)) as channel:
        engine = Engine(house.worker, [channel], WorkerMetrics(new_registry()))
        working = [asyncio.create_task(loop) for loop in (sweep_alone(engine, None), send_on(engine))]
        try:
            async with asyncio.timeout(15):
                await asked.wait()
            late = (await enrol(house, "Cabinet Late")).practice.practice_id

            async def judged() -> bool:
                return bool(await house.owner.fetchval("SELECT 1 FROM practice_now WHERE practice_id = $1", late))

            await until(judged, within=4)
        finally:
            enough.set()
            for loop in working:
                loop.cancel()
            await asyncio.gather(*working, return_exceptions=True)
