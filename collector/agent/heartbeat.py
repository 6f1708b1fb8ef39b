"""One heartbeat: who, when, and what was looked at."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from .clock import rfc3339
from .endpoint import describe
from .log import say
from .settings import Settings
from .uuid7 import uuid7
from .wire import Heartbeat, Sections

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 256 * 1024  # bytes of one heartbeat; source: DESIGN, "The heartbeat, version 1"


def look(settings: Settings) -> Sections:
    """Every section that can be said."""
    sections: Sections = {}
    _attempt("patches", lambda: _look_at_patches(sections, settings.state))
    _attempt("backups", lambda: _look_at_backups(sections, settings))
    return sections


def _attempt(section: str, look_at: Callable[[], None]) -> None:
    """A section that fails costs itself, never the sign of life."""
    try:
        look_at()
    except Exception as failed:  # noqa: BLE001 - the loop must go on; said, and the section is absent
        say("section left out", section=section, why=repr(failed))


def _look_at_patches(sections: Sections, state: Path) -> None:
    from .patches import patches

    found = patches(state)
    if found is not None:
        sections["patches"] = found


def _look_at_backups(sections: Sections, settings: Settings) -> None:
    from .restic import backups

    found = backups(settings.jobs, settings.state)
    if found is not None:
        sections["backups"] = found


def compose(settings: Settings, who: UUID, seq: int, at: datetime, sections: Sections) -> Heartbeat:
    heartbeat: Heartbeat = {
        "id": str(uuid7(int(at.timestamp() * 1000))),
        "seq": seq,
        "queued": 0,
        "sent_at": rfc3339(at),
        "interval_s": settings.interval_s,
        "endpoint": describe(who, settings.role),
        **sections,
    }
    return fitted(heartbeat)


def fitted(heartbeat: Heartbeat) -> Heartbeat:
    """Within the contract's size. Thousands of missing patches lose their titles first, then the least
    pressing their place: security comes first in the list."""
    if size(heartbeat) <= LARGEST or "patches" not in heartbeat:
        return heartbeat
    missing = heartbeat["patches"]["missing"]
    for patch in missing:
        patch["title"] = None
    while missing and size(heartbeat) > LARGEST:
        del missing[len(missing) - len(missing) // 10 - 1 :]
    say("patches shortened", kept=len(missing))
    return heartbeat


def encode(heartbeat: Heartbeat) -> bytes:
    return json.dumps(heartbeat, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def size(heartbeat: Heartbeat) -> int:
    return len(encode(heartbeat))
