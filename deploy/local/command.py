"""Running the programs that build and start the local servers."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.account import Account
from deploy.local.errors import UnavailableError

# Servers get nothing of the caller's environment: PGPORT, LD_LIBRARY_PATH or LC_ALL would change what we start.
BARE_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def output_of(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run to the end and return what it printed; a failure names the program and its last words."""
    env = {**os.environ, "LC_ALL": "C"} if environment is None else environment
    # close_fds: an apt-get that outlives its killed starter keeps the lock of `locked`, so the next one waits for it.
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, close_fds=False, umask=0o022, **(account.popen if account else {}),
        )  # fmt: skip
    except OSError as error:
        raise UnavailableError(f"{argv[0]} cannot be run: {error.strerror}.") from error
    if done.returncode:
        raise UnavailableError(f"{Path(argv[0]).name} failed: {_last_words(done)}")
    return done.stdout


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return " ".join(lines[-2:]) or f"exit code {done.returncode}"
