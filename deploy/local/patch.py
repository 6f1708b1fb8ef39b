"""Make unpacked programs run with the loader and the libraries of their own tree."""

import os
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from shutil import which

from deploy.local.command import output_of
from deploy.local.errors import UnavailableError


def use_own_libraries(programs: Iterable[Path], tree: Path) -> None:
    """Patch each program once; links are followed, scripts and static programs left alone."""
    loader = _loader(tree)
    for program in sorted({path.resolve() for path in programs}):
        if _is_dynamic(program):
            # An rpath counts for libraries of libraries and for what the program loads later; a runpath does not.
            output_of([
                _patchelf(), "--set-interpreter", loader, "--force-rpath", "--set-rpath", loader.parent, program,
            ])  # fmt: skip


def _loader(tree: Path) -> Path:
    found = sorted(tree.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*"))
    if not found:
        raise UnavailableError(f"no loader among the packages in {tree}.")
    return found[0]


def _is_dynamic(program: Path) -> bool:
    with program.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            return False
    try:
        output_of([_patchelf(), "--print-interpreter", program])
    except UnavailableError:
        return False
    return True


def _patchelf() -> str:
    beside_python = sysconfig.get_path("scripts")
    found = which("patchelf", path=os.pathsep.join([beside_python, os.environ.get("PATH", os.defpath)]))
    if not found:
        raise UnavailableError("patchelf is missing; install the locked packages of this checkout.")
    return found
