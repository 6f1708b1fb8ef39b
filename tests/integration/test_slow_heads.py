"""A client that does not come to the point: its connection is closed, and those of others are not."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from collector.cli import patience
from collector.cli.processes import serving

PATIENCE_S = 15.0
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """An application served as every process of ours is, but for less patience."""
    monkeypatch.setattr(patience, "HEAD_S", 0.3)
    server = uvicorn.Server(serving(PlainTextResponse("here"), "127.0.0.1"))
    server.config.timeout_keep_alive = 60  # so that nothing but our own timer closes
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await running


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET", id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\n", id="no end of the head"),
        pytest.param(HEAD + b"GET / HTTP/1.1\r\n", id="a second request that does not go on"),
    ],
)
async def test_a_head_that_does_not_end_closes_its_connection(url: str, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    writer.write(said)
    async with asyncio.timeout(PATIENCE_S):
        told = await reader.read()  # until the other end closes
    assert told.count(b"200 OK") == said.count(HEAD)
    writer.close()


async def test_a_connection_whose_requests_are_whole_stays(url: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    for _ in range(3):
        writer.write(HEAD)
        async with asyncio.timeout(PATIENCE_S):
            assert b"200 OK" in await reader.readuntil(b"here")
        await asyncio.sleep(2 * patience.HEAD_S)
    assert not reader.at_eof()
    writer.close()
