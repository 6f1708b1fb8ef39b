"""What apt would upgrade: by python3-apt where the system has it, else by `apt-get -s`."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..ground.errors import ToolError
from ..ground.fields import decode
from .tool import ask, environment

_TIMEOUT_S = 120.0

# Asked through the system's own Python: ours may be a venv without python3-apt.
_SYSTEM_PYTHON = "/usr/bin/python3"
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

# Inst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64]) []
# The first brackets are the installed version; a package that would be new has none.
_INST = re.compile(r"^Inst (?P<name>\S+) \[(?P<installed>[^]]+)\] \((?P<candidate>\S+) (?P<origins>[^)]*)\)")


class Upgrade(NamedTuple):
    """A newer version that apt would install."""

    name: str
    installed: str
    candidate: str
    security: bool


def upgrades() -> list[Upgrade]:
    """Raises ToolError where neither tool answers."""
    try:
        return by_python()
    except ToolError as first:
        try:
            return by_apt_get()
        except ToolError as second:
            raise ToolError(f"{first}; {second}") from second


def by_python() -> list[Upgrade]:
    return read_rows(decode(ask([_SYSTEM_PYTHON, "-I", "-c", _SCRIPT], environment(), _TIMEOUT_S)))


def by_apt_get() -> list[Upgrade]:
    """`dist-upgrade` rather than `upgrade`: the latter keeps back what needs a new package, and every
    kernel fix does. It is a simulation either way."""
    return read_simulation(ask(["apt-get", "-s", "dist-upgrade"], environment(), _TIMEOUT_S).decode("utf-8", "replace"))


def read_rows(rows: object) -> list[Upgrade]:
    """The script's answer; anything else is no answer, and never "nothing is missing"."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 4 for row in rows):
        raise ToolError("python3-apt: unreadable answer")
    return [Upgrade(str(name), str(old), str(new), security is True) for name, old, new, security in rows]


def read_simulation(output: str) -> list[Upgrade]:
    """One for each `Inst` line. An answer without apt's own summary is none."""
    if "Reading package lists" not in output:
        raise ToolError("apt-get: unreadable answer")
    found = [match for match in map(_INST.match, output.splitlines()) if match]
    return [
        Upgrade(one["name"], one["installed"], one["candidate"], "security" in one["origins"].lower()) for one in found
    ]
