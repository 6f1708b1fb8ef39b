"""The account servers run under: PostgreSQL refuses root, and no user of this system need exist for it."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple, TypedDict

NOBODY = 65534  # uid and gid; source: Debian policy 9.2.2, Linux overflowuid


class PopenAccount(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class Account(NamedTuple):
    uid: int
    gid: int

    @property
    def popen(self) -> PopenAccount:
        """The arguments of subprocess that start a child under this account."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether every folder above lets this account pass: asked by trying, modes alone do not tell."""
        probe = subprocess.run(["test", "-x", folder], cwd="/", check=False, **self.popen)
        return probe.returncode == 0


def server_account() -> Account:
    if os.geteuid() == 0:
        return Account(NOBODY, NOBODY)
    return Account(os.geteuid(), os.getegid())
