"""One HTTP exchange byte by byte: what no well-behaved client can send."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

PATIENCE_S = 30.0
_HEAD = 256 * 1024


@dataclass(frozen=True)
class Answer:
    """`status` is 0 where the server closed the connection without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


SILENCE = Answer(0, {}, b"")


async def exchange(address: tuple[str, int], sent: bytes, *, cut: bool = False, source: str = "127.0.0.1") -> Answer:
    """Send and read one answer; `cut` says no more follows. Raises TimeoutError where the server hangs."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(*address, limit=_HEAD, local_addr=(source, 0))
        sending = asyncio.create_task(_send(writer, sent, cut=cut))
        try:
            return await _answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return SILENCE
        finally:
            sending.cancel()
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await sending


async def _send(writer: asyncio.StreamWriter, sent: bytes, *, cut: bool) -> None:
    """A server may answer, and close, before it has read everything: then there is nobody to say the end to."""
    with suppress(OSError):
        writer.write(sent)
        await writer.drain()
        if cut:
            writer.write_eof()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, _, fields = head.partition("\r\n")
        status = int(line.split(" ", 2)[1])
        if status >= 200:
            break
    pairs = (field.partition(":") for field in fields.split("\r\n") if field)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(status, headers, await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """The answer to HEAD names a length and has no body: the connection ends there."""
    if length := headers.get("content-length"):
        with suppress(asyncio.IncompleteReadError):
            return await reader.readexactly(int(length))
        return b""
    return await reader.read()
