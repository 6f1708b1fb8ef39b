"""What the agent is told to look at."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Job(NamedTuple):
    """One backup job and where its repository is."""

    name: str
    repository: str
    password_file: Path
    medium: str
    offline: bool = False
