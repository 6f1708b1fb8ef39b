"""Who we are, for ever: the install UUID and the count of heartbeats, and one agent only that counts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from .durable import write_durably
from .errors import ConfigurationError


def endpoint_id(state: Path) -> UUID:
    """The install UUID, made on the first run. A damaged one stops us: a new one would be another machine."""
    path = state / "endpoint-id"
    if not path.exists():
        write_durably(state / "seq", b"0\n")  # first: where an identity stands without a count, it was lost
        write_durably(path, f"{uuid4()}\n".encode())
    try:
        return UUID(path.read_text(encoding="ascii").strip())
    except ValueError as damaged:
        remedy = "restore it, or delete it to become a new endpoint"
        raise ConfigurationError(f"{path} holds no UUID; {remedy}") from damaged


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


@contextmanager
def only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory: two agents would give out the same numbers. The system lets go of it
    whatever becomes of us."""
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, state)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, state: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows; its service manager starts one instance only
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as refused:
        raise ConfigurationError(f"another agent runs on the state directory {state}") from refused
