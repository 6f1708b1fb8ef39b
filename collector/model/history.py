"""The runs of a job that ended, each once and in order, however often and late they are told of."""

from bisect import insort
from datetime import datetime
from zlib import crc32

from collector.model.heartbeat import Backup
from collector.model.snapshot import PastRun, Run

# Of a daily job: each weekday five times.
MOST_PAST_RUNS = 40

History = tuple[PastRun, ...]


def with_past_run(history: History, run: Run, backup: Backup) -> History:
    """A run enters at its place; told of again, it is still the same."""
    past, others = _past(run, backup), list(history)
    if known := told_of(history, run.reported_end):
        others.remove(known)
        past = _merged(known, past)
    insort(others, past, key=_order)
    return tuple(others[-MOST_PAST_RUNS:])


def told_of(history: History, reported_end: datetime | None) -> PastRun | None:
    """The run that ended then by the clock of its machine: that does not change, whatever we know of the clock."""
    return next((one for one in reversed(history) if (one.reported_end or one.finished_at) == reported_end), None)


def _past(run: Run, backup: Backup) -> PastRun:
    points = backup.restore_points
    return PastRun(
        finished_at=run.finished_at,
        status=run.status,
        duration_s=_duration_s(run, backup),
        bytes_total=run.bytes_total,
        bytes_added=run.bytes_added,
        files_total=run.files_total,
        files_changed=run.files_changed,
        restore_points=points.count if points else None,
        tool=backup.tool,
        reported_end=run.reported_end if run.reported_end != run.finished_at else None,
        repository=crc32(backup.copies[0].location.encode()) if backup.copies else None,
    )


def _duration_s(run: Run, backup: Backup) -> int | None:
    """By one clock: a run that was told of twice may have its ends from two."""
    if backup.started_at and backup.finished_at:
        length = backup.finished_at - backup.started_at
    elif run.started_at:
        length = run.finished_at - run.started_at
    else:
        return None
    return round(length.total_seconds()) if length.total_seconds() >= 0 else None


def _merged(known: PastRun, told: PastRun) -> PastRun:
    """It ended when it was first told to, or before, with the most restore points that it ever had.

    The last run is repeated for as long as it is the last, with what is left by then.
    """
    given = {name: value for name, value in told._asdict().items() if value is not None}
    points = (one.restore_points for one in (known, told) if one.restore_points is not None)
    given |= {"finished_at": min(known.finished_at, told.finished_at), "restore_points": max(points, default=None)}
    return known._replace(**given)


def _order(run: PastRun) -> tuple[datetime, datetime]:
    return run.finished_at, run.reported_end or run.finished_at
