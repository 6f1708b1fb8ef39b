"""What can be said of this machine: how far it is patched, and how its backups went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..ground.contract import Sections
from ..ground.log import say
from .patches import how_patched
from .restic import Job, last_runs

Section = TypeVar("Section")


def look(state: Path, jobs: tuple[Job, ...]) -> Sections:
    """Every section that can be said; what cannot is absent, since unknown is never green."""
    sections: Sections = {}
    patches = _attempt("patches", lambda: how_patched(state))
    if patches is not None:
        sections["patches"] = patches
    backups = _attempt("backups", lambda: last_runs(jobs, state))
    if backups:
        sections["backups"] = backups
    return sections


def _attempt(section: str, look_at: Callable[[], Section]) -> Section | None:
    """A section that fails costs itself, never the sign of life."""
    try:
        return look_at()
    except Exception as failed:  # noqa: BLE001 - the loop must go on; said, and the section is absent
        say("section left out", section=section, why=repr(failed))
        return None
