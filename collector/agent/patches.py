"""How far this machine is patched; None where it cannot be said, since unknown is never green."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from . import apt_get, apt_python
from .apt_files import SYSTEM, fingerprint, has_apt, last_installed_at, reboot_required_since, refreshed_at
from .clock import from_epoch
from .errors import ToolError
from .fields import mappings, text
from .log import say
from .remembered import recall, remember
from .wire import LABEL_LENGTH, MissingPatch, Patches

_KEY = "patches"


class Upgrade(NamedTuple):
    """A newer version that apt would install."""

    name: str
    installed: str
    candidate: str
    security: bool


def patches(state: Path, root: Path = SYSTEM) -> Patches | None:
    """The section. Its scan is as old as the package lists it rests on, not as old as this call."""
    scanned = refreshed_at(root)
    if scanned is None and not has_apt(root):
        return None
    if scanned is None:
        say("patches not looked at", why="no package lists; run apt-get update")
        return None
    missing = _missing(state, fingerprint(root))
    if missing is None:
        return None
    installed, reboot = last_installed_at(root), reboot_required_since(root)
    return {
        "scanned_at": from_epoch(scanned),
        "missing": missing,
        "last_installed_at": None if installed is None else from_epoch(installed),
        "reboot_required_since": None if reboot is None else from_epoch(reboot),
    }


def _missing(state: Path, stamp: str) -> list[MissingPatch] | None:
    known = recall(state, _KEY, stamp)
    if isinstance(known, list):
        return [_as_patch(row) for row in mappings(known)]
    upgrades = _upgrades()
    if upgrades is None:
        return None
    missing = listed(upgrades)
    remember(state, _KEY, stamp, missing)
    return missing


def _upgrades() -> list[Upgrade] | None:
    """From python3-apt where the system has it, else from apt-get."""
    whys = []
    for source in (apt_python.upgrades, apt_get.upgrades):
        try:
            return [Upgrade(*row) for row in source()]
        except ToolError as failed:
            whys.append(str(failed))
    say("patches not looked at", why="; ".join(whys))
    return None


def listed(upgrades: list[Upgrade]) -> list[MissingPatch]:
    """Security first, then by name."""
    return [_patch(one) for one in sorted(upgrades, key=lambda one: (not one.security, one.name))]


def _patch(one: Upgrade) -> MissingPatch:
    """Debian publishes neither severity nor date in apt: what comes from a security archive is important."""
    return {
        "id": f"{one.name}={one.candidate}"[:LABEL_LENGTH],
        "severity": "important" if one.security else "unspecified",
        "released_at": None,
        "title": f"{one.name} {one.installed} -> {one.candidate}",
    }


def _as_patch(row: dict[str, object]) -> MissingPatch:
    return {
        "id": text(row, "id"),
        "severity": text(row, "severity"),
        "released_at": None,
        "title": text(row, "title") or None,
    }
