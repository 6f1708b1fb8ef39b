"""Reads a request's body within its limits: one heartbeat, a JSON array, or NDJSON, gzipped or not."""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from starlette.types import Receive

from collector.problems import ProblemError, problem

SINGLE_LIMIT = 256 * 1024
BATCH_LIMIT = 8 * 1024 * 1024
BATCH_ITEMS = 1_000

# All bodies that are being read at once; the share of one practice is one largest body.
BODIES_LIMIT = 32 * 1024 * 1024
# Seconds without a byte, and for the whole body: a largest one, gzipped, through a practice's slow uplink.
IDLE_S = 10.0
WHOLE_S = 60.0

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_WBITS_GZIP = 31


class Shape(StrEnum):
    SINGLE = "single"
    ARRAY = "array"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Body:
    shape: Shape
    raw: bytes


class Bodies:
    """How much is held of bodies that are still being read, so that slow and large ones cannot fill the memory."""

    def __init__(self, limit: int = BODIES_LIMIT) -> None:
        self._limit = limit
        self.held = 0
        self._shares: dict[UUID, int] = {}

    def hold(self, practice_id: UUID, size: int) -> None:
        """Raises 503 where too much is held already, by all or by this practice."""
        share = self._shares.get(practice_id, 0)
        if self.held + size > self._limit or (share and share + size > BATCH_LIMIT):
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


async def read_body(headers: Mapping[str, str], receive: Receive, bodies: Bodies, practice_id: UUID) -> Body:
    """The inflated body and its shape.

    Raises 413 over a limit, 415 for an unknown encoding, 400 for bad gzip, 408 for what does not come in time.
    """
    raw = await _Reading(headers, receive).whole(bodies, practice_id)
    shape = _shape(headers.get("content-type", ""), raw)
    if shape is Shape.SINGLE and len(raw) > SINGLE_LIMIT:
        raise _too_large(f"one heartbeat may have {SINGLE_LIMIT} bytes; it has {len(raw)}")
    return Body(shape, raw)


def _shape(content_type: str, raw: bytes) -> Shape:
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        return Shape.LINES
    return Shape.ARRAY if raw.lstrip(b" \t\r\n")[:1] == b"[" else Shape.SINGLE


class _Reading:
    """One body as it comes in."""

    def __init__(self, headers: Mapping[str, str], receive: Receive) -> None:
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            detail = f"Content-Encoding {encoding!r}: send gzip or none."
            raise problem(415, "encoding", "Unknown content encoding", detail)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > BATCH_LIMIT:
            raise _too_large(f"a body may have {BATCH_LIMIT} bytes; Content-Length says {declared}")
        self._inflate = zlib.decompressobj(_WBITS_GZIP) if encoding != "identity" else None
        self._receive = receive
        self._raw = bytearray()
        self._read = 0

    async def whole(self, bodies: Bodies, practice_id: UUID) -> bytes:
        end = asyncio.get_running_loop().time() + WHOLE_S
        more, held = True, 0
        try:
            while more:
                more = await self._piece(end)
                bodies.hold(practice_id, len(self._raw) - held)
                held = len(self._raw)
            if self._inflate and not self._inflate.eof:
                raise _bad_gzip("The gzip stream ends too early")
            return bytes(self._raw)
        finally:
            bodies.release(practice_id, held)

    async def _piece(self, end: float) -> bool:
        """Take the next piece in; whether more follow."""
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + IDLE_S, end)):
                message = await self._receive()
        except TimeoutError:
            detail = "The body did not come in time; nothing was stored. Send the same again."
            raise problem(408, "too_slow", "The body comes too slowly", detail, Connection="close") from None
        if message["type"] == "http.disconnect":
            raise problem(400, "disconnected", "The client went away", "The body did not come to its end.")
        self._take(message.get("body", b""))
        return bool(message.get("more_body", False))

    def _take(self, chunk: bytes) -> None:
        self._raw += _inflated(self._inflate, chunk, BATCH_LIMIT + 1 - len(self._raw)) if self._inflate else chunk
        self._read += len(chunk)
        if max(len(self._raw), self._read) > BATCH_LIMIT:
            raise _too_large(f"a body may have {BATCH_LIMIT} bytes inflated")
        if self._inflate and self._inflate.unused_data:
            raise _bad_gzip("More follows the gzip stream")


def _inflated(inflate: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error as error:
        raise _bad_gzip(str(error)) from None


def _bad_gzip(detail: str) -> ProblemError:
    return problem(400, "gzip", "The body is not gzip", f"{detail}; nothing was stored.")


def _too_large(detail: str) -> ProblemError:
    return problem(413, "too_large", "The body is too large", f"{detail}; send fewer heartbeats at once.")
