"""Sends what the outbox holds for one channel, each message once its turn has come, and puts off what fails."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from collector.delivery.breaker import Breaker, State
from collector.delivery.channel import Channel, DeliveryError, NotYetError, Telling
from collector.delivery.pace import MOST_SINGLES, Pace
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.model.campaign import PROVIDER
from collector.model.undelivered import HELD_FOR
from collector.store.channel_pace import hold_pace, spend_pace
from collector.store.connect import Connection, Pool
from collector.store.outbox import Parcel, bury, claim, gather, mark_sent, put_off, wanted_at
from collector.store.wakes import wake_practice

# A claim outlives the longest delivery by this, so that a slow one is never sent twice at once; workers' clocks may
# differ by as much.
LEASE_MARGIN = timedelta(seconds=20)
AT_ONCE = 20
MOST_GATHERED = 1_000  # in one digest, which tells the worst of them and counts the rest
# A digest that failed more than once is followed by one of a quarter, and what is taken by one of twice as many: a
# message that no receiver takes soon stands alone, and the others are told in a few dozen tries at most.
FEWER, MORE = 4, 2
LOOK_AGAIN_S = 1.0  # while deliveries are under way, what was posted meanwhile is taken as soon
LAST_MOMENT_S = 3.0  # for what is under way when we end; whoever stops us waits ten at least (`docker stop`)
FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=1)
BEHIND_ANOTHER = "waits for the message before it"

_log = logger("delivery")


@dataclass(frozen=True)
class Lane:
    """One form of a channel's messages; both forms, where it gathers none. `pace` is none where nothing limits it."""

    channel: Channel
    form: str | None
    pace: Pace | None

    @classmethod
    def of(cls, channel: Channel, rate: int | None) -> tuple["Lane", ...]:
        tickets = Pace.of_tickets(rate)
        if not isinstance(channel, Telling):
            return (cls(channel, None, tickets),)
        return (cls(channel, "ticket", tickets), cls(channel, "notice", Pace.of_notices(rate)))


@dataclass(frozen=True)
class Outcome:
    """What became of messages that went out together, and how long those wait that are tried again."""

    parcels: Sequence[Parcel]
    error: Exception | None = None
    wait: timedelta = timedelta(0)

    def late(self, now: datetime) -> list[Parcel]:
        """What is given up."""
        return [one for one in self.parcels if self._gives_up(one, now)]

    def again(self, now: datetime) -> list[Parcel]:
        return [one for one in self.parcels if not self._gives_up(one, now)]

    def _gives_up(self, parcel: Parcel, now: datetime) -> bool:
        if self.error is None:
            return False
        return _is_permanent(self.error) or now - parcel.waits_since >= GIVE_UP_AFTER


@dataclass(frozen=True)
class Load:
    """What one sender has in hand: messages of one ticket or incident in their order, or a digest."""

    parcels: Sequence[Parcel]
    digest: bool = False


class Carrier:
    """Carries one lane's messages, several at once: a slow one holds up nobody but its own successors."""

    def __init__(self, pool: Pool, lane: Lane, metrics: WorkerMetrics) -> None:
        self.lane = lane
        self.breaker = Breaker()
        self._pool = pool
        self._channel = lane.channel
        self._metrics = metrics
        self._going: set[asyncio.Task[None]] = set()
        self._back: list[Outcome] = []  # not yet written down: kept while the store is away
        self._stirred = asyncio.Event()
        self._retired = False
        self._most = MOST_GATHERED  # in the next digest
        self._woken_for: datetime | None = None

    def stir(self) -> None:
        """Something may be ready."""
        self._stirred.set()

    def retire(self) -> None:
        """Take nothing more; what is under way comes to its end."""
        self._retired = True

    @property
    def takes(self) -> bool:
        return self.breaker.state(datetime.now(UTC)) is not State.OPEN

    @property
    def is_busy(self) -> bool:
        return bool(self._going or self._back)

    async def carry(self) -> int:
        """Until nothing is ready and all are back; how many messages the receiver took.

        1. Write down what came back, and claim what is ready, in one transaction: a successor goes at once.
        2. Send each load by a sender of its own.
        3. Wait for the first that comes back, or for something to be posted.
        """
        taken = 0
        while True:
            self._stirred.clear()
            written, loads = await self._turn()
            taken += written
            for load in loads:
                task = asyncio.create_task(self._send(load))
                self._going.add(task)
                task.add_done_callback(self._landed)
            if not self.is_busy and not self._stirred.is_set():  # what was posted over the turn waits for no other
                return taken
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._stirred.wait()

    async def close(self) -> None:
        """What is under way has a moment to come back, or it may be sent twice; what came back is written down."""
        if self._going:
            await asyncio.wait(self._going, timeout=LAST_MOMENT_S)
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)
        if self._back:
            self.retire()
            await self._turn()

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._going.discard(task)
        self._stirred.set()

    async def _turn(self) -> tuple[int, list[Load]]:
        back = self._back[:]
        async with self._pool.acquire() as conn, conn.transaction():
            now = datetime.now(UTC)
            await self._write_down(conn, back, now)
            loads = await self._take(conn)
        del self._back[: len(back)]
        return sum(self._told(one, now) for one in back), loads

    async def _take(self, conn: Connection) -> list[Load]:
        """A lease begins when nothing is waited for any more, neither a connection nor the pace."""
        now = datetime.now(UTC)
        await self._wake_if_wanted(conn, now)
        room = self.breaker.room(len(self._going), AT_ONCE, now)
        if self._retired or room == 0:
            return []
        if self.lane.pace is None:
            return [Load([one]) for one in await self._claimed(conn, room, now)]
        return await self._take_at(self.lane.pace, conn, room)

    async def _wake_if_wanted(self, conn: Connection, now: datetime) -> None:
        """Who has mended a receiver and wants its messages tried at once does not wait for the end of its rest.

        Each wish counts once, and is never held against our clock: it was written down on another host.
        """
        if self.takes:
            return
        wanted = await wanted_at(conn, self._channel.name)
        if wanted and (self._woken_for is None or wanted > self._woken_for):
            self._woken_for = wanted
            self.breaker = self.breaker.woken(now)

    async def _take_at(self, pace: Pace, conn: Connection, room: int) -> list[Load]:
        """The pace is held until what it allowed is claimed, so that workers share it."""
        name = self._channel.name
        free_at = await hold_pace(conn, name)
        now = datetime.now(UTC)
        room = min(room, pace.room(free_at, now))
        if room == 0:
            return []
        if self.lane.form == "notice":
            loads = await self._gathered(conn, room, now)
        else:
            loads = [Load([one]) for one in await self._claimed(conn, room, now)]
        if loads:
            deliveries = pace.burst if loads[0].digest else sum(len(load.parcels) for load in loads)
            await spend_pace(conn, name, pace.spent(free_at, deliveries, now))
        return loads

    async def _claimed(self, conn: Connection, room: int, now: datetime) -> list[Parcel]:
        until = now + self._channel.timeout + LEASE_MARGIN
        return await claim(conn, self._channel.name, now, until, room, self.lane.form)

    async def _gathered(self, conn: Connection, room: int, now: datetime) -> list[Load]:
        """A few are told one by one, each incident's in their order; more at once."""
        until = now + self._channel.timeout * MOST_SINGLES + LEASE_MARGIN
        parcels = await gather(conn, self._channel.name, now, until, self._most)
        if len(parcels) > min(room, MOST_SINGLES):
            return [Load(parcels, digest=True)]
        by_incident = sorted(parcels, key=lambda one: (one.message.about, one.message.sequence))
        return [Load(list(chain)) for _, chain in groupby(by_incident, key=lambda one: one.message.about)]

    async def _send(self, load: Load) -> None:
        """What stands behind a message that must be tried again waits with it."""
        if load.digest:
            await self._send_digest(load.parcels)
            return
        for place, parcel in enumerate(load.parcels):
            error = await self._delivered([parcel])
            self._come_back([parcel], error)
            if error and not _is_permanent(error):
                if behind := load.parcels[place + 1 :]:
                    self._come_back(behind, NotYetError(BEHIND_ANOTHER))
                return

    async def _send_digest(self, parcels: Sequence[Parcel]) -> None:
        """One that is refused for good buries none of its messages: which of them was meant, fewer of them will show.

        Nor do they wait longer with every try, as one that fails alone: it may be another's fault.
        """
        error = await self._delivered(parcels)
        refused = error is not None and _is_permanent(error)
        if error and (refused or max(one.attempts for one in parcels) > 1):
            self._most = max(len(parcels) // FEWER, 1)
        if error and refused:
            error = NotYetError(f"{error}, to {len(parcels)} messages as one")
        self._back.append(Outcome(parcels, error, _wait(1, error) if error else timedelta(0)))

    def _come_back(self, parcels: Sequence[Parcel], error: Exception | None) -> None:
        tries = max(one.attempts for one in parcels)
        self._back.append(Outcome(parcels, error, _wait(tries, error) if error else timedelta(0)))

    async def _delivered(self, parcels: Sequence[Parcel]) -> Exception | None:
        """None once the receiver has them. The breaker learns at once, before what failed is written down."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._channel.timeout.total_seconds()):
                if len(parcels) > 1 and isinstance(self._channel, Telling):
                    await self._channel.deliver_many(parcels)
                else:
                    await self._channel.deliver(parcels[0])
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, the message is tried again later
            if not isinstance(error, (DeliveryError, TimeoutError)):
                _log.exception("a delivery raised", channel=self._channel.name)
            self._learn(parcels[0], error)
            return error
        finally:
            self._metrics.delivery_seconds.labels(channel=self._channel.name).observe(time.monotonic() - began)
        self._learn(parcels[0], None)
        return None

    def _learn(self, parcel: Parcel, error: Exception | None) -> None:
        """What is refused for good, or not ready yet, says nothing about the receiver."""
        now = datetime.now(UTC)
        if error is None:
            self.breaker, turn = self.breaker.taken()
            self._most = MOST_GATHERED if turn else min(self._most * MORE, MOST_GATHERED)
        elif _is_permanent(error) or isinstance(error, NotYetError):
            return
        else:
            wish = error.retry_after if isinstance(error, DeliveryError) else None
            self.breaker, turn = self.breaker.refused(parcel.message.about, wish, now)
        if turn is None:
            return
        name, state = self._channel.name, self.breaker.state(now)
        self._metrics.breaker_open.labels(channel=name).set(state is State.OPEN)
        rest = (self.breaker.until - now).total_seconds() if self.breaker.until else 0.0
        _log.warning(
            "a breaker turned", channel=name, state=state.value, why=turn.value, for_s=round(rest, 1),
            reason=_reason(error, self._channel) if error else None,
        )  # fmt: skip

    async def _write_down(self, conn: Connection, back: Sequence[Outcome], now: datetime) -> None:
        if sent := [parcel for one in back if one.error is None for parcel in one.parcels]:
            await mark_sent(conn, sent, now)
            if any(now - one.waits_since >= HELD_FOR for one in sent):
                await wake_practice(conn, PROVIDER, now)  # for its finding that this channel takes nothing
        for one in back:
            if one.error is None:
                continue
            if again := one.again(now):
                await put_off(conn, again, now + one.wait, _reason(one.error, self._channel))
            if late := one.late(now):
                await bury(conn, late, now, _reason(one.error, self._channel))
                await wake_practice(conn, PROVIDER, now)

    def _told(self, one: Outcome, now: datetime) -> int:
        """Log and count what is written down; how many messages the receiver took."""
        counted = self._metrics.deliveries
        name = self._channel.name
        if one.error is None:
            counted.labels(channel=name, outcome="sent").inc(len(one.parcels))
            return len(one.parcels)
        late = one.late(now)
        counted.labels(channel=name, outcome="dead").inc(len(late))
        counted.labels(channel=name, outcome="failed").inc(len(one.parcels) - len(late))
        first = one.parcels[0]
        _log.warning(
            "a delivery failed", channel=name, about=str(first.message.about), sequence=first.message.sequence,
            messages=len(one.parcels), attempts=first.attempts, reason=_reason(one.error, self._channel),
            given_up=len(late), again_in_s=round(one.wait.total_seconds(), 1),
        )  # fmt: skip
        return 0


def _is_permanent(error: Exception) -> bool:
    return isinstance(error, DeliveryError) and error.permanent


def _reason(error: Exception, channel: Channel) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {channel.timeout.total_seconds():g} s"
    return str(error) if isinstance(error, DeliveryError) else type(error).__name__


def _wait(tries: int, error: Exception) -> timedelta:
    wish = error.retry_after if isinstance(error, DeliveryError) else None
    return max(retry_delay(tries), wish or timedelta(0))


def retry_delay(attempts: int) -> timedelta:
    """Doubles from 2 s up to an hour; a fifth of jitter keeps receivers from being hit in step."""
    exponential = FIRST_RETRY * (1 << min(attempts - 1, 20))
    return min(exponential, LONGEST_RETRY) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
