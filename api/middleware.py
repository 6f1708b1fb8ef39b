"""What every answer of the application has in common: safe headers, a bounded body, a measured time."""

import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.metrics import ApiMetrics
from collector.problems import problem

MOST_BODY = 64 * 1024  # bytes; a comment is the longest thing anyone sends here

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAFE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
    # Not `no-referrer`: with it browsers send `Origin: null`, and sign-in could not tell who posts.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC_HEADERS: Mapping[str, str] = {**SAFE_HEADERS, "Cache-Control": "no-cache"}


class SafeHeaders:
    """Set unless the route has set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _STATIC_HEADERS if scope["path"].startswith("/static/") else SAFE_HEADERS

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safe)


class BoundedBody:
    """Refuses what is longer than anything we ask for, before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        received = int(announced) if announced.isdecimal() else 0
        counted = 0

        async def receive_bounded() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if max(received, counted) > MOST_BODY:
                raise problem(413, "too_long", "The body is too long", f"Send at most {MOST_BODY} bytes.")
            return message

        await self._app(scope, receive_bounded, send)


class Measured:
    """Each request's time by its route, never by its path: a path holds ids and links."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            elapsed = time.perf_counter() - began
            self._metrics.request_seconds.labels(_route(scope), str(status)).observe(elapsed)


def _route(scope: Scope) -> str:
    if scope["path"].startswith("/static/"):
        return "/static"
    return getattr(scope.get("route"), "path", "(none)")
