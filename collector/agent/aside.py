"""What left the queue without being sent is kept to be looked at, the newest of it."""

from __future__ import annotations

import json
from pathlib import Path

from .durable import write_durably

KEPT = 100


def set_aside(file: Path, folder: Path, problem: object = None) -> None:
    """Move the file there, the problem beside it, and let the oldest beyond the bound go."""
    if problem is not None:
        write_durably((folder / file.name).with_suffix(".problem"), json.dumps(problem).encode())
    file.replace(folder / file.name)
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.with_suffix(".problem").unlink(missing_ok=True)
        old.unlink()
