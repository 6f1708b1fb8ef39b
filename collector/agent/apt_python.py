"""Missing patches by python3-apt, asked through the system's own Python: ours may be a venv without it."""

from __future__ import annotations

from .errors import ToolError
from .fields import decode
from .tool import ask, environment

_SYSTEM_PYTHON = "/usr/bin/python3"
_TIMEOUT_S = 120.0

# A patch counts as security if any version newer than the installed one came from a security
# archive: a point release may have replaced that version in between. `any` over `versions`, not
# over `candidate.origins`; the same rule as Ubuntu's apt-check (update-notifier).
_SCRIPT = """
import json, apt
def secure(version):
    return any("security" in (o.label + " " + o.archive).lower() for o in version.origins)
def row(p):
    security = any(secure(v) for v in p.versions if v > p.installed)
    return [p.name, p.installed.version, p.candidate.version, security]
print(json.dumps([row(p) for p in apt.Cache(None) if p.is_upgradable]))
"""


def upgrades() -> list[tuple[str, str, str, bool]]:
    """Name, installed, candidate, security. Raises ToolError where python3-apt is missing or fails."""
    return parse(ask([_SYSTEM_PYTHON, "-I", "-c", _SCRIPT], environment(), _TIMEOUT_S))


def parse(output: bytes) -> list[tuple[str, str, str, bool]]:
    """The script's answer; anything else is no answer, and never "nothing is missing"."""
    rows = decode(output)
    if not isinstance(rows, list):
        raise ToolError("python3-apt: unreadable answer")
    return [_row(row) for row in rows]


def _row(row: object) -> tuple[str, str, str, bool]:
    if not isinstance(row, list) or len(row) != 4:
        raise ToolError("python3-apt: unreadable answer")
    name, installed, candidate, security = row
    return str(name), str(installed), str(candidate), security is True
