"""A client that does not come to the point: its connection is closed, and those of others are not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

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
    monkeypatch.setattr(patience, "WHOLE_S", 0.6)
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


BODY = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1000000000\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_what_drips_in_behind_an_answer_holds_no_connection(url: str) -> None:
    """The answer does not wait for the body, and uvicorn itself would wait for its end for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    writer.write(BODY)
    async with asyncio.timeout(PATIENCE_S):
        assert b"200 OK" in await reader.readuntil(b"here")
        writer.write(b"x")  # ends uvicorn's own patience with an idle connection
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"GET /", id="an address"),
        pytest.param(b"GET / HTTP/1.1\r\nX: ", id="a header"),
        pytest.param(CHUNKED + b"0\r\nX: ", id="a trailer"),
        pytest.param(CHUNKED + b"5;", id="an extension of a chunk"),
    ],
)
async def test_what_never_ends_is_cut_off_before_it_fills_the_memory(
    url: str, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 3_600.0)
    monkeypatch.setattr(patience, "WHOLE_S", 3_600.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    writer.write(begin)
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            for _ in range(64):
                writer.write(b"x" * patience.MOST_UNHEARD)
                await writer.drain()
        with suppress(ConnectionError):
            await reader.read()
    writer.close()


async def test_a_large_body_is_no_head(url: str) -> None:
    sent = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (20 * patience.MOST_UNHEARD)
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
    writer.write(sent + b"x" * 20 * patience.MOST_UNHEARD + HEAD)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            assert b"200 OK" in await reader.readuntil(b"here")
    writer.close()
