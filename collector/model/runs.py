"""How a start and an end change what is known of a job, by the semantics that users of Healthchecks know.

1. A start changes only the start. The newest one counts, and runs that overlap are told apart by their ids.
2. A start is over once a run of its id has ended, any run has failed, or one ended well that had no id.
3. A start without an id is over once any run has ended.
4. Agents tell when a run began, and learn its id at its end: such a run ends every start up to its beginning.

What was told is kept rather than what follows from it, so that it does not matter in which order it comes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from collector.model.figures import figures_after
from collector.model.heartbeat import Backup
from collector.model.history import told_of, with_past_run
from collector.model.report import Report
from collector.model.snapshot import JobState, Run, RunSpan, Start
from collector.model.value import latest

# How many runs of a job may overlap, and be measured; an id costs a hundred bytes of the snapshot.
MOST_RUN_IDS = 20


def in_order(backups: Iterable[Backup], report: Report) -> Sequence[Backup]:
    """As they happened by the endpoint's clock; of the same instant a start, then an end without an id."""
    return sorted(
        backups,
        key=lambda one: (
            one.finished_at or one.started_at or report.sent_at,
            one.finished_at is not None,
            one.run_id or "",
        ),
    )


def with_start(job: JobState, report: Report, backup: Backup) -> JobState:
    at = report.ours(backup.started_at or report.sent_at)
    known = _last_start(job)
    newest = known if known and known.at > at else Start(at=at, run_id=backup.run_id)
    return _settled(job, {"last_start": newest, "spans": _spans(job, backup.run_id, RunSpan(started_at=at))})


def with_end(job: JobState, report: Report, backup: Backup) -> JobState:
    """A run enters if it is newer than the one known."""
    told = _run(job, report, backup)  # by this report alone: what else follows from it must not hang on its order
    run = _told_before(told, job)
    update: dict[str, object] = {"over_until": latest((job.over_until, _ends_starts_until(report, backup, told)))}
    if job.last_run is None or _order(run) >= _order(job.last_run):
        update["last_run"] = run
    if run.good and (job.last_good is None or _order(run) >= _order(job.last_good)):
        update["last_good"] = run
    update |= figures_after(job, with_past_run(job.history, told, backup))
    if backup.started_at is None:  # else it tells both its ends, and over_until says which starts are over
        update["spans"] = _spans(job, told.run_id, RunSpan(finished_at=told.finished_at))
    return _settled(job, update)


def _order(run: Run) -> tuple[datetime, str]:
    """By the end; of two that ended in the same instant always the same one is the later."""
    return run.finished_at, run.run_id or ""


def _settled(job: JobState, update: Mapping[str, object]) -> JobState:
    job = job.model_copy(update={"last_start": _last_start(job), **update})
    return job.model_copy(update={"running_since": _running_since(job)})


def _last_start(job: JobState) -> Start | None:
    """A snapshot of before starts were kept knows only a running one."""
    return job.last_start or (Start(at=job.running_since) if job.running_since else None)


def _running_since(job: JobState) -> datetime | None:
    start = job.last_start
    if start is None:
        return None
    span = job.spans.get(start.run_id) if start.run_id else None
    ends = [job.over_until, span.finished_at if span else None]
    if job.last_run and start.run_id in (None, job.last_run.run_id):
        ends.append(job.last_run.finished_at)
    over = latest(ends)
    return start.at if over is None or over < start.at else None


def _ends_starts_until(report: Report, backup: Backup, run: Run) -> datetime | None:
    if run.run_id is None or not run.good:
        return run.finished_at
    return report.ours(backup.started_at) if backup.started_at else None


def _run(job: JobState, report: Report, backup: Backup) -> Run:
    if backup.finished_at is None:
        raise ValueError("a run without an end is not finished")
    finished_at = report.ours(backup.finished_at)
    return Run(
        source=report.source,
        run_id=backup.run_id,
        status=backup.status,
        started_at=report.ours(backup.started_at) if backup.started_at else _began(job, backup.run_id, finished_at),
        finished_at=finished_at,
        reported_end=backup.finished_at,
        bytes_total=backup.bytes_total,
        bytes_added=backup.bytes_added,
        files_total=backup.files_total,
        files_changed=backup.files_changed,
        message=backup.message,
    )


def _began(job: JobState, run_id: str | None, finished_at: datetime) -> datetime | None:
    """The start with the same id, or the last one if neither has any; none that another end has used up."""
    if run_id is not None:
        span = job.spans.get(run_id, RunSpan())
        used = span.started_at is None or (span.finished_at is not None and span.finished_at >= span.started_at)
        at = None if used else span.started_at
    else:
        start = _last_start(job)
        at = job.running_since if start and start.run_id is None else None
    return at if at is not None and at <= finished_at else None


def _told_before(run: Run, job: JobState) -> Run:
    """A run told of again ended when it was first told to, or before, and began when it did."""
    past = told_of(job.history, run.reported_end)
    started_at = run.started_at
    for known in (job.last_run, job.last_good):
        if known and (known.reported_end, known.run_id) == (run.reported_end, run.run_id):
            started_at = started_at or known.started_at
    finished_at = min(run.finished_at, past.finished_at) if past else run.finished_at
    return run.model_copy(update={"finished_at": finished_at, "started_at": started_at})


def _spans(job: JobState, run_id: str | None, told: RunSpan) -> Mapping[str, RunSpan]:
    if run_id is None:
        return job.spans
    known = job.spans.get(run_id, RunSpan())
    span = RunSpan(
        started_at=latest((known.started_at, told.started_at)),
        finished_at=latest((known.finished_at, told.finished_at)),
    )
    newest = sorted({**job.spans, run_id: span}.items(), key=_last_heard)
    return dict(newest[-MOST_RUN_IDS:])


def _last_heard(one: tuple[str, RunSpan]) -> tuple[datetime | None, str]:
    return latest((one[1].started_at, one[1].finished_at)), one[0]
