"""What every request of the collector meets first: pure ASGI, since what is turned away must cost next to nothing."""

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from collector.intake.heartbeats import PATH, Door
from collector.intake.pings import METHODS, PREFIX

# Who is told to come later is answered after this long: a client that does not heed Retry-After cannot spin.
HOLD_S = 1.0
MOST_HELD = 4_096
_LATER = (429, 503)
_ALWAYS_SERVED = ("/livez", "/readyz", "/metrics")


class Front:
    """Turns away what is too much, takes heartbeats to their door, and all else to the application.

    FastAPI documents the heartbeats' route; walking through its machinery takes as long as all else that they need.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS_SERVED:
            await self._app(scope, receive, send)
            return
        door: Door = scope["state"]["door"]
        if scope["path"].startswith(PREFIX) and scope["method"] in METHODS:
            response = await scope["state"]["pings"].answer(scope, receive)
        elif door.full:
            response = door.turn_away()
        elif scope["path"] == PATH and scope["method"] == "POST":
            response = await door.answer(scope, receive)
        else:
            await self._app(scope, receive, send)
            return
        if response.status_code in _LATER and self._held < MOST_HELD:
            await self._hold(receive)
        await response(scope, receive, send)

    async def _hold(self, receive: Receive) -> None:
        """Meanwhile whatever comes of the body is dropped; it would lie in memory."""
        self._held += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(HOLD_S):
                    while (await receive())["type"] != "http.disconnect":
                        pass
        finally:
            self._held -= 1
