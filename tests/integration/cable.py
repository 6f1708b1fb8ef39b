"""The wire between a collector and its database, to be pulled or gone dead in the middle."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536


class Cable:
    """A TCP relay. A dead connection stays open and carries nothing: what a firewall does that lost its memory."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._stranded: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        user = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{user}@127.0.0.1:{self.port}"))

    @property
    def connections(self) -> int:
        """Those that somebody holds at the near end."""
        return len(self._open)

    def die(self) -> None:
        """Nothing goes through any more, on old connections and on new ones; none is closed."""
        self._flows.clear()

    def revive(self) -> None:
        """New connections work; those that were open stay dead for ever."""
        self.strand()
        self._flows.set()

    def strand(self) -> None:
        """What is open now is dead for ever; new connections work: the server behind was replaced."""
        self._stranded |= self._open

    def cut(self) -> None:
        """Close whatever is open, as a server does that ends."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        host, port = self._target.hostname or "", self._target.port or 5432
        self._open.add(near_out)
        far_out = None
        try:
            far, far_out = await asyncio.open_connection(host, port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(near, far_out, near_out))
                tasks.create_task(self._carry(far, near_out, near_out))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(near_out)
            self._stranded.discard(near_out)
            near_out.transport.abort()
            if far_out is not None:
                far_out.transport.abort()

    async def _carry(
        self, come: asyncio.StreamReader, go: asyncio.StreamWriter, near_out: asyncio.StreamWriter
    ) -> None:
        """Raises when one end is closed, which ends the other direction too; a dead one takes and gives nothing."""
        while True:
            chunk = await come.read(_CHUNK)
            await self._flows.wait()
            if not chunk:
                raise ConnectionResetError
            if near_out not in self._stranded:
                go.write(chunk)
                await go.drain()


@asynccontextmanager
async def cable(target: str) -> AsyncIterator[Cable]:
    relay = Cable(target)
    serving: set[asyncio.Task[None]] = set()

    async def serve(near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(asyncio.CancelledError):
            await relay.serve(near, near_out)
        serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield relay
        finally:
            server.close()
            for task in list(serving):
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
