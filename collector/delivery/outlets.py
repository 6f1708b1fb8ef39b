"""The ways out of the book in force, each with its carriers; opened anew when what is said of them changes."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from collector.delivery.alertmanager import Alertmanager
from collector.delivery.channel import Channel
from collector.delivery.channels import open_polls
from collector.delivery.drain import GIVE_UP_AFTER, Carrier, Lane
from collector.delivery.polling import Poll, Polls
from collector.delivery.resending import Resends
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.model.book import Book
from collector.model.campaign import PROVIDER
from collector.model.channels import ChannelSpec
from collector.secrets import held
from collector.store.connect import AWAY, Pool
from collector.store.dead_letters import any_held
from collector.store.escalation import load_book, newest_book_version
from collector.store.outbox import bury_old
from collector.store.wakes import wake_practice

# A secret that was missing may have been put there since, and any may be another by now.
OPEN_AGAIN_S = 60.0
BURY_EVERY_S = 60.0

OpenChannels = Callable[[Book], Mapping[str, Channel]]

_log = logger("delivery")


def always(channels: Iterable[Channel]) -> OpenChannels:
    """These, whatever the book says."""
    opened = {one.name: one for one in channels}
    return lambda _: opened


class _Said(NamedTuple):
    """What a channel was opened by; one of the settings has no spec. Times are told in the provider's zone."""

    spec: ChannelSpec | None
    zone: str
    secrets: tuple[str | None, ...]


def _said_of(name: str, book: Book) -> _Said:
    spec = book.channels.get(name)
    return _Said(spec, book.zone, held(spec.secrets) if spec else ())


class Outlets:
    """Messages for a channel that is not there, or cannot be opened, wait, and are given up after a day.

    Ticket systems that tell nothing by themselves are asked as often as the book says; Alertmanagers are told again.
    """

    def __init__(self, pool: Pool, metrics: WorkerMetrics, open_channels: OpenChannels) -> None:
        self._pool = pool
        self._metrics = metrics
        self._open_channels = open_channels
        self._book: Book | None = None
        self._looked = self._buried = -float("inf")
        self._said: dict[str, _Said] = {}
        self._carriers: dict[str, list[Carrier]] = {}
        self._leaving: list[Carrier] = []
        self._under_way: dict[Carrier, asyncio.Task[int]] = {}
        self._stirred = asyncio.Event()
        self._asking = Polls(pool, metrics)
        self._polls: list[Poll] = []
        self._resending = Resends(pool, metrics)
        self._alertmanagers: list[Alertmanager] = []

    @property
    def names(self) -> list[str]:
        """Of every channel that is configured, whether it could be opened or not."""
        return sorted({*self._carriers, *(self._book.channels if self._book else ())})

    def stir(self) -> None:
        """Messages were posted here."""
        self._stirred.set()
        for carrier in self._every():
            carrier.stir()

    async def stirred(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._stirred.wait()
        except TimeoutError:
            return
        self._stirred.clear()

    async def send_off(self) -> None:
        """Begin to empty the outbox, and wait for nobody: a receiver that hangs holds up nothing else."""
        try:
            await self._follow_the_book()
        finally:  # whatever is wrong with a new one, what the last one opened goes on
            self._carry_on()
            self._asking.begin(self._polls)
            self._resending.begin(self._alertmanagers)
        if time.monotonic() - self._buried >= BURY_EVERY_S:
            await self._bury_old()

    def _carry_on(self) -> None:
        self._leaving = [one for one in self._leaving if one.is_busy]
        for carrier in self._every():
            if carrier not in self._under_way:
                self._begin(carrier)

    async def deliver(self) -> int:
        """Empty the outbox as far as it can be now; how many messages were taken."""
        await self.send_off()
        return sum(await asyncio.gather(*self._under_way.values()))

    async def close(self) -> None:
        """Nothing more is taken; what cannot be ended or written down now runs out with its claim."""
        await self._asking.close()
        await self._resending.close()
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        for ended in await asyncio.gather(*(one.close() for one in self._every()), return_exceptions=True):
            if isinstance(ended, Exception):
                _log.warning("what came back could not be written down", error=type(ended).__name__)

    def _every(self) -> list[Carrier]:
        return [*(one for carriers in self._carriers.values() for one in carriers), *self._leaving]

    def _begin(self, carrier: Carrier) -> None:
        task = asyncio.create_task(self._carry(carrier))
        self._under_way[carrier] = task
        task.add_done_callback(lambda _: self._under_way.pop(carrier, None))

    async def _carry(self, carrier: Carrier) -> int:
        try:
            return await carrier.carry()
        except AWAY as error:
            _log.warning("the store is away", step="deliver", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the other channels must go on
            _log.exception("a channel's messages could not be carried", channel=carrier.lane.channel.name)
        self._metrics.failed.labels(step="deliver").inc()
        return 0

    async def _follow_the_book(self) -> None:
        async with self._pool.acquire() as conn:
            version = await newest_book_version(conn)
            changed = self._book is None or self._book.version != version
            book = await load_book(conn, version) if changed or self._book is None else self._book
        if changed or (time.monotonic() - self._looked >= OPEN_AGAIN_S and self._has_turned(book)):
            self._open(book)
            self._book = book

    def _has_turned(self, book: Book) -> bool:
        """Whether a channel that could not be opened may be by now, or one's secret is another."""
        self._looked = time.monotonic()
        if book.channels.keys() - self._carriers.keys():
            return True
        return any(said != _said_of(name, book) for name, said in self._said.items())

    def _open(self, book: Book) -> None:
        """What has not changed keeps its carriers, and what they know of their receivers."""
        self._looked = time.monotonic()
        before = {name: _said_of(name, book) for name in book.channels}  # first: what turns meanwhile is seen next time
        opened = self._open_channels(book)
        said = {name: before.get(name) or _said_of(name, book) for name in opened}
        for name in list(self._carriers):
            if self._said[name] != said.get(name):
                self._retire(name)
        for name, channel in opened.items():
            if name not in self._carriers:
                self._take_up(channel, said[name])
        self._polls = list(open_polls(book, opened))
        self._alertmanagers = [one for one in opened.values() if isinstance(one, Alertmanager)]

    def _take_up(self, channel: Channel, said: _Said) -> None:
        lanes = Lane.of(channel, said.spec.rate if said.spec else None)
        self._said[channel.name] = said
        self._carriers[channel.name] = [Carrier(self._pool, lane, self._metrics) for lane in lanes]
        self._metrics.breaker_open.labels(channel=channel.name).set(0)

    def _retire(self, name: str) -> None:
        """What is under way there comes to its end."""
        del self._said[name]
        for carrier in self._carriers.pop(name):
            carrier.retire()
            self._leaving.append(carrier)
        self._metrics.breaker_open.remove(name)

    async def _bury_old(self) -> None:
        """What waited for a day in vain is given up, also where no channel is there; what waits for long is told of."""
        self._buried = time.monotonic()
        now = datetime.now(UTC)
        taking = [name for name, carriers in self._carriers.items() if all(one.takes for one in carriers)]
        async with self._pool.acquire() as conn, conn.transaction():
            buried = await bury_old(conn, now, now - GIVE_UP_AFTER, taking)
            if buried or await any_held(conn, now):
                await wake_practice(conn, PROVIDER, now)
        for name in sorted(set(buried)):
            self._metrics.deliveries.labels(channel=name, outcome="dead").inc(buried.count(name))
            _log.error("messages were given up", channel=name, messages=buried.count(name))
