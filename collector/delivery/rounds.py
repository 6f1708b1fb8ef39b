"""What is done for each channel at an interval, beside what goes out by it: one at a time, and nobody waits for it."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial

# Of the interval; a worker that takes over from another comes that much late.
LOOK_UP_EVERY = 0.2


class Rounds:
    """Whose turn it is stands in the database; here only that it is not looked up more often than it can be."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._looked: dict[str, float] = {}

    def begin(self, channel: str, every: timedelta, go: Callable[[], Coroutine[None, None, None]]) -> None:
        now = time.monotonic()
        waited = now - self._looked.get(channel, -math.inf)
        if channel in self._under_way or waited < LOOK_UP_EVERY * every.total_seconds():
            return
        self._looked[channel] = now
        task = self._under_way[channel] = asyncio.create_task(go())
        task.add_done_callback(partial(self._over, channel))

    def _over(self, channel: str, _: asyncio.Task[None]) -> None:
        self._under_way.pop(channel, None)

    async def close(self) -> None:
        """What was under way is cut off; its turn runs out."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
