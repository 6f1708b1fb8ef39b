"""Missing patches by `apt-get -s`, for machines without python3-apt.

`dist-upgrade` rather than `upgrade`: the latter keeps back what needs a new package, and every
kernel fix does. It is a simulation either way.
"""

from __future__ import annotations

import re

from .errors import ToolError
from .tool import ask, environment

_TIMEOUT_S = 120.0

# Inst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64]) []
# The first brackets are the installed version; a package that would be new has none.
_INST = re.compile(r"^Inst (?P<name>\S+) \[(?P<installed>[^]]+)\] \((?P<candidate>\S+) (?P<origins>[^)]*)\)")


def upgrades() -> list[tuple[str, str, str, bool]]:
    """Name, installed, candidate, security. Raises ToolError where apt-get is missing or fails."""
    return parse(ask(["apt-get", "-s", "dist-upgrade"], environment(), _TIMEOUT_S).decode("utf-8", "replace"))


def parse(output: str) -> list[tuple[str, str, str, bool]]:
    """One row for each `Inst` line. An answer without apt's own summary is none."""
    if "Reading package lists" not in output:
        raise ToolError("apt-get: unreadable answer")
    return [_row(found) for found in map(_INST.match, output.splitlines()) if found]


def _row(found: re.Match[str]) -> tuple[str, str, str, bool]:
    security = "security" in found["origins"].lower()
    return found["name"], found["installed"], found["candidate"], security
