"""One folder per start, claimed while its starter lives."""

import fcntl
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.account import Account
from deploy.local.command import output_of
from deploy.local.home import locked, open_folder

CLAIM = "starter.lock"
ORPHAN_TIMEOUT = 20.0  # seconds until servers that do not heed their signal are killed


@contextmanager
def claimed_run(home: Path, account: Account) -> Iterator[Path]:
    """A folder for the data of this start, removed at its end.

    The starter holds a lock inside. The system drops it with the process, even after SIGKILL: a folder whose
    lock is free is a leftover, and its servers are orphans. `runs.lock` keeps others from looking between a
    folder's creation and its claim.
    """
    runs = home / "runs"
    open_folder(runs)
    run = runs / secrets.token_hex(4)
    with locked(home / "runs.lock"):
        for leftover in runs.iterdir():
            _clear_leftover(leftover)
        _make(run, account)
        claim = (run / CLAIM).open("w")
        fcntl.flock(claim, fcntl.LOCK_EX)
    with claim:
        try:
            yield run
        finally:
            with locked(home / "runs.lock"):
                _clear(run)


def _make(run: Path, account: Account) -> None:
    for folder in (run, run / "postgresql", run / "redis"):
        folder.mkdir(mode=0o700)
        account.own(folder)


def _clear_leftover(run: Path) -> None:
    with (run / CLAIM).open("a") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _clear(run)


def _clear(run: Path) -> None:
    """Interrupt what still runs there, then remove the folder; a stray backend may write a last file meanwhile."""
    _stop_servers(run)
    for _ in range(50):
        shutil.rmtree(run, ignore_errors=True)
        if not run.exists():
            return
        time.sleep(0.1)


def _stop_servers(run: Path) -> None:
    """SIGINT is PostgreSQL's fast shutdown and ends Redis too; kill what does not heed it."""
    deadline = time.monotonic() + ORPHAN_TIMEOUT
    _signal_all(run, signal.SIGINT)
    while servers_of(run):
        if time.monotonic() > deadline:
            _signal_all(run, signal.SIGKILL)
        time.sleep(0.05)


def _signal_all(run: Path, what: signal.Signals) -> None:
    for pid in servers_of(run):
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def servers_of(run: Path) -> list[int]:
    """Processes that run a fetched program on this folder, by their command lines: a pid file may be late or stale."""
    programs = str(run.parent.parent / "programs")
    return [pid for pid, command in _command_lines() if command.startswith(programs) and str(run) in command]


def _command_lines() -> Iterator[tuple[int, str]]:
    if sys.platform != "linux":
        for line in output_of(["ps", "-axo", "pid=,command="]).splitlines():
            pid, command = line.split(maxsplit=1)
            yield int(pid), command
        return
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            yield int(process.name), (process / "cmdline").read_text(errors="replace")
