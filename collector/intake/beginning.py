"""Reads the beginning of a body and throws the rest away: it may be longer than anybody wants to keep."""

import asyncio
from uuid import UUID

from starlette.types import Receive

from collector.intake.body import IDLE_S, WHOLE_S, Bodies


class TooSlowError(Exception):
    """The body did not come in time."""


class GoneError(Exception):
    """The client went away before its body's end, and has no answer yet: it will try again."""


async def read_beginning(receive: Receive, limit: int, bodies: Bodies, practice_id: UUID) -> bytes:
    """At most `limit` bytes, once the whole body has come. Raises TooSlowError or GoneError."""
    end = asyncio.get_running_loop().time() + WHOLE_S
    kept = bytearray()
    more, held = True, 0
    try:
        while more:
            chunk, more = await _piece(receive, end)
            kept += chunk[: limit - len(kept)]
            bodies.hold(practice_id, len(kept) - held)
            held = len(kept)
        return bytes(kept)
    finally:
        bodies.release(practice_id, held)


async def _piece(receive: Receive, end: float) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + IDLE_S, end)):
            message = await receive()
    except TimeoutError:
        raise TooSlowError from None
    if message["type"] == "http.disconnect":
        raise GoneError
    return message.get("body", b""), bool(message.get("more_body", False))
