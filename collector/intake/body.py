"""Reads a request's body within its limits: one heartbeat, a JSON array, or NDJSON, gzipped or not."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from starlette.types import Receive

from collector.intake.incoming import BATCH_LIMIT, Bodies, GoneError, Pieces, TooSlowError
from collector.problems import ProblemError, problem

SINGLE_LIMIT = 256 * 1024
BATCH_ITEMS = 1_000

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_WBITS_GZIP = 31


class Shape(StrEnum):
    SINGLE = "single"
    ARRAY = "array"
    LINES = "lines"


@dataclass(frozen=True)
class Body:
    shape: Shape
    raw: bytes

    @cached_property
    def values(self) -> int:
        """Of its JSON, as far as bytes tell; objects and arrays count twice."""
        return sum(self.raw.count(sign) for sign in (b",", b"{", b"["))


class Reading:
    """One body as it comes in, inflated."""

    def __init__(self, headers: Mapping[str, str], receive: Receive) -> None:
        """Raises 415 for an unknown encoding, 413 for what says itself that it is too large."""
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            detail = f"Content-Encoding {encoding!r}: send gzip or none."
            raise problem(415, "encoding", "Unknown content encoding", detail)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > BATCH_LIMIT:
            raise _too_large(f"a body may have {BATCH_LIMIT} bytes; Content-Length says {declared}")
        self._type = headers.get("content-type", "")
        self._inflate = zlib.decompressobj(_WBITS_GZIP) if encoding != "identity" else None
        self._receive = receive
        self._raw = bytearray()
        self._read = 0

    @property
    def size(self) -> int:
        """What has been read of it, sent or inflated: whichever is more."""
        return max(len(self._raw), self._read)

    async def whole(self, bodies: Bodies, practice_id: UUID) -> Body:
        """Raises 413 over a limit, 400 for bad gzip and who goes away, 408 for what does not come in time."""
        try:
            raw = await self._all(bodies, practice_id)
        except TooSlowError:
            detail = "The body did not come in time; nothing was stored. Send the same again."
            raise problem(408, "too_slow", "The body comes too slowly", detail, Connection="close") from None
        except GoneError:
            raise problem(400, "disconnected", "The client went away", "The body did not come to its end.") from None
        shape = _shape(self._type, raw)
        if shape is Shape.SINGLE and len(raw) > SINGLE_LIMIT:
            raise _too_large(f"one heartbeat may have {SINGLE_LIMIT} bytes; it has {len(raw)}")
        return Body(shape, raw)

    async def _all(self, bodies: Bodies, practice_id: UUID) -> bytes:
        pieces, held = Pieces(self._receive), 0
        try:
            while pieces.more:
                self._take(await pieces.next())
                bodies.hold(practice_id, len(self._raw) - held, held)
                held = len(self._raw)
            if self._inflate and not self._inflate.eof:
                raise _bad_gzip("The gzip stream ends too early")
            return bytes(self._raw)
        finally:
            bodies.release(practice_id, held)

    def _take(self, chunk: bytes) -> None:
        self._raw += _inflated(self._inflate, chunk, BATCH_LIMIT + 1 - len(self._raw)) if self._inflate else chunk
        self._read += len(chunk)
        if self.size > BATCH_LIMIT:
            raise _too_large(f"a body may have {BATCH_LIMIT} bytes inflated")
        if self._inflate and self._inflate.unused_data:
            raise _bad_gzip("More follows the gzip stream")


def _shape(content_type: str, raw: bytes) -> Shape:
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        return Shape.LINES
    return Shape.ARRAY if raw.lstrip(b" \t\r\n")[:1] == b"[" else Shape.SINGLE


def _inflated(inflate: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error as error:
        raise _bad_gzip(str(error)) from None


def _bad_gzip(detail: str) -> ProblemError:
    return problem(400, "gzip", "The body is not gzip", f"{detail}; nothing was stored.")


def _too_large(detail: str) -> ProblemError:
    return problem(413, "too_large", "The body is too large", f"{detail}; send fewer heartbeats at once.")
