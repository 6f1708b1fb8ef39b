"""A piece of the backlog as one request body."""

from __future__ import annotations

import gzip
from typing import NamedTuple

from ..ground.fields import encode
from .spool import Spool

# Before gzip. The contract allows 8 MiB; it is all in memory, and proxies often end at one.
LARGEST_BYTES = 1024 * 1024


class Batch(NamedTuple):
    """`names` are files in the spool by heartbeat id, oldest first; `body` is a JSON array, gzipped."""

    names: dict[str, str]
    body: bytes


def next_batch(spool: Spool, limit: int) -> Batch | None:
    """The oldest that wait, or None when none do. `queued` is true of the moment of sending."""
    waiting = spool.waiting()
    names: dict[str, str] = {}
    pieces: list[bytes] = []
    size = 0
    for position, name in enumerate(waiting):
        heartbeat = spool.read(name)
        if heartbeat is None:
            continue
        heartbeat["queued"] = len(waiting) - position - 1
        piece = encode(heartbeat)
        size += len(piece)
        if names and (len(names) == limit or size > LARGEST_BYTES):
            break
        names[heartbeat["id"]] = name
        pieces.append(piece)
    return Batch(names, gzip.compress(b"[" + b",".join(pieces) + b"]")) if names else None
