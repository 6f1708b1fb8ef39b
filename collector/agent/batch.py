"""A piece of the backlog as one request body, compressed while it is read: memory does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .heartbeat import encode

if TYPE_CHECKING:
    from .spool import Spool
    from .wire import Heartbeat

LARGEST_COUNT = 1_000  # source: DESIGN, "The heartbeat, version 1"
LARGEST_BYTES = 8 * 1024 * 1024 - 64 * 1024  # before gzip; the same, less room for brackets, commas and `queued`
_GZIP = 16 + 15  # zlib's way to say gzip with the largest window


class Batch(NamedTuple):
    """`names` are files in the spool by heartbeat id, oldest first."""

    names: dict[str, str]
    body: bytes
    gzipped: bool


def next_batch(spool: Spool, limit: int) -> Batch | None:
    """The oldest that wait, or None when none do. `queued` is true of the moment of sending."""
    waiting = spool.waiting()
    names, behind = _pick(spool, waiting, limit)
    if not names:
        return None
    queued = range(behind + len(names) - 1, behind - 1, -1)
    if len(names) == 1:
        return Batch(names, _stamped(spool, next(iter(names.values())), behind), gzipped=False)
    return Batch(names, _compressed(spool, list(names.values()), queued), gzipped=True)


def _pick(spool: Spool, waiting: list[str], limit: int) -> tuple[dict[str, str], int]:
    """Ids and files of what fits, and how many wait behind them. Nothing is kept in memory but names."""
    names: dict[str, str] = {}
    size = 0
    for position, name in enumerate(waiting):
        heartbeat = spool.read(name) if len(names) < limit else None
        size += len(encode(heartbeat)) if heartbeat else 0
        if len(names) == limit or (names and size > LARGEST_BYTES):
            return names, len(waiting) - position
        if heartbeat:
            names[heartbeat["id"]] = name
    return names, 0


def _compressed(spool: Spool, names: list[str], queued: range) -> bytes:
    import zlib

    gzip = zlib.compressobj(wbits=_GZIP)
    pieces = [gzip.compress(b"[")]
    for position, name in enumerate(names):
        pieces.append(gzip.compress((b"," if position else b"") + _stamped(spool, name, queued[position])))
    return b"".join([*pieces, gzip.compress(b"]"), gzip.flush()])


def _stamped(spool: Spool, name: str, queued: int) -> bytes:
    """The heartbeat as it was written, with the length of the queue as it is now."""
    heartbeat: Heartbeat | None = spool.read(name)
    if heartbeat is None:
        raise OSError(f"{name} changed while it was read")
    heartbeat["queued"] = queued
    return encode(heartbeat)
