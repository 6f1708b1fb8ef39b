"""Heartbeats that wait to be sent: one durable file each, oldest first by name, within bounds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import cast

from .aside import set_aside
from .durable import PARTIAL, private_directory, write_durably
from .fields import count, decode, mapping, text
from .heartbeat import encode
from .log import say
from .wire import Heartbeat

MAX_AGE_S = 35 * 86_400.0  # what the collector still accepts; source: DESIGN, `sent_at`
MAX_FILES = 10_000  # five weeks of a heartbeat every five minutes
MAX_BYTES = 64 * 1024 * 1024


class Spool:
    """The folder `spool`. The state lock is held by whoever uses it."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = private_directory(state / "spool")
        self._said_dropping = False
        for unfinished in self._folder.glob(f"*{PARTIAL}"):  # cut short before it counted
            unfinished.unlink()

    def append(self, heartbeat: Heartbeat) -> None:
        name = f"{heartbeat['seq']:016d}-{heartbeat['id']}.json"
        write_durably(self._folder / name, encode(heartbeat))
        self._trim()

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("*.json"))

    def read(self, name: str) -> Heartbeat | None:
        """The heartbeat, or None after setting aside what is none."""
        content = decode((self._folder / name).read_bytes())
        if _is_heartbeat(mapping(content)):
            return cast("Heartbeat", content)
        self._leave(name, "corrupt", None)
        say("corrupt spool file set aside", file=name)
        return None

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def reject(self, name: str, problem: object) -> None:
        """What the server will never take leaves the queue, with the reason beside it."""
        self._leave(name, "rejected", problem)
        title = text(mapping(problem), "title") or "no reason given"
        say("heartbeat rejected", file=name, why=title[:100])

    def _leave(self, name: str, folder: str, problem: object) -> None:
        set_aside(self._folder / name, private_directory(self._state / folder), problem)

    def _trim(self) -> None:
        """Drop the oldest beyond any bound; say so when it begins, not with every heartbeat."""
        dropped = _beyond_bounds([(self._folder / name).stat() for name in self.waiting()], time.time())
        for name in self.waiting()[:dropped]:
            self.remove(name)
        if dropped and not self._said_dropping:
            say("spool full, oldest dropped", count=dropped)
        self._said_dropping = dropped > 0


def _is_heartbeat(content: dict[str, object]) -> bool:
    return bool(text(content, "id") and text(content, "sent_at")) and count(content, "seq") is not None


def _beyond_bounds(files: list[os.stat_result], now: float) -> int:
    """How many of the oldest must go. The newest stays, however large."""
    kept = size = 0
    for file in reversed(files):
        size += file.st_size
        if kept and (kept == MAX_FILES or size > MAX_BYTES or now - file.st_mtime > MAX_AGE_S):
            break
        kept += 1
    return len(files) - kept
