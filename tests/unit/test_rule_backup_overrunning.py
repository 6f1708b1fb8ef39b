"""A run is long by what its job's runs usually take: both sides of each boundary."""

from datetime import datetime, timedelta

import pytest

from collector.model.finding import Evaluation, Severity
from collector.model.heartbeat import Role, RunStatus
from collector.model.policy import Cron, Policy
from collector.model.rule_settings import BackupOverrunning, RuleSettings
from collector.model.snapshot import Gap, PastRun
from collector.model.subject import endpoint_subject
from collector.rules.backup_overrunning import check
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
GOOD, WARNED, FAILED = RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED
UNSCHEDULED = policy()


def history(*minutes: float | None, status: RunStatus = GOOD) -> tuple[PastRun, ...]:
    """One a day, of these lengths, the last one yesterday."""
    return tuple(
        PastRun(NOW - (len(minutes) - day) * DAY, status, None if length is None else round(length * 60))
        for day, length in enumerate(minutes)
    )


def judged(
    now: datetime, past: tuple[PastRun, ...], configured: Policy = UNSCHEDULED, gaps: tuple[Gap, ...] = ()
) -> Evaluation:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=past)
    return check(snapshot(jobs=[known], gaps=gaps), configured, now)


def assert_long_from(at: datetime, past: tuple[PastRun, ...], configured: Policy = UNSCHEDULED) -> None:
    before = judged(at - TICK, past, configured)
    assert (before.findings, before.next_due) == ((), at)
    assert [one.since for one in judged(at, past, configured).findings] == [at]


@pytest.mark.parametrize(
    ("lengths", "limit"),
    [
        ((20, 20, 20), 60),
        ((10, 20, 300), 60),
        ((20, 30, 10, 40), 75),
        ((1, 1, 1), 30),
        ((10, 10, 10), 30),
        ((10.5, 10.5, 10.5), 31.5),
        ((None, 20, 20, None, 20), 60),
        ((20,) * 8 + (50,) * 7, 60),
        ((20,) * 8 + (50,) * 8, 150),
    ],
    ids=[
        "steady",
        "median",
        "even-number",
        "short",
        "at-the-least",
        "just-over-the-least",
        "some-unknown",
        "grew",
        "grew-for-the-better-part-of-two-weeks",
    ],
)
def test_long_from_three_times_its_usual_duration_and_half_an_hour_at_least(
    lengths: tuple[float | None, ...], limit: float
) -> None:
    assert_long_from(NOW + limit * MINUTE, history(*lengths))


@pytest.mark.parametrize(
    "past",
    [(), history(20, 20), history(20, 20, None), history(20, 20, 20, status=FAILED)],
    ids=["none", "two", "two-measured", "all-failed"],
)
def test_where_too_little_is_known_nothing_is_long(past: tuple[PastRun, ...]) -> None:
    told = judged(NOW + 9 * DAY, past)
    assert (told.findings, told.next_due) == ((), None)


def test_run_with_warnings_says_how_long_a_good_one_takes_and_a_failed_one_does_not() -> None:
    failed = history(1, 1, 1, 1, 1, 1, status=FAILED)
    assert_long_from(NOW + 60 * MINUTE, (*failed, *history(20, 20, 20, status=WARNED)))


def test_what_does_not_run_is_not_long() -> None:
    idle = job_state(last_run=run(NOW - DAY), history=history(20, 20, 20))
    assert check(snapshot(jobs=[idle]), UNSCHEDULED, NOW + 9 * DAY) == Evaluation()


def nightly(grace: timedelta) -> Policy:
    return policy([job_policy(schedule=Cron(expression=f"0 {NOW.hour} * * *", zone="UTC"), grace=grace)])


@pytest.mark.parametrize(
    ("grace", "now", "found", "next_due"),
    [
        (2 * HOUR, NOW + HOUR, True, NOW + 2 * HOUR),
        (2 * HOUR, NOW + 2 * HOUR - TICK, True, NOW + 2 * HOUR),
        (2 * HOUR, NOW + 2 * HOUR, False, None),
        (HOUR + TICK, NOW, False, NOW + HOUR),
        (HOUR, NOW, False, None),
    ],
    ids=["long", "until-it-is-missed", "missed", "a-tick-of-it", "missed-before-it-is-long"],
)
def test_long_until_it_is_missed(grace: timedelta, now: datetime, *, found: bool, next_due: datetime | None) -> None:
    told = judged(now, history(20, 20, 20), nightly(grace))
    assert (bool(told.findings), told.next_due) == (found, next_due)


@pytest.mark.parametrize(
    ("setting", "limit"),
    [
        (BackupOverrunning(factor=6), 120),
        (BackupOverrunning(factor=1), 30),
        (BackupOverrunning(factor=1, at_least=MINUTE), 20),
        (BackupOverrunning(at_least=2 * HOUR), 120),
    ],
)
def test_factor_and_least_are_set_for_each_job(setting: BackupOverrunning, limit: float) -> None:
    subject = job_state().subject
    configured = policy(job_rules={subject: RuleSettings(backup_overrunning=setting)})
    assert_long_from(NOW + limit * MINUTE, history(20, 20, 20), configured)


def test_end_that_we_could_not_hear_is_waited_for() -> None:
    gap = Gap(start=NOW + 30 * MINUTE, end=NOW + 70 * MINUTE)
    past = history(20, 20, 20)
    assert judged(NOW + 100 * MINUTE - TICK, past, gaps=(gap,)).findings == ()
    assert [one.since for one in judged(NOW + 100 * MINUTE, past, gaps=(gap,)).findings] == [NOW + 100 * MINUTE]


def test_retired_job_is_not_long() -> None:
    gone = policy(retired={endpoint_subject(ENDPOINT): "scrapped"})
    assert judged(NOW + DAY, history(20, 20, 20), gone).findings == ()


def test_finding_compares_with_the_usual_duration() -> None:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=history(20, 20, 20))
    told_by = NOW + HOUR + MINUTE
    (found,) = check(snapshot([endpoint_state(told_by)], [known]), UNSCHEDULED, told_by).findings
    assert (found.severity, found.reason) == (Severity.WARNING, "long")
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "running_since": NOW.isoformat(),
        "usually_s": "1200",
    }


@pytest.mark.parametrize(("late", "is_found"), [(-TICK, False), (timedelta(0), True)])
@pytest.mark.parametrize("interval_s", [60, 300])
def test_end_has_until_the_next_heartbeat_to_be_told(interval_s: int, late: timedelta, *, is_found: bool) -> None:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=history(20, 20, 20))
    now = NOW + HOUR + timedelta(seconds=interval_s) + late
    seen = snapshot([endpoint_state(now, interval_s=interval_s)], [known])
    assert bool(check(seen, UNSCHEDULED, now).findings) is is_found


def test_workstation_that_may_be_off_by_now_is_not_long() -> None:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=history(20, 20, 20))
    desk = endpoint_state(NOW + HOUR, role=Role.WORKSTATION)
    assert check(snapshot([desk], [known]), UNSCHEDULED, NOW + HOUR) == Evaluation()


@pytest.mark.parametrize(("unheard", "grey"), [(75 - 0.001, None), (75, "endpoint_silent")])
def test_nobody_knows_what_a_silent_machine_does(unheard: float, grey: str | None) -> None:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=history(20, 20, 20))
    seen = endpoint_state(NOW + 2 * HOUR - timedelta(seconds=unheard), interval_s=60)
    (found,) = check(snapshot([seen], [known]), UNSCHEDULED, NOW + 2 * HOUR).findings
    assert found.grey == grey


def test_end_may_be_among_what_a_machine_still_sends() -> None:
    known = job_state(last_run=run(NOW - DAY), running_since=NOW, history=history(20, 20, 20))
    behind = endpoint_state(sighting={"received_at": NOW + 2 * HOUR, "interval_s": 60, "queued": 1})
    (found,) = check(snapshot([behind], [known]), UNSCHEDULED, NOW + 2 * HOUR).findings
    assert found.grey == "endpoint_silent"
