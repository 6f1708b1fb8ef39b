"""How processes are served: who called a trusted proxy is who calls us."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from collector.cli.processes import serving


async def say_who_calls(scope: Scope, receive: Receive, send: Send) -> None:
    caller = Request(scope).client
    await PlainTextResponse(caller.host if caller else "nobody")(scope, receive, send)


@pytest.mark.parametrize(
    ("trusted", "proxy", "caller"),
    [
        ("127.0.0.1", "127.0.0.1", "192.0.2.7"),
        ("127.0.0.1", "10.0.0.9", "10.0.0.9"),
        ("127.0.0.1,10.0.0.0/24", "10.0.0.9", "192.0.2.7"),
        ("127.0.0.1, 10.0.0.0/24", "10.0.1.9", "10.0.1.9"),
    ],
)
async def test_a_forwarded_address_is_believed_of_trusted_proxies_alone(trusted: str, proxy: str, caller: str) -> None:
    config = serving(say_who_calls, trusted)
    config.load()
    transport = httpx.ASGITransport(config.loaded_app, client=(proxy, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
        answer = await client.get("/", headers={"x-forwarded-for": "203.0.113.1, 192.0.2.7"})
    assert answer.text == caller
