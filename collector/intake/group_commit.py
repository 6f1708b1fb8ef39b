"""Concurrent heartbeats share a commit; nobody is answered before it."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from collector.logs import logger
from collector.metrics import IntakeMetrics
from collector.store.connect import AWAY, Pool, StoreAwayError, UnstorableError
from collector.store.intake import Arrival, Identity, append

# Two lanes: while one waits for the disk, the other gathers and sends.
LANES = 2
MOST_IN_COMMIT = 1_000
# In flight at once: at a commit rate of thousands a second each of them is served in well under a second.
MOST_REQUESTS = 256
MOST_BYTES = 16 * 1024 * 1024
# A commit that takes longer is given up, and whoever waits is told before agents give up themselves: theirs and the one
# before it. What was committed all the same is recognised when it is sent again.
PATIENCE_S = 8.0

Received = Mapping[Identity, datetime]
_log = logger("intake")


class OverloadedError(Exception):
    """More waits for a commit than may wait."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    size: int
    stored: asyncio.Future[Received]


class GroupCommit:
    """A bounded queue of arrivals and the lanes that commit them.

    1. A lane takes whatever waits, at once when idle: batches grow with the load, without a fixed delay.
    2. It appends them all in one statement, and answers each waiter after the commit.
    3. If the statement is refused, each waiter's arrivals are tried alone: one bad row sinks no neighbour.

    `committed` counts heartbeats since the start. Whatever is queued or in a commit counts against the bounds: by
    requests, so that those let in are served soon, by heartbeats and by bytes, so that memory is bounded.
    """

    def __init__(self, pool: Pool, metrics: IntakeMetrics, queue: int) -> None:
        self._pool = pool
        self._metrics = metrics
        self._queue = queue
        self._waiting: deque[_Waiting] = deque()
        self._wanted = asyncio.Event()
        self._requests = self._heartbeats = self._bytes = 0
        self.committed = 0

    @property
    def full(self) -> bool:
        """Whether to turn requests away unread; `store` may still refuse one that is let in."""
        return self._requests >= MOST_REQUESTS or self._heartbeats >= self._queue or self._bytes >= MOST_BYTES

    async def store(self, arrivals: Sequence[Arrival]) -> Received:
        """When each was first received, once they are committed. Raises OverloadedError or StoreAwayError."""
        size = sum(len(section.body) for arrival in arrivals for section in arrival.sections)
        if self.full or (self._requests and self._beyond(len(arrivals), size)):
            raise OverloadedError
        waiting = _Waiting(arrivals, size, asyncio.get_running_loop().create_future())
        self._count(waiting, 1)
        self._waiting.append(waiting)
        self._wanted.set()
        return await waiting.stored

    def _beyond(self, heartbeats: int, size: int) -> bool:
        return self._heartbeats + heartbeats > self._queue or self._bytes + size > MOST_BYTES

    def _count(self, waiting: _Waiting, sign: int) -> None:
        self._requests += sign
        self._heartbeats += sign * len(waiting.arrivals)
        self._bytes += sign * waiting.size

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while True:
            while not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            group = self._take()
            await self._commit(group)
            for waiting in group:
                self._count(waiting, -1)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        room = MOST_IN_COMMIT
        while self._waiting and (not group or len(self._waiting[0].arrivals) <= room):
            group.append(self._waiting.popleft())
            room -= len(group[-1].arrivals)
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            received = await self._append([arrival for waiting in group for arrival in waiting.arrivals])
        except AWAY as error:
            _log.warning("the store is away", error=type(error).__name__)
            _fail(group, StoreAwayError("the database does not answer"))
        except asyncpg.PostgresError as error:
            await self._commit_each(group, error)
        except Exception:  # noqa: BLE001 - the lane must go on, and nobody may wait for ever
            _log.exception("a commit failed")
            _fail(group, StoreAwayError("the commit failed"))
        else:
            for waiting in group:
                if not waiting.stored.done():
                    waiting.stored.set_result(received)

    async def _commit_each(self, group: list[_Waiting], error: asyncpg.PostgresError) -> None:
        if len(group) == 1:
            _log.error("the store refused a request", error=type(error).__name__, sqlstate=error.sqlstate)
            refused_for_good = isinstance(error, asyncpg.DataError)
            _fail(group, UnstorableError() if refused_for_good else StoreAwayError())
            return
        for waiting in group:
            await self._commit([waiting])

    async def _append(self, arrivals: list[Arrival]) -> Received:
        once = {arrival.identity: arrival for arrival in reversed(arrivals)}  # the first of a twin counts
        self._metrics.commit_heartbeats.observe(len(once))
        with self._metrics.commit_seconds.time():
            async with asyncio.timeout(PATIENCE_S), self._pool.acquire() as conn:
                received = await append(conn, list(once.values()))
        fresh = (one for key, one in once.items() if one.beat and received[key] == one.received_at)
        self.committed += sum(1 for _ in fresh)
        return received


def _fail(group: list[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.stored.done():
            waiting.stored.set_exception(error)
