"""Remembers what the store said for as long as it cannot have changed unheard."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from collector.intake.hearing import Hearing
from collector.store.connect import AWAY, StoreAwayError

K = TypeVar("K")
V = TypeVar("V")

LOOK_UP_S = 5.0
MOST_HELD = 20_000
MOST_ASKED = 500
_TRIES = 3


@dataclass(frozen=True)
class _Held(Generic[V]):
    value: V
    asked_at: float


class Warm(Generic[K, V]):
    """Answers to one kind of question, "there is none" among them; the least used goes first when they are too many.

    Who asks the same at once shares a look-up. `told_by` says which notices make an answer worthless.
    """

    def __init__(
        self, ask: Callable[[K], Awaitable[V]], told_by: Callable[[K, V], Collection[str]], hearing: Hearing
    ) -> None:
        self._ask = ask
        self._told_by = told_by
        self._hearing = hearing
        self._held: OrderedDict[K, _Held[V]] = OrderedDict()
        self._named: dict[str, set[K]] = {}
        self._asked: dict[K, asyncio.Task[V]] = {}
        self._told = 0
        hearing.on_forget(self.forget)

    async def get(self, key: K) -> V:
        """Without a query when it is warm. Raises StoreAwayError where the database does not say in time."""
        held = self._warm(key)
        if held is not None:
            return held.value
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= MOST_ASKED:
                raise StoreAwayError("too many look-ups wait for the database")
            asked = self._asked[key] = asyncio.create_task(self._look_up(key))
            asked.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(asked)

    def at_hand(self, key: K) -> V | None:
        """What is warm; None where nothing is, and where it is known that there is none."""
        held = self._warm(key)
        return held.value if held is not None else None

    def forget(self, told: str | None) -> None:
        """What this notice is about; None is everything. A look-up under way may have come too early: it asks again."""
        self._told += 1
        if told is None:
            self._held.clear()
            self._named.clear()
            return
        for key in tuple(self._named.get(told, ())):
            self._drop(key)

    def _warm(self, key: K) -> _Held[V] | None:
        held = self._held.get(key)
        if held is None or not self._hearing.vouches_for(held.asked_at):
            return None
        self._held.move_to_end(key)
        return held

    async def _look_up(self, key: K) -> V:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                for _ in range(_TRIES):
                    told, asked_at = self._told, time.monotonic()
                    value = await self._ask(key)
                    if told == self._told:
                        self._hold(key, _Held(value, asked_at))
                        break
                return value
        except AWAY as error:
            raise StoreAwayError("the database does not answer now") from error

    def _settle(self, key: K, done: asyncio.Task[V]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # all who waited may have gone

    def _hold(self, key: K, held: _Held[V]) -> None:
        self._drop(key)
        self._held[key] = held
        for name in self._told_by(key, held.value):
            self._named.setdefault(name, set()).add(key)
        if len(self._held) > MOST_HELD:
            self._drop(next(iter(self._held)))

    def _drop(self, key: K) -> None:
        held = self._held.pop(key, None)
        if held is None:
            return
        for name in self._told_by(key, held.value):
            keys = self._named[name]
            keys.discard(key)
            if not keys:
                del self._named[name]
