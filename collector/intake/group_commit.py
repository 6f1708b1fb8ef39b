"""Concurrent heartbeats share a commit; nobody is answered before it."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from collector.logs import logger
from collector.metrics import IntakeMetrics
from collector.store.connect import AWAY, Pool, StoreAwayError, UnstorableError, borrowed
from collector.store.intake import Arrival, Identity, append

MOST_IN_COMMIT = 1_000
# Heartbeats of a request that does not wait behind larger ones.
SMALL = 20
# In flight at once: at a commit rate of thousands a second each of them is served in well under a second.
MOST_REQUESTS = 256
MOST_BYTES = 16 * 1024 * 1024
# A commit that takes longer is given up, and whoever waits is told before agents give up themselves: theirs and the one
# before it. What was committed all the same is recognised when it is sent again.
PATIENCE_S = 8.0

# When what had been stored before was first received; nothing of what is new: that is nearly all.
Resent = Mapping[Identity, datetime]
_log = logger("intake")


class OverloadedError(Exception):
    """More waits for a commit than may wait."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrivals: Sequence[Arrival]
    size: int
    stored: asyncio.Future[Resent]

    @property
    def small(self) -> bool:
        return len(self.arrivals) <= SMALL


class GroupCommit:
    """A bounded queue of arrivals and the lanes that commit them.

    1. A lane takes whatever waits, at once when idle: what shares a commit grows with the load, without a fixed delay.
       While one waits for the disk, the other gathers and sends. One looks for small requests first, the other for
       large ones: a machine's sign of life does not wait behind another's backlog, nor the backlog for ever.
    2. It appends them all in one statement, and answers each waiter after the commit.
    3. If the statement is refused, each waiter's arrivals are tried alone: one bad row sinks no neighbour.

    Bounds hold for what is queued or in a commit: `queue` heartbeats in large requests, and requests and bytes of all.
    """

    def __init__(self, pool: Pool, metrics: IntakeMetrics, queue: int) -> None:
        self._pool = pool
        self._metrics = metrics
        self._queue = queue
        self._small: deque[_Waiting] = deque()
        self._large: deque[_Waiting] = deque()
        self._wanted = asyncio.Event()
        self._requests = self._bytes = self._in_large = 0
        self.committed = 0  # heartbeats, since the start

    @property
    def full(self) -> bool:
        """Whether to turn requests away unread; `store` may still refuse one that is let in."""
        return self._requests >= MOST_REQUESTS or self._bytes >= MOST_BYTES

    @property
    def full_of_large(self) -> bool:
        """Whether a large request need not be parsed."""
        return self.full or self._in_large >= self._queue

    async def store(self, arrivals: Sequence[Arrival]) -> Resent:
        """Returns once they are committed. Raises OverloadedError, UnstorableError or StoreAwayError."""
        size = sum(len(section.body) for arrival in arrivals for section in arrival.sections)
        waiting = _Waiting(arrivals, size, asyncio.get_running_loop().create_future())
        if self.full or (self._requests and not self._has_room(waiting)):
            raise OverloadedError
        self._count(waiting, 1)
        (self._small if waiting.small else self._large).append(waiting)
        self._wanted.set()
        return await waiting.stored

    def _has_room(self, waiting: _Waiting) -> bool:
        if self._bytes + waiting.size > MOST_BYTES:
            return False
        return waiting.small or self._in_large + len(waiting.arrivals) <= self._queue

    def _count(self, waiting: _Waiting, sign: int) -> None:
        self._requests += sign
        self._bytes += sign * waiting.size
        self._in_large += 0 if waiting.small else sign * len(waiting.arrivals)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._lane(self._small, self._large))
            lanes.create_task(self._lane(self._large, self._small))

    async def _lane(self, first: deque[_Waiting], second: deque[_Waiting]) -> None:
        while True:
            while not (first or second):
                self._wanted.clear()
                await self._wanted.wait()
            group = _taken(first) or _taken(second)
            await self._commit(group)
            for waiting in group:
                self._count(waiting, -1)

    async def _commit(self, group: list[_Waiting]) -> bool:
        """Whether the store answered at all."""
        try:
            resent = await self._append([arrival for waiting in group for arrival in waiting.arrivals])
        except AWAY as error:
            _log.warning("the store is away", error=type(error).__name__)
            _fail(group, StoreAwayError("the database does not answer"))
            return False
        except asyncpg.PostgresError as error:
            await self._commit_each(group, error)
        except Exception:  # noqa: BLE001 - the lane must go on, and nobody may wait for ever
            _log.exception("a commit failed")
            _fail(group, StoreAwayError("the commit failed"))
        else:
            for waiting in group:
                if not waiting.stored.done():
                    waiting.stored.set_result(resent)
        return True

    async def _commit_each(self, group: list[_Waiting], error: asyncpg.PostgresError) -> None:
        if len(group) == 1:
            _log.error("the store refused a request", error=type(error).__name__, sqlstate=error.sqlstate)
            refused_for_good = isinstance(error, asyncpg.DataError)
            _fail(group, UnstorableError() if refused_for_good else StoreAwayError())
            return
        for number, waiting in enumerate(group, 1):
            if not await self._commit([waiting]):
                _fail(group[number:], StoreAwayError("the database does not answer"))
                return

    async def _append(self, arrivals: list[Arrival]) -> Resent:
        once = {arrival.identity: arrival for arrival in reversed(arrivals)}  # the first of a twin counts
        self._metrics.commit_heartbeats.observe(len(once))
        with self._metrics.commit_seconds.time():
            async with asyncio.timeout(PATIENCE_S), borrowed(self._pool) as conn:
                resent = await append(conn, list(once.values()))
        stored = sum(one.beat is not None for one in once.values())
        self.committed += stored - sum(once[key].beat is not None for key in resent)
        if len(once) == len(arrivals):
            return resent
        return {one.identity: once[one.identity].received_at for one in arrivals} | resent


def _taken(queue: deque[_Waiting]) -> list[_Waiting]:
    """The last one may go beyond what a commit should hold: whatever its size, it must fit some time."""
    taken: list[_Waiting] = []
    room = MOST_IN_COMMIT
    while queue and room > 0:
        taken.append(queue.popleft())
        room -= len(taken[-1].arrivals)
    return taken


def _fail(group: list[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.stored.done():
            waiting.stored.set_exception(error)
