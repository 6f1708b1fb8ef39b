"""Files that are whole after a power cut, or not there at all; readable by their owner only."""

import os
import sys
from pathlib import Path

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write every line end as two
PARTIAL = ".partial"  # a suffix: what was being written when the power went


def private_directory(path: Path) -> Path:
    """A directory of ours. One that exists keeps its mode: it may be shared with somebody's reason."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_durably(path: Path, content: bytes) -> None:
    """1. write and fsync a neighbour, 2. rename it into place, 3. fsync the directory."""
    neighbour = path.with_name(path.name + PARTIAL)
    descriptor = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    neighbour.replace(path)
    _fsync_directory(path.parent)


def _fsync_directory(path: Path) -> None:
    if sys.platform == "win32":  # Windows opens no directories; its rename is journaled
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
