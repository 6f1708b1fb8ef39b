"""An endpoint's clock taken to ours: behind, ahead, dead, or right and merely late."""

from datetime import UTC, datetime, timedelta

import pytest

from collector.judge import learn
from collector.model.clock import SKEW_TOLERATED
from collector.model.heartbeat import RestoreLevel, RestoreStatus, RestoreTest, Sections
from collector.model.snapshot import Run, Snapshot
from collector.model.subject import job_subject
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, backup, report

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO_OF_WINDOWS = datetime(1601, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def run_after(sent_at: datetime, finished_at: datetime, *, queued: int = 0, clock_at: datetime | None = None) -> Run:
    sections = Sections(backups=(backup(finished_at=finished_at, started_at=finished_at - MINUTE),))
    one = report(sent_at, received_at=NOW, sections=sections, queued=queued, clock_at=clock_at)
    known = learn(Snapshot(practice_id=PRACTICE), (one,)).jobs[job_subject(ENDPOINT, "daily")].last_run
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("sent_at", "queued", "skew"),
    [
        (NOW, 0, timedelta(0)),
        (NOW - SKEW_TOLERATED, 0, timedelta(0)),
        (NOW - SKEW_TOLERATED - TICK, 0, SKEW_TOLERATED + TICK),
        (NOW + SKEW_TOLERATED, 0, timedelta(0)),
        (NOW + SKEW_TOLERATED + TICK, 0, -SKEW_TOLERATED - TICK),
        (NOW - 10 * DAY, 1, timedelta(0)),
        (NOW + DAY, 1, -DAY),
        (EPOCH, 0, NOW - EPOCH),
    ],
    ids=["right", "behind-at", "behind-over", "ahead-at", "ahead-over", "replayed", "replayed-ahead", "dead"],
)
def test_skew_is_what_no_spool_explains(sent_at: datetime, queued: int, skew: timedelta) -> None:
    assert report(sent_at, received_at=NOW, queued=queued).skew == skew


@pytest.mark.parametrize("off", [-2 * HOUR, 3 * HOUR, EPOCH - NOW], ids=["behind", "ahead", "dead"])
def test_run_on_a_wrong_clock_is_dated_by_ours(off: timedelta) -> None:
    known = run_after(NOW + off, NOW + off - HOUR)
    assert (known.started_at, known.finished_at) == (NOW - HOUR - MINUTE, NOW - HOUR)


def test_replayed_run_keeps_its_own_time() -> None:
    assert run_after(NOW - 3 * DAY, NOW - 3 * DAY - HOUR, queued=5).finished_at == NOW - 3 * DAY - HOUR


@pytest.mark.parametrize("sent_at", [NOW, NOW + SKEW_TOLERATED, NOW - HOUR])
def test_nothing_reported_lies_ahead_of_its_arrival(sent_at: datetime) -> None:
    assert run_after(sent_at, sent_at + HOUR).finished_at == NOW


def test_replay_does_not_undo_the_skew_of_a_later_report() -> None:
    live = report(NOW - HOUR, received_at=NOW)
    replayed = report(NOW - 2 * HOUR, received_at=NOW + MINUTE, queued=1)
    known = learn(Snapshot(practice_id=PRACTICE), (live, replayed)).endpoints[ENDPOINT]
    assert (known.as_of, known.skew_s) == (NOW, 3_600)


def test_last_of_a_spool_keeps_its_own_time_where_the_sender_tells_its_clock() -> None:
    waited = run_after(NOW - HOUR, NOW - 2 * HOUR, clock_at=NOW)
    assert waited.finished_at == NOW - 2 * HOUR


def test_replay_from_a_dead_clock_is_dated_by_the_clock_it_tells() -> None:
    lag = NOW - EPOCH
    waited = run_after(NOW - lag - HOUR, NOW - lag - 2 * HOUR, queued=3, clock_at=NOW - lag)
    assert waited.finished_at == NOW - 2 * HOUR


def test_clock_far_ahead_cannot_push_an_instant_out_of_the_calendar() -> None:
    far = datetime(8999, 1, 1, tzinfo=UTC)
    assert run_after(far, datetime(1700, 1, 1, tzinfo=UTC)).finished_at >= ZERO_OF_WINDOWS


def test_shifted_restore_test_can_be_read_again_from_its_snapshot() -> None:
    proof = RestoreTest(job="daily", level=RestoreLevel.FILE, status=RestoreStatus.FAILED, tested_at=ZERO_OF_WINDOWS)
    sections = Sections(backups=(backup(),), restore_tests=(proof,))
    ahead = report(NOW + 10 * MINUTE, received_at=NOW, sections=sections)
    known = learn(Snapshot(practice_id=PRACTICE), (ahead,))
    assert Snapshot.model_validate_json(known.model_dump_json()) == known
