"""The last run of each restic repository. What cannot be read is left out: neither a success nor an old run."""

from __future__ import annotations

from pathlib import Path

from .errors import ToolError
from .fields import count, decode, mapping, mappings
from .job import Job
from .log import say
from .remembered import recall, remember
from .repository import redact
from .restic_run import Size, newest, run_of, size_in_summary
from .tool import ask, environment
from .wire import Backup

_SNAPSHOTS_TIMEOUT_S = 60.0  # an unreachable NAS must not hold up a heartbeat of five minutes
_STATS_TIMEOUT_S = 120.0
_SAID = 200  # characters of a complaint
# Whatever else would name a repository or a password; restic refuses a command beside a file.
_OTHER_CREDENTIALS = (
    "RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND",
)  # fmt: skip


def backups(jobs: tuple[Job, ...], state: Path) -> list[Backup] | None:
    """The section; None when not one job could be read."""
    read = [run for run in (_look(job, state) for job in jobs) if run is not None]
    return read or None


def _look(job: Job, state: Path) -> Backup | None:
    try:
        return _last_run(job, state)
    except ToolError as failed:
        say("backup job left out", job=job.name, why=redact(str(failed), job.repository)[:_SAID])
        return None


def _last_run(job: Job, state: Path) -> Backup:
    """1. list snapshots, 2. take the newest, 3. ask for its size if it does not carry it."""
    rows = decode(_restic(job, ["snapshots", "--json", "--no-lock"], _SNAPSHOTS_TIMEOUT_S))
    snapshots = mappings(rows)
    if not isinstance(rows, list):
        raise ToolError("restic snapshots: unreadable answer")
    last = newest(snapshots)
    if last is None:
        raise ToolError("the repository has no snapshots")
    size = size_in_summary(last) or _size(job, last.id, state)
    return run_of(job, snapshots, last, last.program or _version(job), size)


def _size(job: Job, snapshot: str, state: Path) -> Size:
    """By `restic stats`, once a snapshot: it walks the whole tree. Unknown when it takes too long."""
    key = f"restic:{job.name}"
    known = recall(state, key, snapshot)
    if known is None:
        known = _stats(job, snapshot)
        remember(state, key, snapshot, known)
    figures = mapping(known)
    return Size(bytes_total=count(figures, "total_size"), files_total=count(figures, "total_file_count"))


def _stats(job: Job, snapshot: str) -> dict[str, object]:
    argv = ["stats", "--json", "--no-lock", "--mode", "restore-size", snapshot]
    try:
        return mapping(decode(_restic(job, argv, _STATS_TIMEOUT_S)))
    except ToolError as failed:
        if not failed.timed_out:
            raise
        say("backup size unknown", job=job.name, why=str(failed))
        return {}


def _version(job: Job) -> str:
    """`restic 0.14.0` of `restic 0.14.0 compiled with go1.19.8 on linux/amd64`."""
    words = _restic(job, ["version"], _SNAPSHOTS_TIMEOUT_S).decode("utf-8", "replace").split()
    return " ".join(words[:2]) or "restic"


def _restic(job: Job, argv: list[str], timeout_s: float) -> bytes:
    """Repository and password file by environment: a command line can be read by every user."""
    env = environment(RESTIC_REPOSITORY=job.repository, RESTIC_PASSWORD_FILE=str(job.password_file))
    return ask(["restic", *argv], {k: v for k, v in env.items() if k not in _OTHER_CREDENTIALS}, timeout_s)
