"""Tells somebody outside that the watch goes on, and what it is late with: a monitor that is stuck cannot say so."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx

from collector.delivery.answers import answer
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.store.connect import AWAY, Pool
from collector.store.overdue import Overdue, overdue_steps

PING_EVERY_S = 30.0
PING_TIMEOUT = timedelta(seconds=10)

_log = logger("watchdog")


class Watchdog:
    """Audits after a sweep, at most every half minute, and pings `url` as clients of Healthchecks do.

    Whether it answers or not, no sweep waits for it. Without `url` what is overdue is logged alone. What a receiver
    that takes nothing holds is overdue as well: its incident may have no other way out than that receiver.
    """

    def __init__(self, pool: Pool, client: httpx.AsyncClient, url: str | None, metrics: WorkerMetrics) -> None:
        self._pool = pool
        self._client = client
        self._url = httpx.URL(url) if url else None
        self._metrics = metrics
        self._last: float | None = None
        self._looking: asyncio.Task[None] | None = None

    def swept(self, channels: Sequence[str]) -> None:
        """A sweep has ended; `channels` are those that messages should go out by."""
        if self._last is not None and time.monotonic() - self._last < PING_EVERY_S:
            return
        if self._looking is None or self._looking.done():
            self._last = time.monotonic()
            self._looking = asyncio.create_task(self._look(list(channels)))

    async def close(self) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self, channels: Sequence[str]) -> None:
        try:
            async with self._pool.acquire() as conn:
                overdue = await overdue_steps(conn, channels, datetime.now(UTC))
        except AWAY as error:  # no ping: that is the word
            _log.warning("the store is away", step="audit", error=type(error).__name__)
            return
        except Exception:  # noqa: BLE001 - the next audit must come
            _log.exception("the audit failed")
            self._metrics.failed.labels(step="audit").inc()
            return
        for one in overdue:
            _log.error("steps are overdue", step=one.step, count=one.count, since=one.since.isoformat())
        if self._url:
            await self._ping(self._url, overdue)

    async def _ping(self, url: httpx.URL, overdue: Sequence[Overdue]) -> None:
        """The URL is whoever knows it may ping: it is not logged."""
        target = url.copy_with(path=url.path.rstrip("/") + "/fail") if overdue else url
        try:
            async with asyncio.timeout(PING_TIMEOUT.total_seconds()):
                response = await answer(
                    self._client, "POST", target, content=told(overdue), timeout=PING_TIMEOUT.total_seconds()
                )
        except (httpx.HTTPError, TimeoutError) as error:
            self._count("unanswered", type(error).__name__)
        else:
            self._count("answered" if response.is_success else "refused", str(response.status_code))

    def _count(self, outcome: str, said: str) -> None:
        self._metrics.watchdog.labels(outcome=outcome).inc()
        if outcome != "answered":
            _log.warning("the watchdog did not take a ping", outcome=outcome, said=said)


def told(overdue: Sequence[Overdue]) -> str:
    """A line for each reason; nothing that names a practice leaves the house."""
    return "\n".join(f"{one.step}: {one.count} overdue since {one.since:%Y-%m-%dT%H:%M:%SZ}" for one in overdue)
