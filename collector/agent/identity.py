"""Who we are, for ever: the install UUID and the count of heartbeats, kept in the state directory."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import UUID, uuid4

from .durable import write_durably
from .errors import ConfigurationError


def endpoint_id(state: Path) -> UUID:
    """The install UUID, made on the first run. A damaged one stops us: a new one would be another machine."""
    path = state / "endpoint-id"
    if not path.exists():
        _install(path)
    try:
        return UUID(path.read_text(encoding="ascii").strip())
    except ValueError as damaged:
        remedy = "restore it, or delete it to become a new endpoint"
        raise ConfigurationError(f"{path} holds no UUID; {remedy}") from damaged


def _install(path: Path) -> None:
    """The count first: where an identity stands without one, the count was lost."""
    write_durably(path.with_name("seq"), b"0\n")
    write_durably(path, f"{uuid4()}\n".encode())


def next_seq(state: Path) -> int:
    """The number of the next heartbeat, written down before it is used: a crash leaves a gap, never a double."""
    seq = _last_seq(state / "seq") + 1
    write_durably(state / "seq", f"{seq}\n".encode())
    return seq


def _last_seq(path: Path) -> int:
    """A lost count goes on from the time in seconds: higher than any count of heartbeats before it."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return int(time.time())
