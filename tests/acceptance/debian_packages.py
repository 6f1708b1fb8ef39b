"""Debian's packages of what does not run from any other place than its own."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from deploy.local import UnavailableError
from deploy.local.command import output_of
from deploy.local.home import locked

# For every run of tests on this machine: `apt-get update` does not wait for another.
_TURN = Path("/run/lock/vigie-debian-packages")


def install(program: Path, packages: Sequence[str]) -> None:
    """What brings a program, where root may: never in place of what a machine has (--no-remove)."""
    with turn():  # before the first look: a file is there before its package is configured
        if program.exists():
            return
        if os.geteuid() != 0:
            raise UnavailableError(
                f"only root may install it: apt-get install --no-install-recommends {' '.join(packages)}"
            )
        _install(packages)


def turn() -> AbstractContextManager[None]:
    """While it lasts no other test changes what is installed; where nobody may install, nobody does."""
    return locked(_TURN) if os.geteuid() == 0 else nullcontext()


def _install(packages: Sequence[str]) -> None:
    apt = ["apt-get", "--quiet=2", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    output_of([*apt, "update"], environment=environment)
    output_of([*apt, "install", "--yes", "--no-remove", "--no-install-recommends", *packages], environment=environment)
