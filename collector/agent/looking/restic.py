"""The last run of each restic repository. What cannot be read is left out: neither a success nor an old run.

restic keeps no record of a run that made no snapshot, nor of files that it could not read: a snapshot
is a success, and silence is what the schedule's deadline is for.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..ground.clock import parse, rfc3339
from ..ground.contract import LABEL_LENGTH, Backup, Size
from ..ground.errors import ToolError
from ..ground.fields import count, decode, mapping, mappings, text
from ..ground.log import say
from ..ground.remembered import recall, remember
from .repository import location, redact
from .tool import ask, environment

_SNAPSHOTS_TIMEOUT_S = 60.0  # an unreachable NAS must not hold up a heartbeat of five minutes
_STATS_TIMEOUT_S = 120.0
_SAID = 200  # characters of a complaint
# Whatever else would name a repository or a password; restic refuses a command beside a file.
_OTHER_CREDENTIALS = ("RESTIC_REPOSITORY_FILE", "RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND")


class Job(NamedTuple):
    """One backup job and where its repository is."""

    name: str
    repository: str
    password_file: Path
    medium: str
    offline: bool = False


class Snapshot(NamedTuple):
    """`program` is which restic made it, since 0.16; `summary` what it counted, since 0.17."""

    id: str
    at: datetime
    program: str
    summary: dict[str, object]


def last_runs(jobs: tuple[Job, ...], state: Path) -> list[Backup]:
    """Of the jobs that could be read."""
    return [run for run in (_attempt(job, state) for job in jobs) if run is not None]


def _attempt(job: Job, state: Path) -> Backup | None:
    try:
        return _last_run(job, state)
    except ToolError as failed:
        say("backup job left out", job=job.name, why=redact(str(failed), job.repository)[:_SAID])
        return None


def _last_run(job: Job, state: Path) -> Backup:
    """1. list snapshots, 2. take the newest, 3. ask for its size if it does not carry it."""
    snapshots = read_snapshots(_restic(job, ["snapshots", "--json", "--no-lock"], _SNAPSHOTS_TIMEOUT_S))
    last = snapshots[-1]
    size = size_in_summary(last.summary) if last.summary else _size_by_stats(job, last.id, state)
    return run_of(job, snapshots, last.program or _version(job), size)


def read_snapshots(answer: bytes) -> list[Snapshot]:
    """One or more, oldest first: the order of restic's list is not promised."""
    rows = decode(answer)
    if not isinstance(rows, list):
        raise ToolError("restic snapshots: unreadable answer")
    read = [(row, parse(text(row, "time"))) for row in mappings(rows) if text(row, "id")]
    snapshots = [
        Snapshot(text(row, "id"), at, text(row, "program_version"), mapping(row.get("summary")))
        for row, at in read
        if at is not None
    ]
    if not snapshots:
        raise ToolError("the repository has no snapshots")
    return sorted(snapshots, key=lambda snapshot: snapshot.at)


def size_in_summary(summary: dict[str, object]) -> Size:
    return {
        "bytes_total": count(summary, "total_bytes_processed"),
        "files_total": count(summary, "total_files_processed"),
        "bytes_added": count(summary, "data_added"),
        "files_changed": (count(summary, "files_new") or 0) + (count(summary, "files_changed") or 0),
    }


def _size_by_stats(job: Job, snapshot: str, state: Path) -> Size:
    """By `restic stats`, once a snapshot: it walks the whole tree. It counts directories among the files."""
    key = f"restic:{job.name}"
    known = recall(state, key, snapshot)
    if known is None:
        known = _stats(job, snapshot)
        remember(state, key, snapshot, known)
    figures = mapping(known)
    total, files = count(figures, "total_size"), count(figures, "total_file_count")
    return {"bytes_total": total, "files_total": files, "bytes_added": None, "files_changed": None}


def _stats(job: Job, snapshot: str) -> dict[str, object]:
    """Nothing when restic fails or takes too long: the run is known without its size."""
    argv = ["stats", "--json", "--no-lock", "--mode", "restore-size", snapshot]
    try:
        return mapping(decode(_restic(job, argv, _STATS_TIMEOUT_S)))
    except ToolError as failed:
        say("backup size unknown", job=job.name, why=redact(str(failed), job.repository)[:_SAID])
        return {}


def _version(job: Job) -> str:
    """`restic 0.14.0` of `restic 0.14.0 compiled with go1.19.8 on linux/amd64`."""
    words = _restic(job, ["version"], _SNAPSHOTS_TIMEOUT_S).decode("utf-8", "replace").split()
    return " ".join(words[:2]) or "restic"


def run_of(job: Job, snapshots: list[Snapshot], tool: str, size: Size) -> Backup:
    """The newest snapshot as a run of the contract. Pure."""
    first, last = snapshots[0], snapshots[-1]
    started, finished = _span(last)
    return {
        "job": job.name,
        "tool": tool[:LABEL_LENGTH],
        "run_id": last.id[:LABEL_LENGTH],
        "status": "success",
        "started_at": rfc3339(started) if started else None,
        "finished_at": rfc3339(finished),
        "copies": [{"medium": job.medium, "location": location(job.repository), "offline": job.offline}],
        "restore_points": {"count": len(snapshots), "oldest_at": rfc3339(first.at), "newest_at": rfc3339(last.at)},
        **size,
    }


def _span(last: Snapshot) -> tuple[datetime | None, datetime]:
    """Start and end. Before 0.17 a snapshot knows only its start, which then stands for the end:
    the run looks older than it is, never younger, and its length stays unknown."""
    started, finished = (parse(text(last.summary, key)) for key in ("backup_start", "backup_end"))
    return (None, last.at) if finished is None else (started, finished)


def _restic(job: Job, argv: list[str], timeout_s: float) -> bytes:
    """Repository and password file by environment: a command line can be read by every user."""
    env = environment(RESTIC_REPOSITORY=job.repository, RESTIC_PASSWORD_FILE=str(job.password_file))
    return ask(["restic", *argv], {k: v for k, v in env.items() if k not in _OTHER_CREDENTIALS}, timeout_s)
