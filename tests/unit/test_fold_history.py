"""The runs of a job that ended are remembered each once, in order, however they are told."""

from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import pytest

from collector.judge import learn
from collector.model.heartbeat import Copy, Medium, RestorePoints, RunStatus, Sections
from collector.model.history import MOST_PAST_RUNS
from collector.model.report import Report, Source
from collector.model.snapshot import JobState, PastRun, Snapshot
from collector.model.subject import job_subject
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, backup, new_id, report

SECOND = timedelta(seconds=1)


def told(
    end: datetime | None = NOW, *, sent_at: datetime | None = None, received_at: datetime | None = None, **more: Any
) -> Report:
    """Sent as the run ended, and received at once, unless told otherwise."""
    run = backup(finished_at=end, **more)
    return report(sent_at or end or NOW, received_at=received_at, sections=Sections(backups=(run,)))


def job(*reports: Report) -> JobState:
    return learn(Snapshot(practice_id=PRACTICE), reports).jobs[job_subject(ENDPOINT, "daily")]


def history(*reports: Report) -> tuple[PastRun, ...]:
    return job(*reports).history


def ends(*reports: Report) -> list[datetime]:
    return [one.finished_at for one in history(*reports)]


def test_run_that_ended_is_remembered_with_its_figures() -> None:
    figures: dict[str, Any] = {"bytes_total": 900, "bytes_added": 30, "files_total": 70, "files_changed": 4}
    points, copy = RestorePoints(count=12), Copy(medium=Medium.NAS, location="nas")
    one = told(started_at=NOW - 90 * SECOND, restore_points=points, copies=(copy,), message="ok", **figures)
    assert history(one) == (
        PastRun(
            NOW,
            RunStatus.SUCCESS,
            90,
            900,
            30,
            70,
            4,
            restore_points=12,
            tool="restic 0.16.4",
            repository=crc32(b"nas"),
        ),
    )


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED])
def test_run_is_remembered_whatever_its_outcome(status: RunStatus) -> None:
    assert [one.status for one in history(told(status=status))] == [status]


def test_run_that_has_not_ended_is_not_remembered() -> None:
    assert history(told(None, status=RunStatus.RUNNING)) == ()


def test_late_run_enters_at_its_place() -> None:
    late = told(NOW + HOUR, sent_at=NOW + 3 * HOUR)
    assert ends(told(NOW), told(NOW + 2 * HOUR), late) == [NOW, NOW + HOUR, NOW + 2 * HOUR]


def test_run_told_of_again_is_one_run() -> None:
    assert ends(told(NOW), told(NOW, sent_at=NOW + HOUR), told(NOW + DAY), told(NOW, sent_at=NOW + 2 * DAY)) == [
        NOW,
        NOW + DAY,
    ]


def test_another_run_may_end_a_moment_later() -> None:
    assert ends(told(NOW), told(NOW + SECOND)) == [NOW, NOW + SECOND]


@pytest.mark.parametrize(
    "delays",
    [(timedelta(0), SECOND), (SECOND, timedelta(0)), (SECOND, 2 * MINUTE), (2 * MINUTE, SECOND)],
)
def test_run_of_a_wrong_clock_told_of_again_ended_when_it_first_could_have(delays: tuple[timedelta, timedelta]) -> None:
    """How far a clock is off is measured anew with each heartbeat, and the way of each takes another while."""
    once, again = (told(NOW - HOUR, sent_at=NOW - HOUR, received_at=NOW + delay) for delay in delays)
    known = history(once, again)
    assert [(one.finished_at, one.reported_end) for one in known] == [(NOW + min(delays), NOW - HOUR)]


def test_older_run_told_of_again_once_the_clock_was_set_right_is_not_taken_for_a_newer_one() -> None:
    """By a clock two hours ahead it seemed to end after the run that followed it."""
    ahead = NOW + 2 * HOUR
    first = told(ahead, sent_at=ahead, received_at=NOW, run_id="first")
    second = told(NOW + HOUR, run_id="second")
    known = job(first, second, told(ahead, sent_at=NOW + 5 * HOUR, run_id="first"))
    assert [one.finished_at for one in known.history] == [NOW, NOW + HOUR]
    assert known.last_run
    assert known.last_run.run_id == "second"


def test_most_restore_points_that_a_run_ever_had_are_remembered() -> None:
    """The last run is repeated with what is left by then."""
    counted = [
        told(sent_at=NOW + n * HOUR, restore_points=RestorePoints(count=count)) for n, count in ((0, 30), (1, 2))
    ]
    assert [one.restore_points for one in history(*counted)] == [30]
    assert [one.restore_points for one in history(*counted[::-1])] == [30]
    assert [one.restore_points for one in history(counted[0], told(sent_at=NOW + DAY))] == [30]


def test_what_is_told_later_of_a_run_fills_in_and_takes_nothing_away() -> None:
    first, second = told(bytes_total=900, started_at=NOW - MINUTE), told(sent_at=NOW + HOUR, files_total=70)
    (past,) = history(first, second)
    assert (past.bytes_total, past.duration_s, past.files_total) == (900, 60, 70)


@pytest.mark.parametrize(
    ("started_at", "duration_s"),
    [(NOW - MINUTE, 60), (NOW, 0), (NOW + SECOND, None), (None, None)],
    ids=["a-minute", "at-once", "began-after-its-end", "unknown"],
)
def test_duration_is_measured_where_both_ends_make_sense(started_at: datetime | None, duration_s: int | None) -> None:
    assert [one.duration_s for one in history(told(started_at=started_at))] == [duration_s]


def test_duration_is_not_cut_by_a_clock_that_is_slightly_ahead() -> None:
    """What is reported cannot lie ahead of its arrival, and is taken back to it; a length is not."""
    one = told(NOW + 2 * MINUTE, started_at=NOW - 3 * MINUTE, sent_at=NOW + 2 * MINUTE, received_at=NOW)
    assert [(past.finished_at, past.duration_s) for past in history(one)] == [(NOW, 300)]


def test_duration_of_a_pinged_run_is_counted_from_its_start() -> None:
    def ping(minute: int, status: RunStatus) -> Report:
        at = NOW + minute * MINUTE
        running = status is RunStatus.RUNNING
        run = backup(status=status, run_id="r", started_at=at if running else None, finished_at=None if running else at)
        return Report(
            heartbeat_id=new_id(at), source=Source.PING, endpoint_id=ENDPOINT, received_at=at, sent_at=at,
            sections=Sections(backups=(run,)),
        )  # fmt: skip

    begun, ended = ping(0, RunStatus.RUNNING), ping(7, RunStatus.SUCCESS)
    assert [one.duration_s for one in history(begun, ended)] == [420]
    assert history(begun, ended, ended) == history(begun, ended)


@pytest.mark.parametrize("newest_first", [False, True])
def test_only_the_latest_runs_are_remembered(*, newest_first: bool) -> None:
    reports = [told(NOW + n * HOUR, sent_at=NOW + n * HOUR) for n in range(MOST_PAST_RUNS + 2)]
    kept = ends(*(reports[::-1] if newest_first else reports))
    assert kept == [NOW + n * HOUR for n in range(2, MOST_PAST_RUNS + 2)]


def test_history_is_read_again_from_its_snapshot() -> None:
    known = learn(Snapshot(practice_id=PRACTICE), (told(bytes_total=5), told(NOW - HOUR, received_at=NOW + HOUR)))
    assert Snapshot.model_validate_json(known.model_dump_json()) == known
