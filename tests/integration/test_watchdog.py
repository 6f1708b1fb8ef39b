"""Somebody outside hears that the watch goes on, and when it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collector.delivery import watchdog as watchdog_room
from collector.delivery.watchdog import Watchdog
from collector.metrics import WorkerMetrics, new_registry
from collector.model.campaign import PROVIDER
from collector.model.message import Addressed
from collector.store.outbox import post
from collector.store.overdue import DELIVERED_WITHIN, JUDGED_WITHIN, Overdue, overdue_steps
from tests.factories import DAY, HOUR, NOW
from tests.integration.house import House, enrol, message, open_ticket, until
from tests.integration.receivers import served

SECOND = timedelta(seconds=1)
OURS = ["tickets"]


class Kennel:
    """Takes pings as Healthchecks does; what each said."""

    def __init__(self, status: int = 200) -> None:
        self.heard: list[tuple[str, str]] = []
        self.app = FastAPI(openapi_url=None)
        self.answers = asyncio.Event()
        self.answers.set()

        async def ping(request: Request) -> Response:
            self.heard.append((str(request.url).partition("/ping/")[2], (await request.body()).decode()))
            await self.answers.wait()
            return Response(status_code=status)

        self.app.add_api_route("/ping/{rest:path}", ping, methods=["POST"], response_model=None)


@asynccontextmanager
async def guarded(house: House, kennel: Kennel, metrics: WorkerMetrics, query: str = "") -> AsyncIterator[Watchdog]:
    async with served(kennel.app) as url, httpx.AsyncClient() as client:
        watchdog = Watchdog(house.worker, client, f"{url}/ping/5d8a{query}", metrics)
        yield watchdog
        kennel.answers.set()
        await watchdog.close()


async def calm(house: House) -> None:
    """The provider itself was judged just now."""
    await house.owner.execute("UPDATE due SET evaluate_at = now() WHERE practice_id = $1", PROVIDER)


async def pinged(kennel: Kennel, times: int = 1) -> None:
    async def heard() -> bool:
        return len(kennel.heard) >= times

    await until(heard)


async def test_a_sweep_is_told_at_most_every_half_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await calm(house)
    kennel, metrics = Kennel(), WorkerMetrics(new_registry())
    async with guarded(house, kennel, metrics) as watchdog:
        for _ in range(5):
            watchdog.swept(OURS)
            await asyncio.sleep(0.02)
        await pinged(kennel)
        monkeypatch.setattr(watchdog_room, "PING_EVERY_S", 0.0)
        await asyncio.sleep(0.1)
        watchdog.swept(OURS)
        await pinged(kennel, 2)
    assert kennel.heard == [("5d8a", "")] * 2


async def test_one_that_does_not_answer_holds_up_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_room, "PING_EVERY_S", 0.0)
    monkeypatch.setattr(watchdog_room, "PING_TIMEOUT", timedelta(seconds=0.3))
    kennel, metrics = Kennel(), WorkerMetrics(new_registry())
    kennel.answers.clear()
    async with guarded(house, kennel, metrics) as watchdog:
        watchdog.swept(OURS)
        await pinged(kennel)
        watchdog.swept(OURS)  # returns, and asks no second time

        async def given_up() -> bool:
            return bool(metrics.watchdog.labels(outcome="unanswered")._value.get())

        await until(given_up)
        assert len(kennel.heard) == 1


async def test_one_that_refuses_is_counted(house: House) -> None:
    kennel, metrics = Kennel(404), WorkerMetrics(new_registry())
    async with guarded(house, kennel, metrics) as watchdog:
        watchdog.swept(OURS)

        async def refused() -> bool:
            return bool(metrics.watchdog.labels(outcome="refused")._value.get())

        await until(refused)


async def test_what_is_overdue_is_told_as_a_failure_with_its_reasons(house: House) -> None:
    await calm(house)
    at = datetime.now(UTC) - HOUR
    practice_id = (await enrol(house, at=at)).practice.practice_id
    await house.owner.execute("UPDATE due SET evaluate_at = $2 WHERE practice_id = $1", practice_id, at)
    kennel, metrics = Kennel(), WorkerMetrics(new_registry())
    async with guarded(house, kennel, metrics, "?create=1") as watchdog:
        watchdog.swept(OURS)
        await pinged(kennel)
    assert kennel.heard == [("5d8a/fail?create=1", f"judgement: 1 overdue since {at:%Y-%m-%dT%H:%M:%SZ}")]


async def test_a_watchdog_without_url_only_audits(house: House) -> None:
    async with httpx.AsyncClient() as client:
        watchdog = Watchdog(house.worker, client, None, metrics := WorkerMetrics(new_registry()))
        watchdog.swept(OURS)
        await watchdog.close()
    assert not [sample for metric in metrics.watchdog.collect() for sample in metric.samples]


async def overdue(house: House, now: datetime, channels: list[str] | None = OURS) -> tuple[Overdue, ...]:
    async with house.worker.acquire() as conn:
        return await overdue_steps(conn, channels, now)


@pytest.mark.parametrize(("late", "found"), [(JUDGED_WITHIN, 0), (JUDGED_WITHIN + SECOND, 1)])
async def test_a_practice_is_overdue_a_minute_after_its_instant(
    either_house: House, late: timedelta, found: int
) -> None:
    await either_house.owner.execute("UPDATE due SET evaluate_at = $1", NOW + HOUR)
    practice_id = (await enrol(either_house)).practice.practice_id
    await either_house.owner.execute("UPDATE due SET evaluate_at = $2 WHERE practice_id = $1", practice_id, NOW)
    assert await overdue(either_house, NOW + late) == (Overdue("judgement", 1, NOW),) * found


@pytest.mark.parametrize(("late", "found"), [(DELIVERED_WITHIN, 0), (DELIVERED_WITHIN + SECOND, 1)])
async def test_a_message_is_overdue_after_five_minutes_and_those_behind_it_are_not_counted(
    either_house: House, late: timedelta, found: int
) -> None:
    await _posted(either_house)
    assert await overdue(either_house, NOW + late) == (Overdue("delivery:tickets", 1, NOW),) * found
    assert await overdue(either_house, NOW + late, []) == ()


HELD = {
    "never tried": "attempts = 0",
    "tried just now and put off": "attempts = 9, tried_at = $1, not_before = $1 + interval '1 hour'",
    "being tried": "attempts = 9, tried_at = $1, claimed_until = $1 + interval '30 s'",
    "its turn again while its receiver rests": "attempts = 9, tried_at = $1 - interval '9 min', not_before = $1",
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD.keys())
async def test_a_message_that_a_dead_receiver_holds_stays_overdue_whatever_is_tried(
    either_house: House, held: str
) -> None:
    """Else the ping would say that all is well after each try, and that it is not between them."""
    await _posted(either_house)
    now = NOW + HOUR
    await either_house.owner.execute(f"UPDATE outbox SET {held} WHERE $1::timestamptz IS NOT NULL", now)  # noqa: S608
    assert await overdue(either_house, now) == (Overdue("delivery:tickets", 1, NOW),)


TAKING = {
    "a storm at the channel's rate": ("attempts = 0", "tickets", "ticket", DELIVERED_WITHIN - SECOND, 0),
    "nothing taken for five minutes": ("attempts = 0", "tickets", "ticket", DELIVERED_WITHIN, 1),
    "refused again and again": ("attempts = 9, tried_at = $1", "tickets", "ticket", SECOND, 0),
    "nobody tries what is of its form": ("attempts = 0", "tickets", "notice", SECOND, 1),
    "refused while the other form goes": ("attempts = 9, tried_at = $1", "tickets", "notice", SECOND, 0),
    "not tried since it is wanted again": (
        "attempts = 9, tried_at = $1 - interval '2 h', revived_at = $1 - interval '1 h'", "tickets", "notice", SECOND, 1
    ),
    "another channel takes": ("attempts = 9, tried_at = $1", "desk", "ticket", SECOND, 1),
}  # fmt: skip


@pytest.mark.parametrize(("held", "channel", "form", "ago", "found"), TAKING.values(), ids=TAKING.keys())
async def test_of_a_channel_that_takes_messages_only_what_nobody_tries_is_overdue(
    either_house: House, held: str, channel: str, form: str, ago: timedelta, found: int
) -> None:
    await _posted(either_house)
    now = NOW + HOUR
    await either_house.owner.execute(f"UPDATE outbox SET {held} WHERE $1::timestamptz IS NOT NULL", now)  # noqa: S608
    await either_house.owner.execute(
        """
        INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before, sent_at)
        SELECT practice_id, $1, gen_random_uuid(), 1, jsonb_build_object('form', $2::text), $3, $3, $3
        FROM outbox LIMIT 1
        """,
        channel, form, now - ago,
    )  # fmt: skip
    assert [one.step for one in await overdue(either_house, now)] == ["delivery:tickets"] * found


@pytest.mark.parametrize("over", ["sent_at", "dead_at"])
async def test_what_was_taken_or_given_up_is_overdue_no_longer(either_house: House, over: str) -> None:
    await _posted(either_house)
    await either_house.owner.execute(f"UPDATE outbox SET {over} = $1", NOW)  # noqa: S608
    assert await overdue(either_house, NOW + HOUR) == ()


async def test_what_is_tried_again_by_hand_has_its_time_anew(either_house: House) -> None:
    await _posted(either_house)
    await either_house.owner.execute("UPDATE outbox SET revived_at = $1", NOW + HOUR)
    assert await overdue(either_house, NOW + HOUR + DELIVERED_WITHIN) == ()
    assert len(await overdue(either_house, NOW + HOUR + DELIVERED_WITHIN + SECOND)) == 1


async def _posted(either_house: House) -> None:
    """Two messages of one ticket, and nobody to be judged meanwhile."""
    await either_house.owner.execute("UPDATE due SET evaluate_at = $1", NOW + DAY)
    practice_id = (await enrol(either_house, at=NOW + DAY)).practice.practice_id
    ticket_id = await open_ticket(either_house, practice_id)
    async with either_house.worker.acquire() as conn:
        await post(conn, [Addressed("tickets", message(practice_id, ticket_id, n)) for n in (1, 2)], NOW)
