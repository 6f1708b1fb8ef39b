"""A restic snapshot as a backup run of the contract. Pure.

restic keeps no record of a run that made no snapshot, nor of files that it could not read: a snapshot
is a success, and silence is what the schedule's deadline is for.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from .clock import parse, rfc3339
from .fields import count, mapping, text
from .repository import location
from .wire import LABEL_LENGTH, Backup, RestorePoints

if TYPE_CHECKING:
    from .job import Job


class Snapshot(NamedTuple):
    """`program` is which restic made it, since 0.16; `summary` what it counted, since 0.17."""

    id: str
    at: datetime
    program: str
    summary: dict[str, object]


class Size(NamedTuple):
    """Bytes and files. `restic stats` counts directories among the files, a summary does not."""

    bytes_total: int | None = None
    files_total: int | None = None
    bytes_added: int | None = None
    files_changed: int | None = None


def newest(rows: list[dict[str, object]]) -> Snapshot | None:
    """By its time: the order of the list is not promised."""
    return max(_readable(rows), key=lambda snapshot: snapshot.at, default=None)


def _readable(rows: list[dict[str, object]]) -> list[Snapshot]:
    read = [(row, parse(text(row, "time"))) for row in rows if text(row, "id")]
    return [
        Snapshot(text(row, "id"), at, text(row, "program_version"), mapping(row.get("summary")))
        for row, at in read
        if at is not None
    ]


def size_in_summary(snapshot: Snapshot) -> Size | None:
    summary = snapshot.summary
    if not summary:
        return None
    changed = [count(summary, "files_new"), count(summary, "files_changed")]
    return Size(
        bytes_total=count(summary, "total_bytes_processed"),
        files_total=count(summary, "total_files_processed"),
        bytes_added=count(summary, "data_added"),
        files_changed=sum(known for known in changed if known is not None),
    )


def run_of(job: Job, rows: list[dict[str, object]], last: Snapshot, tool: str, size: Size) -> Backup:
    started, finished = _span(last)
    run: Backup = {
        "job": job.name,
        "tool": tool[:LABEL_LENGTH],
        "run_id": last.id[:LABEL_LENGTH],
        "status": "success",
        "finished_at": rfc3339(finished),
        "copies": [{"medium": job.medium, "location": location(job.repository), "offline": job.offline}],
        "restore_points": _restore_points(rows),
    }
    if started is not None:
        run["started_at"] = rfc3339(started)
    return _with_size(run, size)


def _span(last: Snapshot) -> tuple[datetime | None, datetime]:
    """Start and end. Before 0.17 a snapshot knows only its start, which then stands for the end:
    the run looks older than it is, never younger, and its length stays unknown."""
    started, finished = (parse(text(last.summary, key)) for key in ("backup_start", "backup_end"))
    return (None, last.at) if finished is None else (started, finished)


def _restore_points(rows: list[dict[str, object]]) -> RestorePoints:
    times = [snapshot.at for snapshot in _readable(rows)]
    return {"count": len(times), "oldest_at": rfc3339(min(times)), "newest_at": rfc3339(max(times))}


def _with_size(run: Backup, size: Size) -> Backup:
    """Figures that are known; an unknown one is left out, since zero would be a claim."""
    if size.bytes_total is not None:
        run["bytes_total"] = size.bytes_total
    if size.files_total is not None:
        run["files_total"] = size.files_total
    if size.bytes_added is not None:
        run["bytes_added"] = size.bytes_added
    if size.files_changed is not None:
        run["files_changed"] = size.files_changed
    return run
