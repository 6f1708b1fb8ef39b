"""Heartbeats that wait to be sent: one durable file each, oldest first by name, within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..ground.contract import Heartbeat
from ..ground.durable import PARTIAL, private_directory, write_durably
from ..ground.fields import count, decode, encode, mapping, text
from ..ground.log import say

MAX_FILES = 10_000  # the 35 days that the collector accepts, at a heartbeat every five minutes
MAX_BYTES = 64 * 1024 * 1024
MAX_REJECTED = 100


class Spool:
    """The folder `spool`; beside it `rejected`, where the newest of what left unsent can be looked at.

    The state lock is held by whoever uses it.
    """

    def __init__(self, state: Path) -> None:
        self._folder = private_directory(state / "spool")
        self._rejected = state / "rejected"
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
        self.reject(name, {"title": "corrupt spool file"})
        return None

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()

    def reject(self, name: str, problem: dict[str, object]) -> None:
        """What can never be stored leaves the queue, the reason beside it; the oldest such go for good."""
        kept = private_directory(self._rejected) / name
        write_durably(kept.with_suffix(".problem"), encode(problem))
        (self._folder / name).replace(kept)
        say("heartbeat rejected", file=name, why=(text(problem, "title") or "no reason given")[:100])
        for old in sorted(self._rejected.glob("*.json"))[:-MAX_REJECTED]:
            old.with_suffix(".problem").unlink(missing_ok=True)
            old.unlink()

    def _trim(self) -> None:
        """Drop the oldest beyond either bound; say so when it begins, not with every heartbeat."""
        waiting = self.waiting()
        dropped = _beyond_bounds([(self._folder / name).stat().st_size for name in waiting])
        for name in waiting[:dropped]:
            self.remove(name)
        if dropped and not self._said_dropping:
            say("spool full, oldest dropped", count=dropped)
        self._said_dropping = dropped > 0


def _is_heartbeat(content: dict[str, object]) -> bool:
    return bool(text(content, "id") and text(content, "sent_at")) and count(content, "seq") is not None


def _beyond_bounds(sizes: list[int]) -> int:
    """How many of the oldest must go. The newest stays, however large."""
    total = sum(sizes)
    gone = 0
    while gone < len(sizes) - 1 and (len(sizes) - gone > MAX_FILES or total > MAX_BYTES):
        total -= sizes[gone]
        gone += 1
    return gone
