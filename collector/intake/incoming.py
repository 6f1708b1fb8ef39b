"""Bodies as they come in: piece by piece, within their time, and within what all of them may hold."""

import asyncio
from uuid import UUID

from starlette.types import Receive

from collector.problems import problem

BATCH_LIMIT = 8 * 1024 * 1024
# All bodies that are being read at once; the share of one practice is one largest body.
BODIES_LIMIT = 32 * 1024 * 1024
SMALL_BODY = 8 * 1024  # uvicorn buffers more of every connection
# Seconds without a byte, and for the whole body: a largest one, gzipped, through a practice's slow uplink.
IDLE_S = 10.0
WHOLE_S = 60.0


class TooSlowError(Exception):
    """The body did not come in time."""


class GoneError(Exception):
    """The client went away before its body's end, and has no answer yet: it will try again."""


class Bodies:
    """How much is held of bodies that are still being read, so that slow and large ones cannot fill the memory.

    Small ones are always let in: a machine's sign of life is not refused for the backlogs of others.
    """

    def __init__(self, limit: int = BODIES_LIMIT) -> None:
        self._limit = limit
        self.held = 0
        self._shares: dict[UUID, int] = {}

    def hold(self, practice_id: UUID, size: int, before: int = 0) -> None:
        """`size` more of a body of which `before` is held. Raises 503 where all hold too much, or this practice."""
        share = self._shares.get(practice_id, 0)
        too_much = self.held + size > self._limit or (share and share + size > BATCH_LIMIT)
        if too_much and before + size > SMALL_BODY:
            detail = "Too many large bodies come at once; nothing was stored. Send the same again."
            raise problem(503, "overloaded", "Too much is being sent", detail, Retry_After="2")
        self.held += size
        self._shares[practice_id] = share + size

    def release(self, practice_id: UUID, size: int) -> None:
        if not size:
            return
        self.held -= size
        left = self._shares.pop(practice_id) - size
        if left:
            self._shares[practice_id] = left


class Pieces:
    """One body's pieces in their order, each in time."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._end = asyncio.get_running_loop().time() + WHOLE_S
        self.more = True

    async def next(self) -> bytes:
        """Raises TooSlowError or GoneError."""
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + IDLE_S, self._end)):
                message = await self._receive()
        except TimeoutError:
            raise TooSlowError from None
        if message["type"] == "http.disconnect":
            raise GoneError
        self.more = bool(message.get("more_body", False))
        piece: bytes = message.get("body", b"")
        return piece


async def read_beginning(receive: Receive, limit: int, bodies: Bodies, practice_id: UUID) -> bytes:
    """At most `limit` bytes, once the whole body has come: it may be longer than anybody wants to keep.

    Raises TooSlowError or GoneError.
    """
    pieces, kept, held = Pieces(receive), bytearray(), 0
    try:
        while pieces.more:
            kept += (await pieces.next())[: limit - len(kept)]
            bodies.hold(practice_id, len(kept) - held, held)
            held = len(kept)
        return bytes(kept)
    finally:
        bodies.release(practice_id, held)
