"""Debian's packages of what does not run from any other place than its own."""

import os
from collections.abc import Sequence

from deploy.local import UnavailableError
from deploy.local.command import output_of


def install(packages: Sequence[str]) -> None:
    """Where root may: never in place of what a machine has (--no-remove)."""
    if os.geteuid() != 0:
        raise UnavailableError(
            f"only root may install it: apt-get install --no-install-recommends {' '.join(packages)}"
        )
    apt = ["apt-get", "--quiet=2", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    output_of([*apt, "update"], environment=environment)
    output_of([*apt, "install", "--yes", "--no-remove", "--no-install-recommends", *packages], environment=environment)
