"""One agent to a state directory: two would give out the same sequence numbers."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory; the system lets go of it whatever becomes of us."""
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
