"""What was found last time, so that nothing dear is looked up twice while what it rests on stands still.

python3-apt takes a second of a core, `restic stats` minutes on a large repository; the agent's
budget is 0.1% of a core.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .durable import write_durably
from .fields import decode, encode, mapping, text

_FILE = "remembered.json"


def recall(state: Path, key: str, stamp: str) -> object:
    """The value of that key if its stamp is still the same, else None."""
    entry = mapping(_everything(state).get(key))
    return entry.get("value") if text(entry, "stamp") == stamp else None


def remember(state: Path, key: str, stamp: str, value: object) -> None:
    """What cannot be kept (a full disk) costs looking again, not the section."""
    with suppress(OSError):
        write_durably(state / _FILE, encode({**_everything(state), key: {"stamp": stamp, "value": value}}))


def _everything(state: Path) -> dict[str, object]:
    try:
        return mapping(decode((state / _FILE).read_bytes()))
    except OSError:
        return {}
