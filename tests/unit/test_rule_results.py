"""Which results of a job count: retries within one window of its schedule are one."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from collector.model.heartbeat import RunStatus
from collector.model.history import MOST_PAST_RUNS
from collector.model.policy import Cron, Every, JobPolicy
from collector.model.rule_settings import BackupFailed, BackupWarning, Retries
from collector.model.snapshot import Gap, PastRun
from collector.rules.jobs import WatchedJob
from collector.rules.results import Streak, failures, warnings
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, job_policy, job_state

TICK = timedelta(microseconds=1)
STATUS = {"S": RunStatus.SUCCESS, "W": RunStatus.WARNING, "F": RunStatus.FAILED}
SLOT = datetime.fromisoformat("2026-11-16T01:00:00Z")
LATER = SLOT + 99 * DAY
NIGHTLY = job_policy(schedule=Cron(expression="0 1 * * *", zone="UTC"), grace=3 * HOUR)
DAILY = job_policy(schedule=Every(period=DAY), grace=3 * HOUR)


def nights(told: str) -> tuple[PastRun, ...]:
    """A word a night, a letter a run: the first ends ten minutes after the slot, the next ones an hour apart."""
    return tuple(
        PastRun(SLOT + night * DAY + 10 * MINUTE + attempt * HOUR, STATUS[letter])
        for night, word in enumerate(told.split())
        for attempt, letter in enumerate(word)
    )


def watched(history: Sequence[PastRun], schedule: JobPolicy | None = NIGHTLY) -> WatchedJob:
    return WatchedJob(ENDPOINT, "daily", schedule, job_state(history=tuple(history)))


def failed(told: str, schedule: JobPolicy | None = NIGHTLY, now: datetime = LATER, **setting: object) -> bool:
    streak = failures(watched(nights(told), schedule), BackupFailed.model_validate(setting), (), now)
    return streak.latest is not None


def warned(told: str, schedule: JobPolicy | None = NIGHTLY, **setting: object) -> bool:
    streak = warnings(watched(nights(told), schedule), BackupWarning.model_validate(setting), (), LATER)
    return streak.latest is not None


@pytest.mark.parametrize("schedule", [NIGHTLY, DAILY], ids=["cron", "period"])
@pytest.mark.parametrize(
    ("told", "last", "best", "worst"),
    [
        ("S", False, False, False),
        ("W", False, False, False),
        ("F", True, True, True),
        ("FS", False, False, True),
        ("SF", True, False, True),
        ("FFS", False, False, True),
        ("FSF", True, False, True),
        ("FF", True, True, True),
        ("F S", False, False, False),
        ("S F", True, True, True),
        ("FS S", False, False, False),
    ],
)
def test_runs_of_one_window_count_as_the_setting_says(
    told: str, schedule: JobPolicy, *, last: bool, best: bool, worst: bool
) -> None:
    assert failed(told, schedule) is last, "the last one counts where nothing is set"
    assert failed(told, schedule, retries=Retries.LAST) is last
    assert failed(told, schedule, retries=Retries.BEST) is best
    assert failed(told, schedule, retries=Retries.WORST) is worst


@pytest.mark.parametrize(
    ("told", "in_a_row", "found"),
    [
        ("S F", 2, False),
        ("F F", 2, True),
        ("S F F", 3, False),
        ("F F F", 3, True),
        ("F S F", 2, False),
        ("F W F", 2, False),
        ("S FF", 2, False),
        ("SF FF", 2, True),
        ("F F S", 2, False),
        ("F F F F", 2, True),
        ("F", 2, False),
    ],
)
def test_so_many_results_in_a_row_must_be_bad(told: str, in_a_row: int, *, found: bool) -> None:
    assert failed(told, in_a_row=in_a_row) is found


@pytest.mark.parametrize(("told", "found"), [("S FF", True), ("S F F", True), ("F S F", False), ("S F", False)])
def test_without_a_schedule_each_run_is_its_own_result(told: str, *, found: bool) -> None:
    assert failed(told, None, in_a_row=2) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("W W", False),
        ("W W W", True),
        ("S W W W", True),
        ("W W W S", False),
        ("W S W W", False),
        ("W W F W", True),
        ("W W W F", True),
        ("W W F", False),
        ("F F F", False),
        ("S WWW", False),
        ("W WS W W", False),
        ("W SW W", True),
    ],
)
def test_warnings_add_up_until_a_success(told: str, *, found: bool) -> None:
    """A failure between them heals nothing, and is no warning."""
    assert warned(told, in_a_row=3) is found


@pytest.mark.parametrize(("retries", "found"), [(Retries.LAST, False), (Retries.BEST, False), (Retries.WORST, True)])
def test_warnings_count_retries_as_they_are_set(retries: Retries, *, found: bool) -> None:
    assert warned("WS", in_a_row=1, retries=retries) is found


@pytest.mark.parametrize(
    ("ended", "results"),
    [
        (SLOT - 6 * MINUTE, 1),
        (SLOT - 5 * MINUTE, 2),
        (SLOT, 2),
        (SLOT + 10 * MINUTE, 2),
    ],
    ids=["before-its-slot", "just-ahead-of-it", "at-it", "after-it"],
)
def test_run_that_began_just_ahead_of_its_slot_is_of_its_window(ended: datetime, results: int) -> None:
    """The night before failed too: whether this run is of the same window decides how many results it were."""
    history = [PastRun(SLOT - DAY + 10 * MINUTE, STATUS["F"]), PastRun(ended, STATUS["F"])]
    found = failures(watched(history), BackupFailed(in_a_row=2), (), LATER).latest
    assert (found is not None) is (results == 2)


def test_run_counts_for_its_slot_by_its_beginning() -> None:
    early, hour = SLOT + DAY - 2 * MINUTE, 3_600
    night_before = PastRun(SLOT + 10 * MINUTE, STATUS["F"])
    for duration_s, found in ((0, True), (hour, False)):  # the latter is a slow retry of the night before
        history = [night_before, PastRun(early, STATUS["F"], duration_s)]
        assert bool(failures(watched(history), BackupFailed(in_a_row=2), (), LATER).latest) is found


@pytest.mark.parametrize(("apart", "found"), [(12 * HOUR - TICK, False), (12 * HOUR, True)])
def test_with_a_period_a_retry_is_nearer_than_half_of_it(apart: timedelta, *, found: bool) -> None:
    history = [PastRun(SLOT, STATUS["F"]), PastRun(SLOT + apart, STATUS["F"])]
    assert bool(failures(watched(history, DAILY), BackupFailed(in_a_row=2), (), LATER).latest) is found


@pytest.mark.parametrize(("forgotten", "found"), [(0, True), (1, False)])
def test_job_that_has_been_bad_for_as_long_as_is_remembered_is_bad_often_enough(forgotten: int, *, found: bool) -> None:
    history = nights(" ".join("F" * (MOST_PAST_RUNS - forgotten)))
    assert bool(failures(watched(history), BackupFailed(in_a_row=1_000), (), LATER).latest) is found


BEST = BackupFailed(retries=Retries.BEST)
FAILED_AT = SLOT + 10 * MINUTE


@pytest.mark.parametrize(
    ("now", "found"), [(FAILED_AT, False), (FAILED_AT + 3 * HOUR - TICK, False), (FAILED_AT + 3 * HOUR, True)]
)
@pytest.mark.parametrize("told", ["F", "FF"])
def test_where_the_best_counts_there_is_time_for_a_retry_within_the_grace(
    told: str, now: datetime, *, found: bool
) -> None:
    streak = failures(watched(nights(told)), BEST, (), now)
    assert bool(streak.latest) is found
    assert streak.since == (FAILED_AT + 3 * HOUR if found else None)
    assert streak.next_due == (None if found else FAILED_AT + 3 * HOUR)


def test_time_for_a_retry_is_longer_by_our_own_outage() -> None:
    gaps = (Gap(start=FAILED_AT + HOUR, end=FAILED_AT + 2 * HOUR),)
    assert failures(watched(nights("F")), BEST, gaps, FAILED_AT + HOUR).next_due == FAILED_AT + 4 * HOUR


def test_failure_of_the_night_before_stays_while_there_is_time_for_a_retry() -> None:
    yesterday, today = nights("F F")
    streak = failures(watched([yesterday, today]), BEST, (), today.finished_at)
    assert streak == Streak(yesterday, yesterday.finished_at, today.finished_at + 3 * HOUR)


def test_nothing_is_waited_for_that_would_change_nothing() -> None:
    twice = BackupFailed(retries=Retries.BEST, in_a_row=2)
    assert failures(watched(nights("S F")), twice, (), FAILED_AT) == Streak()


def test_without_a_schedule_there_is_nothing_to_wait_for() -> None:
    assert failures(watched(nights("F"), None), BEST, (), FAILED_AT) == Streak(nights("F")[0], FAILED_AT)


@pytest.mark.parametrize("retries", [Retries.LAST, Retries.WORST])
def test_else_a_failure_counts_at_once(retries: Retries) -> None:
    (only,) = nights("F")
    assert failures(watched([only]), BackupFailed(retries=retries), (), FAILED_AT) == Streak(only, FAILED_AT)


def test_job_of_which_no_run_is_known_has_no_result() -> None:
    unheard = WatchedJob(ENDPOINT, "daily", NIGHTLY, None)
    for job in (unheard, watched([])):
        assert failures(job, BackupFailed(), (), NOW) == warnings(job, BackupWarning(), (), NOW) == Streak()
