"""Fetched programs: one folder per set, complete or rebuilt."""

import hashlib
import platform
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.local.home import locked, open_folder

STAMP = ".complete"


def tree_of(home: Path, name: str, recipe: Iterable[str], build: Callable[[Path], None]) -> Path:
    """The folder of a finished `build`; a half-finished one is thrown away and built again.

    What went into it (also this machine and the place, which patched programs carry inside) is part of the
    folder's name: a changed recipe never pulls a tree from under running servers.
    """
    digest = hashlib.sha256("\n".join([*recipe, platform.machine(), str(home)]).encode()).hexdigest()[:8]
    tree = home / "programs" / f"{name}-{digest}"
    if (tree / STAMP).exists():
        return tree
    with locked(home / "fetch.lock"):
        if not (tree / STAMP).exists():
            _rebuild(tree, build)
    return tree


def _rebuild(tree: Path, build: Callable[[Path], None]) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    open_folder(tree)
    build(tree)
    (tree / STAMP).touch()
