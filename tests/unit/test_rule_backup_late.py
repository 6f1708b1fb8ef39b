"""A backup that should have ended is late until it is missed: both sides of each boundary."""

from datetime import datetime, timedelta

import pytest

from collector.model.finding import Evaluation, Severity
from collector.model.heartbeat import RunStatus
from collector.model.policy import Cron, Every, Policy
from collector.model.rule_settings import BackupLate, RuleSettings
from collector.model.snapshot import Gap, PastRun
from collector.model.subject import endpoint_subject
from collector.rules.backup_late import check
from tests.factories import (
    DAY,
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    job_policy,
    job_state,
    policy,
    run,
    snapshot,
)

TICK = timedelta(microseconds=1)
SLOT = datetime.fromisoformat("2026-11-22T01:00:00Z")
NIGHTLY = policy([job_policy(schedule=Cron(expression="0 1 * * *", zone="UTC"))])
DAILY = policy([job_policy()])
RAN = run(SLOT - DAY + 10 * MINUTE)


def judged(now: datetime, configured: Policy = NIGHTLY, *, gaps: tuple[Gap, ...] = (), **state: object) -> Evaluation:
    known = job_state(**{"last_run": RAN, **state})  # type: ignore[arg-type]
    return check(snapshot(jobs=[known], gaps=gaps), configured, now)


@pytest.mark.parametrize(
    ("now", "found", "next_due"),
    [
        (SLOT, False, SLOT + 15 * MINUTE),
        (SLOT + 15 * MINUTE - TICK, False, SLOT + 15 * MINUTE),
        (SLOT + 15 * MINUTE, True, SLOT + HOUR),
        (SLOT + HOUR - TICK, True, SLOT + HOUR),
        (SLOT + HOUR, False, None),
    ],
    ids=["due", "just-not-yet", "late", "still-late", "missed"],
)
def test_late_from_a_while_after_the_slot_until_it_is_missed(
    now: datetime, *, found: bool, next_due: datetime | None
) -> None:
    told = judged(now)
    assert [(one.reason, one.since, one.severity) for one in told.findings] == (
        [("late", SLOT + 15 * MINUTE, Severity.NOTICE)] if found else []
    )
    assert told.next_due == next_due


@pytest.mark.parametrize("began", [SLOT - 30 * MINUTE, SLOT - MINUTE, SLOT, SLOT + 10 * MINUTE])
def test_run_that_goes_on_is_late_by_its_slot_whenever_it_began(began: datetime) -> None:
    at = SLOT + 15 * MINUTE
    assert [one.reason for one in judged(at, running_since=began).findings] == ["late_running"]
    assert judged(at - TICK, running_since=began).findings == ()


def test_run_that_began_early_and_is_missed_before_it_could_be_late_is_not_late() -> None:
    told = judged(SLOT, running_since=SLOT - 50 * MINUTE)  # missed at ten past
    assert (told.findings, told.next_due) == ((), None)


@pytest.mark.parametrize(
    ("lengths", "late_after"),
    [((1_200, 1_200, 1_200), 35), ((600, 1_200, 2_400), 35), ((1_200, 1_200), 15), ((None, None, None), 15)],
    ids=["steady", "median", "too-few", "unknown"],
)
@pytest.mark.parametrize("running_since", [None, SLOT])
def test_run_has_the_time_that_it_usually_takes(
    lengths: tuple[int | None, ...], late_after: int, running_since: datetime | None
) -> None:
    nights = [RAN.finished_at - night * DAY for night in range(len(lengths))][::-1]
    past = tuple(PastRun(at, RunStatus.SUCCESS, length) for at, length in zip(nights, lengths, strict=True))
    late_at = SLOT + late_after * MINUTE
    assert judged(late_at - TICK, history=past, running_since=running_since) == Evaluation(next_due=late_at)
    assert [one.since for one in judged(late_at, history=past, running_since=running_since).findings] == [late_at]


def test_period_already_holds_what_a_run_takes() -> None:
    past = tuple(PastRun(RAN.finished_at - night * DAY, RunStatus.SUCCESS, 1_200) for night in (2, 1, 0))
    assert judged(RAN.finished_at + DAY + 15 * MINUTE, DAILY, history=past).findings


def test_run_that_ended_is_not_late() -> None:
    assert judged(SLOT + 15 * MINUTE, last_run=run(SLOT + 14 * MINUTE)).findings == ()


@pytest.mark.parametrize("running", [False, True])
def test_of_a_job_with_a_period_only_one_that_does_not_run_is_late(*, running: bool) -> None:
    due = RAN.finished_at + DAY
    running_since = due - 5 * MINUTE if running else None
    assert bool(judged(due + 20 * MINUTE, DAILY, running_since=running_since).findings) is not running


def test_job_that_never_reported_is_late_before_it_is_missed() -> None:
    since = NOW - DAY
    found = check(snapshot(), policy([job_policy(since=since, schedule=Every(period=DAY))]), NOW + 15 * MINUTE)
    assert [one.reason for one in found.findings] == ["late"]


@pytest.mark.parametrize(("after", "found"), [(HOUR - TICK, True), (HOUR, False), (2 * HOUR, False)])
def test_grace_that_is_no_longer_than_a_delay_leaves_nothing_to_be_late(after: timedelta, *, found: bool) -> None:
    patient = NIGHTLY.model_copy(update={"rules": RuleSettings(backup_late=BackupLate(after=after))})
    told = judged(SLOT, patient)
    assert (told.next_due is not None) is found
    assert bool(judged(SLOT + HOUR - TICK, patient).findings) is found


def test_setting_of_a_job_goes_before_that_of_its_practice() -> None:
    job = job_state(last_run=RAN)
    patient = {job.subject: RuleSettings(backup_late=BackupLate(after=30 * MINUTE))}
    configured = NIGHTLY.model_copy(update={"job_rules": patient})
    assert judged(SLOT + 30 * MINUTE - TICK, configured).findings == ()
    assert judged(SLOT + 30 * MINUTE, configured).findings


def test_our_own_outage_makes_no_run_late() -> None:
    gap = Gap(start=SLOT, end=SLOT + 20 * MINUTE)
    assert judged(SLOT + 35 * MINUTE - TICK, gaps=(gap,)).findings == ()
    assert [one.since for one in judged(SLOT + 35 * MINUTE, gaps=(gap,)).findings] == [SLOT + 35 * MINUTE]


def test_job_without_a_schedule_is_never_late() -> None:
    assert judged(NOW + 90 * DAY, policy()).findings == ()


def test_retired_job_is_not_late() -> None:
    gone = NIGHTLY.model_copy(update={"retired": {endpoint_subject(ENDPOINT): "scrapped"}})
    assert judged(SLOT + 20 * MINUTE, gone).findings == ()


def test_finding_says_until_when_there_is_time() -> None:
    seen = snapshot([endpoint_state(SLOT)], [job_state(last_run=RAN)])
    (found,) = check(seen, NIGHTLY, SLOT + 20 * MINUTE).findings
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "due_at": SLOT.isoformat(),
        "missed_at": (SLOT + HOUR).isoformat(),
    }
