"""How far this machine is patched, and how old that is, by apt's and dpkg's own files.

Times are seconds since the epoch, None where unknown.
"""

from __future__ import annotations

import time
from pathlib import Path

from ..ground.clock import from_epoch
from ..ground.contract import LABEL_LENGTH, MissingPatch, Patches
from ..ground.errors import ToolError
from ..ground.remembered import recall, remember
from .apt import Upgrade, read_rows, upgrades

_LISTS = "var/lib/apt/lists"
_SUCCESS_STAMP = "var/lib/apt/periodic/update-success-stamp"
_RESTS_ON = (
    "var/lib/dpkg/status", "etc/apt/sources.list", "etc/apt/sources.list.d",
    "etc/apt/preferences", "etc/apt/preferences.d",
)  # fmt: skip
_KEY = "upgrades"


def how_patched(state: Path, root: Path = Path("/")) -> Patches | None:
    """None on a machine without apt. Its scan is as old as the package lists it rests on, not as old as this call."""
    if not (root / _LISTS).is_dir():
        return None
    scanned_at = from_epoch(refreshed_at(root))
    if scanned_at is None:
        raise ToolError("no package lists; run apt-get update")
    return {
        "scanned_at": scanned_at,
        "missing": listed(_upgrades(state, _fingerprint(root))),
        "last_installed_at": from_epoch(last_installed_at(root)),
        "reboot_required_since": from_epoch(_mtime(root / "var/run/reboot-required")),
    }


def _upgrades(state: Path, stamp: str) -> list[Upgrade]:
    known = recall(state, _KEY, stamp)
    if known is not None:
        return read_rows(known)
    found = upgrades()
    remember(state, _KEY, stamp, found)
    return found


def listed(found: list[Upgrade]) -> list[MissingPatch]:
    """Security first, then by name."""
    return [_patch(one) for one in sorted(found, key=lambda one: (not one.security, one.name))]


def _patch(one: Upgrade) -> MissingPatch:
    """Debian publishes neither severity nor date in apt: what comes from a security archive is important."""
    return {
        "id": f"{one.name}={one.candidate}"[:LABEL_LENGTH],
        "severity": "important" if one.security else "unspecified",
        "released_at": None,
        "title": f"{one.name} {one.installed} -> {one.candidate}",
    }


def refreshed_at(root: Path) -> float | None:
    """When package lists last came in: a lower bound, never later than the truth. Tried with apt 2.6:

    1. A Release file's mtime is the server's; its ctime is when apt put it there.
    2. `lists/partial` and `periodic/update-stamp` are touched by a failed update too, `lists` not by
       every good one. An update that found nothing new leaves no trace, except the success stamp where
       update-notifier writes one.
    3. So: the newest arrival of a security list (of any, where none is called so), or the success stamp.
    4. Restoring the machine's files renews every ctime, but not the mtime of `partial`, which no refresh
       can be younger than.
    """
    arrivals = _arrivals(root / _LISTS)
    if not arrivals:
        return None
    known = max([*arrivals, _mtime(root / _SUCCESS_STAMP) or 0.0])
    ceiling = _mtime(root / _LISTS / "partial")
    return known if ceiling is None else min(known, ceiling)


def _arrivals(lists: Path) -> list[float]:
    releases = [*lists.glob("*_InRelease"), *lists.glob("*_Release")]
    security = [path for path in releases if "security" in path.name]
    return [path.stat().st_ctime for path in security or releases]


def last_installed_at(root: Path) -> float | None:
    """The last upgrade in dpkg's log; where there is no log, the last change of any package."""
    logs = [path for path in (root / "var/log/dpkg.log", root / "var/log/dpkg.log.1") if path.exists()]
    if not logs:
        return _mtime(root / "var/lib/dpkg/status")
    return next((at for at in map(_last_upgrade, logs) if at is not None), None)


def _last_upgrade(log: Path) -> float | None:
    """`2026-11-21 18:07:51 upgrade bash:amd64 5.2.15-2+b8 5.2.15-2+b13`, in local time."""
    last = None
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line[20:28] == "upgrade ":
                last = line[:19]
    return time.mktime(time.strptime(last, "%Y-%m-%d %H:%M:%S")) if last else None


def _fingerprint(root: Path) -> str:
    """Changes whenever the answer to "what is missing" may: lists, installed packages, sources, pins."""
    lists = sorted((root / _LISTS).glob("*_Packages*")) + sorted((root / _LISTS).glob("*Release"))
    return "/".join(str(_mtime(path)) for path in [*lists, *(root / name for name in _RESTS_ON)])


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
