"""Hears what this collector must forget, and knows up to when it has missed nothing."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from collector.logs import logger
from collector.store.connect import Connection, Line, Role, connect_as
from collector.store.notices import listen, tell

# A revocation takes effect within a second: what is remembered may be no longer behind than this.
BEHIND_S = 1.0
ECHO_EVERY_S = 0.25
# Without an echo for so long the line is taken for dead, whatever the operating system says of it.
DEAF_AFTER_S = 5.0
AGAIN_AFTER_S = 1.0
NAME = "vigie_intake hearing"

Forget = Callable[[str | None], None]
_log = logger("intake")


class Hearing:
    """Listens to PostgreSQL's notices, and proves again and again that it hears them.

    1. One connection listens. Once it does, everything is forgotten: what was told before is lost.
    2. Another says a word of our own on the same channel, four times a second. Notices come in the order of their
       commits, so when the word comes back, everything told before it was said has been heard.
    3. If it does not come back (a dead line, a pooler that carries no LISTEN), nothing is known from then on, and
       what is remembered is good for a second after it was asked for. Both connections are then made anew.

    The word goes by a connection of its own since a pooler may lend one server connection to whoever speaks: a word
    that one says to oneself would come back with the answer, and prove nothing about what others say.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._forget: list[Forget] = []
        self.heard_until = -math.inf
        self._word = ""
        self._came_back = asyncio.Event()
        self._deaf = False

    def on_forget(self, forget: Forget) -> None:
        """`forget` is called with each notice, `key:<id>` or `practice:<id>`, and with None for everything."""
        self._forget.append(forget)

    def vouches_for(self, asked_at: float) -> bool:
        """Whether what was asked for at that (monotonic) instant, and not forgotten since, is still good."""
        return time.monotonic() - max(asked_at, self.heard_until) <= BEHIND_S

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - it must go on; meanwhile keys are asked for every second
                if not self._deaf:
                    _log.warning("what changes is not heard; keys are asked for instead", error=type(error).__name__)
                self._deaf = True
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _listen(self) -> None:
        async with _line(self._url) as listener, _line(self._url) as speaker:
            await listen(listener, self._hear)
            self._tell_all(None)
            while True:
                said_at = time.monotonic()
                await self._echo(speaker)
                self.heard_until = said_at
                if self._deaf:
                    _log.info("what changes is heard again")
                    self._deaf = False
                await asyncio.sleep(ECHO_EVERY_S)

    async def _echo(self, speaker: Connection) -> None:
        """Returns when the word has come back; raises TimeoutError when it does not."""
        self._came_back.clear()
        self._word = f"echo:{uuid4()}"
        async with asyncio.timeout(DEAF_AFTER_S):
            await tell(speaker, self._word)
            await self._came_back.wait()

    def _hear(self, payload: str) -> None:
        if payload == self._word:
            self._came_back.set()
        elif not payload.startswith("echo:"):  # another collector's word
            self._tell_all(payload)

    def _tell_all(self, told: str | None) -> None:
        for forget in self._forget:
            forget(told)


@asynccontextmanager
async def _line(url: str) -> AsyncIterator[Line]:
    line = await connect_as(url, Role.INTAKE, NAME)
    try:
        yield line
    finally:
        line.terminate()
