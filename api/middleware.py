"""What every answer of the application has in common: safe headers, a bounded body, a measured time."""

import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.pages import ErrorHandler
from collector.metrics import ApiMetrics
from collector.problems import ProblemError, problem

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
    """Refuses what is longer than anything we ask for, before it is read where its length is announced.

    The answer is given here: routes take whatever is raised while they read for a body that cannot be parsed.
    """

    def __init__(self, app: ASGIApp, refuse: ErrorHandler) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _announced(scope) > MOST_BODY:
            await self._answer(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts what comes; once it is too much, whatever the application has not begun to say is left out."""
        counted, begun = 0, False

        async def receive_bounded() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > MOST_BODY:
                raise _too_long()
            return message

        async def send_unless_over(message: Message) -> None:
            nonlocal begun
            if begun or counted <= MOST_BODY:
                begun = True
                await send(message)

        await self._app(scope, receive_bounded, send_unless_over)
        if counted > MOST_BODY and not begun:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._refuse(Request(scope), _too_long())
        await answer(scope, receive, send)


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _too_long() -> ProblemError:
    return problem(413, "too_long", "The body is too long", f"Send at most {MOST_BODY} bytes.")


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
