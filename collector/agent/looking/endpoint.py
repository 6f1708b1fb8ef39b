"""The machine that reports: its name, what it runs, what it is."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from uuid import UUID

from ..ground.contract import LABEL_LENGTH, Endpoint
from ..ground.log import AGENT, VERSION


def describe(identity: UUID, role: str) -> Endpoint:
    return {
        "id": str(identity),
        "name": (platform.node() or "unnamed")[:LABEL_LENGTH],
        "role": role,
        "os": operating_system(),
        "agent": f"{AGENT}/{VERSION}",
    }


def operating_system(etc: Path = Path("/etc")) -> str:
    """What the distribution calls itself, else what the kernel does."""
    return (_pretty_name(etc / "os-release") or platform.platform(terse=True) or "unknown")[:LABEL_LENGTH]


def _pretty_name(path: Path) -> str:
    """`PRETTY_NAME` of os-release(5); `platform` reads it only since Python 3.10."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    names = [line.partition("=")[2].strip().strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")]
    return names[0] if names else ""


def guessed_role() -> str:
    """Server, the strictest, unless the system is plainly a desktop's."""
    if sys.platform == "darwin":
        return "workstation"
    if sys.platform == "win32" and "Server" not in (platform.win32_edition() or ""):
        return "workstation"
    return "server"
