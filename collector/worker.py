"""The worker: a composition root. arq ticks and spreads the work; without Redis it sweeps by itself."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypedDict
from uuid import UUID

import httpx
from arq import Worker, cron, func
from arq.connections import ArqRedis, RedisSettings, create_pool
from fastapi import FastAPI
from redis.exceptions import RedisError

from collector.config import Settings
from collector.delivery.channel import Channel
from collector.delivery.channels import Outfit, TicketReceiver, open_channels
from collector.delivery.outlets import OpenChannels
from collector.delivery.remotes import StoredRemotes
from collector.delivery.watchdog import Watchdog
from collector.delivery.written import Templates
from collector.evaluate import weigh_arrivals
from collector.health import health_routes, vital
from collector.logs import logger
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import Book
from collector.problems import install_problem_handlers
from collector.store.arrivals import lasting_shortfall
from collector.store.connect import AWAY, Pool, Role, open_pool
from collector.store.dead_letters import Queue, queues
from collector.store.overdue import overdue_steps
from collector.sweep import Engine

# Alarms never depend on Redis: after this long without a tick the worker sweeps by itself.
TICK_MISSED = timedelta(seconds=5)
SWEEP_EVERY_S = 1.0
REDIS_RETRY_S = 2.0
HOUSE_EVERY_S = 3_600.0
HOUSE_RETRY_S = 60.0
JOB_TIMEOUT_S = 60
QUEUE = "vigie"
# Each channel limits its own: with a limit for all, receivers that hang would keep the others waiting for a connection.
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=100)

Step = Callable[[], Awaitable[None]]

_log = logger("worker")


class Ticks:
    """When Redis last ticked here."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def came(self) -> None:
        self._last = time.monotonic()

    @property
    def missing(self) -> bool:
        return time.monotonic() - self._last > TICK_MISSED.total_seconds()


async def tick(ctx: dict[str, Any]) -> None:
    """Every second, on one worker: claim who wants judging, and spread them over all."""
    engine: Engine = ctx["engine"]
    redis: ArqRedis = ctx["redis"]
    ctx["ticks"].came()
    engine.metrics.sweeps.labels(by="tick").inc()
    for chunk in await engine.claim():
        await redis.enqueue_job("judge", [str(practice_id) for practice_id in chunk])
    engine.swept()


async def judge(ctx: dict[str, Any], practice_ids: list[str]) -> None:
    ctx["ticks"].came()
    await ctx["engine"].judge([UUID(practice_id) for practice_id in practice_ids])


def to_json(job: dict[str, Any]) -> bytes:
    """Never pickle: it would run what somebody puts into Redis."""
    return json.dumps(job).encode()


async def connect_redis(url: str) -> ArqRedis:
    return await create_pool(
        RedisSettings.from_dsn(url), job_serializer=to_json, job_deserializer=json.loads, default_queue_name=QUEUE
    )


def arq_worker(redis: ArqRedis, engine: Engine, ticks: Ticks) -> Worker:
    """Results are not kept: a kept one would block the next job of its id."""
    return Worker(
        functions=[func(judge, name="judge")],
        cron_jobs=[cron(tick, second=set(range(60)), keep_result=0, max_tries=1)],
        redis_pool=redis,
        queue_name=QUEUE,
        ctx={"engine": engine, "ticks": ticks},
        handle_signals=False,
        poll_delay=0.1,
        job_timeout=JOB_TIMEOUT_S,
        keep_result=0,
        max_tries=1,  # the claims of a lost job run out, and the next tick takes them again
        job_serializer=to_json,
        job_deserializer=json.loads,
    )


async def run_arq(redis_url: str, engine: Engine, ticks: Ticks) -> None:
    """Keep an arq worker running: it exits when Redis goes away (arq #435), and must come back with it."""
    while True:
        try:
            redis = await connect_redis(redis_url)
            try:
                await _run_until_redis_goes(arq_worker(redis, engine, ticks))
            finally:
                await redis.aclose(close_connection_pool=True)
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("redis is away", error=type(error).__name__)
        await asyncio.sleep(REDIS_RETRY_S)


async def _run_until_redis_goes(worker: Worker) -> None:
    try:
        await worker.async_run()
    finally:
        task = asyncio.current_task()
        with suppress(RedisError, OSError):
            try:
                await worker.close()
            except asyncio.CancelledError:  # of the jobs that it ends; our own must pass
                if task is None or task.cancelling():
                    raise


async def sweep_alone(engine: Engine, ticks: Ticks | None) -> None:
    """Do a tick's work by ourselves while no tick comes; always, where there is no Redis."""

    async def sweep() -> None:
        engine.metrics.sweeps.labels(by="itself").inc()
        await engine.sweep()

    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        if ticks is None or ticks.missing:
            await _go_on("sweep", engine, sweep)


async def send_on(engine: Engine) -> None:
    """Empty the outbox as it fills, with Redis or without: every worker looks, and claims share the work."""
    try:
        while True:
            await _go_on("deliver", engine, engine.outlets.send_off)
            await engine.outlets.stirred(SWEEP_EVERY_S)
    finally:
        await engine.outlets.close()


async def keep_house(engine: Engine) -> None:
    while True:
        done = await _go_on("keep_house", engine, engine.keep_house)
        await asyncio.sleep(HOUSE_EVERY_S if done else HOUSE_RETRY_S)


async def _go_on(step: str, engine: Engine, do: Step) -> bool:
    """A loop that must go on: what a step raises is logged and counted. Whether it was done."""
    try:
        await do()
    except AWAY as error:
        _log.warning("the store is away", step=step, error=type(error).__name__)
    except Exception:  # noqa: BLE001 - the loop must go on
        _log.exception("a step failed", step=step)
    else:
        return True
    engine.metrics.failed.labels(step=step).inc()
    return False


class _State(TypedDict):
    pool: Pool


def create_app(settings: Settings) -> FastAPI:
    """Health and metrics of a worker that runs as long as the application does."""
    registry = new_registry()
    metrics = WorkerMetrics(registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[_State]:
        async with _work(settings, metrics) as pool:
            yield {"pool": pool}

    app = FastAPI(title="Vigie worker", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    app.include_router(health_routes(registry, partial(_measure, metrics)))
    return app


async def _measure(metrics: WorkerMetrics, pool: Pool) -> None:
    """What the store says at scrape, so that no gauge can go stale."""
    now = datetime.now(UTC)
    for by_name in (metrics.waiting, metrics.waiting_seconds, metrics.dead, metrics.overdue):
        by_name.clear()
    try:
        async with pool.acquire() as conn:
            _measure_outbox(metrics, await queues(conn), now)
            for late in await overdue_steps(conn, None, now):
                metrics.overdue.labels(step=late.step).set(late.count)
            arrivals = await weigh_arrivals(conn, now)
            metrics.arrivals_expected.set(arrivals.owed.per_second)
            metrics.arrivals.set(arrivals.per_second)
            metrics.shortfall.set(await lasting_shortfall(conn) is not None)
    except AWAY:
        for gauge in (metrics.unsent, metrics.arrivals_expected, metrics.arrivals, metrics.shortfall):
            gauge.set(float("nan"))


def _measure_outbox(metrics: WorkerMetrics, found: Sequence[Queue], now: datetime) -> None:
    metrics.unsent.set(sum(one.waiting for one in found))
    for one in found:
        metrics.waiting.labels(channel=one.channel).set(one.waiting)
        age = (now - one.oldest_at).total_seconds() if one.oldest_at else 0.0
        metrics.waiting_seconds.labels(channel=one.channel).set(max(age, 0.0))
        metrics.dead.labels(channel=one.channel).set(one.dead)


@asynccontextmanager
async def _work(settings: Settings, metrics: WorkerMetrics) -> AsyncIterator[Pool]:
    async with (
        open_pool(settings.database_url.get_secret_value(), Role.WORKER, settings.database_pool) as pool,
        httpx.AsyncClient(limits=CONNECTIONS) as client,
        asyncio.TaskGroup() as tasks,
    ):
        watchdog = Watchdog(pool, client, str(settings.watchdog_url) if settings.watchdog_url else None, metrics)
        engine = Engine(pool, (), metrics, _opener(settings, client, pool, metrics), watchdog)
        ticks = Ticks() if settings.redis_url else None
        loops = [
            tasks.create_task(vital(sweep_alone(engine, ticks), "sweep")),
            tasks.create_task(vital(send_on(engine), "deliver")),
            tasks.create_task(vital(keep_house(engine), "house")),
        ]
        if settings.redis_url and ticks:
            loops.append(tasks.create_task(vital(run_arq(str(settings.redis_url), engine, ticks), "arq")))
        yield pool
        for loop in loops:
            loop.cancel()
        await watchdog.close()


def _opener(settings: Settings, client: httpx.AsyncClient, pool: Pool, metrics: WorkerMetrics) -> OpenChannels:
    """Opens what the book says, beside the receiver of tickets that the settings name."""
    receiver = TicketReceiver.of(settings.ticket_webhook_url, settings.ticket_webhook_secret, settings.ticket_timeout)
    templates = Templates(settings.templates, lambda name: metrics.template_failures.labels(template=name).inc())
    outfit = partial(Outfit, client, StoredRemotes(pool), str(settings.public_url), templates=templates)

    def opened(book: Book) -> Mapping[str, Channel]:
        channels = open_channels(book, outfit(zone=book.zone), receiver)
        if not channels:
            _log.warning("no channel is open: incidents are shown and nobody is told")
        return channels

    return opened
