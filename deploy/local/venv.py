"""Makes `.venv` with the locked dependencies: `python3 -m deploy.local.venv`, by the system's bare Python.

Debian's Python has `venv` without `ensurepip` unless python3-venv is installed; then pip comes out of
Debian's own package, fetched like the servers are.
"""

import subprocess
import sys
from pathlib import Path

from deploy.local.errors import UnavailableError
from deploy.local.home import home_below
from deploy.local.programs import debian_tree

VENV = Path(".venv")
STAMP = VENV / ".complete"
LOCK = Path("requirements.lock")
PROJECT = Path("pyproject.toml")
OLDEST = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST:
        return _refuse(f"Python {OLDEST[0]}.{OLDEST[1]} or later is needed; this is {sys.version.split()[0]}.")
    if _is_complete():
        return 0
    try:
        _create()
        _install()
    except (UnavailableError, subprocess.CalledProcessError) as error:
        return _refuse(f"{VENV} could not be made: {error}")
    STAMP.touch()
    return 0


def _is_complete() -> bool:
    """Made by this checkout, and not older than what it was made from."""
    return STAMP.exists() and all(STAMP.stat().st_mtime > one.stat().st_mtime for one in (LOCK, PROJECT))


def _create() -> None:
    _say(f"Making {VENV}")
    STAMP.unlink(missing_ok=True)
    bundled = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, check=False)
    if bundled.returncode != 0:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], check=True)
        _bring_pip()


def _bring_pip() -> None:
    _say("This Python has no ensurepip (python3-venv is not installed): taking pip from Debian's package")
    tree = debian_tree(home_below(Path(".vigie"), _say), "pip", ("python3-pip-whl",), _say)
    wheel = next((tree / "usr/share/python-wheels").glob("pip-*.whl"))
    subprocess.run([_python(), wheel / "pip", "install", "--quiet", "--no-index", wheel], check=True)


def _install() -> None:
    """Exactly what is locked, then ourselves in place; nothing is resolved or built apart."""
    _say(f"Installing {LOCK}")
    pip = [_python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", LOCK], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", "."], check=True)


def _python() -> str:
    return str(VENV / "bin" / "python")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _refuse(reason: str) -> int:
    _say(reason)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
