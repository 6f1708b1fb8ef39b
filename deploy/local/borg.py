"""The real borg and borgmatic, as a practice runs them: without root, and apart from this checkout's own packages."""

import platform
import shlex
import sys
from pathlib import Path

from deploy.local.apt import RELEASE, unpack
from deploy.local.command import output_of
from deploy.local.home import Say, home_below
from deploy.local.patch import use_own_libraries
from deploy.local.programs import INSTALL_LOCKED, PIP, wheels_lock
from deploy.local.tree import tree_of

# Borg's modules are compiled for the Python of its own release, so that one comes along.
PYTHON = "python3.13"  # of RELEASE
BORG = ("borgbackup", "python3-msgpack", "python3-packaging", f"{PYTHON}-minimal")


def fetch_borg(*, say: Say = print, root: Path = Path(".vigie")) -> Path:
    """Debian's borg, run by Debian's Python out of one tree."""
    home = home_below(root, say)

    def build(tree: Path) -> None:
        say(f"Fetching borg from Debian {RELEASE}, once.")
        unpack(BORG, tree, home / "apt")
        use_own_libraries(tree.glob("usr/bin/*"), tree)
        _write_start(tree)

    return tree_of(home, "borg", [RELEASE, *BORG], build) / "bin/borg"


def _write_start(tree: Path) -> None:
    # -I: the caller's PYTHONPATH and user site are meant for another Python.
    python, script = tree / "usr/bin" / PYTHON, tree / "usr/bin/borg"
    start = tree / "bin/borg"
    start.parent.mkdir()
    start.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -I {shlex.quote(str(script))} "$@"\n')
    start.chmod(0o755)


def fetch_borgmatic(*, say: Say = print, root: Path = Path(".vigie")) -> Path:
    """PyPI's borgmatic, locked, in a virtual environment of its own; it looks for borg on the PATH."""
    lock = wheels_lock("borgmatic")

    def build(tree: Path) -> None:
        say("Fetching borgmatic as a wheel, once.")
        output_of([sys.executable, "-m", "venv", "--without-pip", tree])
        output_of([*PIP, "--python", tree / "bin/python", *INSTALL_LOCKED, lock])

    recipe = [lock.read_text(), platform.python_version(), sys.base_prefix]
    return tree_of(home_below(root, say), "borgmatic", recipe, build) / "bin/borgmatic"
