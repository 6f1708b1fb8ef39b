"""The worker as it really runs: ticks from Redis, sweeps by itself without, and back again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import Request
from fastapi.responses import Response

from collector import worker
from collector.config import Settings
from collector.metrics import WorkerMetrics, new_registry
from collector.model.message import Addressed
from collector.store.outbox import bury, claim, post
from collector.sweep import Engine
from collector.worker import QUEUE, Ticks, connect_redis, create_app, judge, tick
from deploy.demo.receiver import create_app as create_receiver
from deploy.local import Services
from tests.integration.house import House, arrival, enrol, message, open_ticket, rows, running, store, until
from tests.integration.receivers import SECRET, answering, served

# arq closes redis-py by its old name; a connection that a killed Redis broke off is closed by nobody.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same worker, with less patience."""
    monkeypatch.setattr(worker, "TICK_MISSED", timedelta(seconds=2))
    monkeypatch.setattr(worker, "SWEEP_EVERY_S", 0.1)
    monkeypatch.setattr(worker, "REDIS_RETRY_S", 0.1)


@asynccontextmanager
async def at_work(house: House, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A worker with its loops; its health and metrics."""
    app = create_app(Settings(database_url=house.database.url, **settings))
    async with running(app) as asgi:
        transport = httpx.ASGITransport(asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
            yield client


async def sweeps(client: httpx.AsyncClient, by: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f'vigie_worker_sweeps_total{{by="{by}"'))


async def more_sweeps(client: httpx.AsyncClient, by: str) -> None:
    before = await sweeps(client, by)

    async def more() -> bool:
        return await sweeps(client, by) > before

    await until(more, within=30)


async def judged(house: House, name: str) -> None:
    """A practice enrolled now is judged by whoever is at work."""
    practice_id = (await enrol(house, name, datetime.now(UTC))).practice.practice_id

    async def seen() -> bool:
        return bool(await rows(house, "SELECT FROM practice_now WHERE practice_id = $1", practice_id))

    await until(seen)


async def silent_for_an_hour(house: House) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    practice_id = (await enrol(house, at=at)).practice.practice_id
    await store(house, arrival(practice_id, received_at=at))


async def test_with_redis_a_silent_practice_becomes_a_ticket_at_the_receiver(house: House, services: Services) -> None:
    await silent_for_an_hour(house)
    async with served(create_receiver(SECRET)) as url, httpx.AsyncClient() as http:
        settings = {"ticket_webhook_url": f"{url}/webhook", "ticket_webhook_secret": SECRET}
        async with at_work(house, redis_url=services.redis_url, **settings) as client:

            async def told() -> list[dict[str, Any]]:
                held: list[dict[str, Any]] = (await http.get(f"{url}/tickets")).json()
                return held

            await until(told)
            assert [ticket["events"] for ticket in await told()] == [["ticket.opened"]]
            assert await sweeps(client, "tick") > 0


async def test_arrivals_are_measured_at_scrape_and_a_shortfall_is_opened(house: House) -> None:
    """Four practices that were heard for an hour, and nobody comes through any more."""
    at = datetime.now(UTC) - timedelta(hours=1)
    for n in range(4):
        practice_id = (await enrol(house, f"Cabinet {n}")).practice.practice_id
        await house.owner.execute("INSERT INTO liveness_span VALUES ($1, $1, $2, NULL, 60)", practice_id, at)
    await house.owner.execute("INSERT INTO listening VALUES ('a', $1, $2)", at, datetime.now(UTC))
    async with at_work(house) as client:

        async def opened() -> bool:
            return "vigie_shortfall_open 1.0" in (await client.get("/metrics")).text

        await until(opened)
        metrics = (await client.get("/metrics")).text
    assert "vigie_arrivals_expected_per_second 0.0666" in metrics
    assert "vigie_arrivals_per_second 0.0" in metrics


async def test_without_redis_the_worker_sweeps_by_itself(house: House) -> None:
    async with at_work(house) as client:
        await judged(house, "Cabinet Alone")
        assert await sweeps(client, "itself") > 0
        assert await sweeps(client, "tick") == 0


async def test_redis_that_goes_away_and_comes_back(house: House, fragile: Services) -> None:
    async with at_work(house, redis_url=fragile.redis_url) as client:
        await more_sweeps(client, "tick")
        await asyncio.to_thread(fragile.redis.kill)
        try:
            await more_sweeps(client, "itself")
            await judged(house, "Cabinet Without Redis")
        finally:
            await asyncio.to_thread(fragile.redis.start)
        await more_sweeps(client, "tick")
        await judged(house, "Cabinet With Redis")


async def test_a_worker_that_starts_without_its_redis_works_and_finds_it(house: House, fragile: Services) -> None:
    await asyncio.to_thread(fragile.redis.stop)
    try:
        async with at_work(house, redis_url=fragile.redis_url) as client:
            await judged(house, "Cabinet Early")
            await asyncio.to_thread(fragile.redis.start)
            await more_sweeps(client, "tick")
    finally:
        await asyncio.to_thread(fragile.redis.start)


async def test_two_workers_judge_each_practice_once(house: House, services: Services) -> None:
    await silent_for_an_hour(house)
    async with at_work(house, redis_url=services.redis_url) as one, at_work(house, redis_url=services.redis_url):
        await judged(house, "Cabinet Shared")

        async def silence_found() -> bool:
            return bool(await rows(house, "SELECT FROM incident"))

        await until(silence_found)
        await more_sweeps(one, "tick")
    opened = await rows(house, "SELECT incident_id FROM incident_event WHERE what = 'opened'")
    assert len(opened) == 1


async def test_a_tick_spreads_what_is_wanted_as_json(house: House, services: Services) -> None:
    """Pickle would run what somebody puts into Redis."""
    practice_id = (await enrol(house, at=datetime.now(UTC))).practice.practice_id
    engine, ticks = Engine(house.worker, (), WorkerMetrics(new_registry())), Ticks()
    redis = await connect_redis(services.redis_url)
    try:
        await tick({"engine": engine, "ticks": ticks, "redis": redis})
        jobs = [await redis.get(key) for key in await redis.keys("arq:job:*")]
        assert any(str(practice_id).encode() in job and job.startswith(b"{") for job in jobs if job)
        await judge({"engine": engine, "ticks": ticks, "redis": redis}, [str(practice_id)])
        assert await rows(house, "SELECT state FROM practice_now") == [{"state": "unknown"}]
    finally:
        await redis.delete(QUEUE, *await redis.keys("arq:*"))
        await redis.aclose(close_connection_pool=True)


async def test_a_database_that_is_away_is_outlived(fragile: Services, fragile_house: House) -> None:
    """The worker starts without it, says so, and works once it is there."""
    await asyncio.to_thread(fragile.postgres.stop)
    async with at_work(fragile_house) as client:
        assert (await client.get("/readyz")).status_code == 503
        metrics = (await client.get("/metrics")).text
        for gauge in ("outbox_unsent_messages", "arrivals_expected_per_second", "shortfall_open"):
            assert f"vigie_{gauge} NaN" in metrics
        await asyncio.to_thread(fragile.postgres.start)

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(ready)
        await judged(fragile_house, "Cabinet After")


async def test_a_worker_outlives_a_database_that_is_killed_under_it(fragile: Services, fragile_house: House) -> None:
    async with at_work(fragile_house) as client:
        await more_sweeps(client, "itself")
        await asyncio.to_thread(fragile.postgres.kill)
        await more_sweeps(client, "itself")
        await asyncio.to_thread(fragile.postgres.start)
        await judged(fragile_house, "Cabinet Survivor")


async def test_with_redis_gone_for_good_tickets_still_go_out(house: House, fragile: Services) -> None:
    async with served(create_receiver(SECRET)) as url, httpx.AsyncClient() as http:
        settings = {"ticket_webhook_url": f"{url}/webhook", "ticket_webhook_secret": SECRET}
        async with at_work(house, redis_url=fragile.redis_url, **settings) as client:
            await more_sweeps(client, "tick")
            await asyncio.to_thread(fragile.redis.kill)
            try:
                await silent_for_an_hour(house)

                async def told() -> bool:
                    return bool((await http.get(f"{url}/tickets")).json())

                await until(told, within=30)
            finally:
                await asyncio.to_thread(fragile.redis.start)


async def test_the_outbox_is_measured_at_scrape(house: House) -> None:
    practice_id = (await enrol(house, at=datetime.now(UTC))).practice.practice_id
    now = datetime.now(UTC)
    async with house.worker.acquire() as conn:
        for channel, at in (("rt", now - timedelta(hours=1)), ("rt", now), ("glpi", now)):
            ticket_id = await open_ticket(house, practice_id)
            await post(conn, [Addressed(channel, message(practice_id, ticket_id, 1))], at)
        await bury(conn, await claim(conn, "glpi", now, now, 1), now, "answered 410")
    async with at_work(house) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    measured = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    assert measured["vigie_outbox_unsent_messages"] == 2
    assert measured['vigie_outbox_waiting_messages{channel="rt"}'] == 2
    assert 3_600 <= measured['vigie_outbox_oldest_seconds{channel="rt"}'] < 3_700
    assert measured['vigie_outbox_dead_messages{channel="rt"}'] == 0
    assert measured['vigie_outbox_dead_messages{channel="glpi"}'] == 1
    assert measured['vigie_overdue_steps{step="delivery:rt"}'] == 1


@pytest.mark.parametrize("with_redis", [False, True])
async def test_sweeps_are_told_to_the_watchdog(house: House, services: Services, *, with_redis: bool) -> None:
    heard: list[str] = []

    async def ping(request: Request) -> Response:
        heard.append(request.url.path)
        return Response()

    async with served(answering(ping)) as url:
        more = {"redis_url": services.redis_url} if with_redis else {}
        async with at_work(house, watchdog_url=f"{url}/webhook", **more):

            async def told() -> bool:
                return bool(heard)

            await until(told)
