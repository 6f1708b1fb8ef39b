"""Reads a request's body within its limits: one heartbeat, a JSON array, or NDJSON, gzipped or not."""

import zlib
from dataclasses import dataclass
from enum import StrEnum

from fastapi import Request
from starlette.requests import ClientDisconnect

from collector.problems import ProblemError, problem

SINGLE_LIMIT = 256 * 1024
BATCH_LIMIT = 8 * 1024 * 1024
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


async def read_body(request: Request) -> Body:
    """The inflated body and its shape. Raises 413 over a limit, 415 for an unknown encoding, 400 for bad gzip."""
    try:
        raw = await _read(request)
    except ClientDisconnect:
        raise problem(400, "disconnected", "The client went away", "The body did not come to its end.") from None
    shape = _shape(request.headers.get("content-type", ""), raw)
    if shape is Shape.SINGLE and len(raw) > SINGLE_LIMIT:
        raise _too_large(f"one heartbeat may have {SINGLE_LIMIT} bytes; it has {len(raw)}")
    return Body(shape, raw)


def _shape(content_type: str, raw: bytes) -> Shape:
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        return Shape.LINES
    return Shape.ARRAY if raw.lstrip(b" \t\r\n")[:1] == b"[" else Shape.SINGLE


async def _read(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise problem(415, "encoding", "Unknown content encoding", f"Content-Encoding {encoding!r}: send gzip or none.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BATCH_LIMIT:
        raise _too_large(f"a body may have {BATCH_LIMIT} bytes; Content-Length says {declared}")
    inflate = zlib.decompressobj(_WBITS_GZIP) if encoding != "identity" else None
    parts: list[bytes] = []
    size = read = 0
    async for chunk in request.stream():
        part = _inflated(inflate, chunk, BATCH_LIMIT + 1 - size) if inflate else chunk
        size += len(part)
        read += len(chunk)
        if max(size, read) > BATCH_LIMIT:
            raise _too_large(f"a body may have {BATCH_LIMIT} bytes inflated")
        parts.append(part)
        if inflate and inflate.unused_data:
            raise problem(400, "gzip", "The body is not gzip", "More follows the gzip stream; nothing was stored.")
    if inflate and not inflate.eof:
        raise problem(400, "gzip", "The body is not gzip", "The gzip stream ends too early; nothing was stored.")
    return b"".join(parts)


def _inflated(inflate: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error as error:
        raise problem(400, "gzip", "The body is not gzip", f"{error}; nothing was stored.") from None


def _too_large(detail: str) -> ProblemError:
    return problem(413, "too_large", "The body is too large", f"{detail}; send fewer heartbeats at once.")
