"""When a backup counts as missed: both sides of each boundary."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.model.finding import Finding
from collector.model.heartbeat import RunStatus
from collector.model.policy import Cron, Every, Policy
from collector.model.snapshot import Gap, JobState, Snapshot
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.backup_missed import check
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

OTHER = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c009")
SUBJECT = job_subject(ENDPOINT, "daily")
TICK = timedelta(microseconds=1)
DAILY = policy([job_policy()])
DUE = NOW + DAY + HOUR  # a day's period and an hour's grace after a run that ended NOW


def known(*jobs: JobState, gaps: tuple[Gap, ...] = ()) -> Snapshot:
    return snapshot(jobs=jobs, gaps=gaps)


def missed(seen: Snapshot, configured: Policy, now: datetime) -> list[Finding]:
    return list(check(seen, configured, now).findings)


def assert_missed_from(seen: Snapshot, at: datetime, reason: str = "not_run", configured: Policy = DAILY) -> None:
    before = check(seen, configured, at - TICK)
    assert (before.findings, before.next_due) == ((), at)
    assert [(one.since, one.reason) for one in missed(seen, configured, at)] == [(at, reason)]


@pytest.mark.parametrize("status", [RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED])
def test_run_that_ended_counts_whatever_its_outcome(status: RunStatus) -> None:
    assert_missed_from(known(job_state(last_run=run(NOW, status))), DUE)


def test_job_that_never_reported_counts_from_when_its_schedule_was_set() -> None:
    assert_missed_from(known(), NOW + HOUR, "never_reported")


def test_job_that_only_ever_started_has_never_reported_an_end() -> None:
    running = job_state(running_since=NOW - HOUR)
    assert_missed_from(known(running), NOW, "still_running")


@pytest.mark.parametrize(
    ("started_at", "missed_at"),
    [
        (NOW + DAY + 30 * MINUTE, DUE),
        (NOW + DAY, DUE),
        (NOW + DAY - 30 * MINUTE, DUE - 30 * MINUTE),
    ],
    ids=["late", "on-time", "early"],
)
def test_late_start_does_not_extend_the_deadline(started_at: datetime, missed_at: datetime) -> None:
    started = job_state(last_run=run(NOW), running_since=started_at)
    assert_missed_from(known(started), missed_at, "still_running")


def test_start_from_before_the_schedule_counts_from_the_schedule() -> None:
    configured = policy([job_policy(since=NOW)])
    started = job_state(running_since=NOW - 10 * DAY)
    assert_missed_from(known(started), NOW + HOUR, "still_running", configured)


def test_grace_may_be_nothing() -> None:
    assert_missed_from(known(job_state(last_run=run())), NOW + DAY, configured=policy([job_policy(grace=TICK * 0)]))


@pytest.mark.parametrize(
    ("start", "end", "moved"),
    [
        (NOW, NOW + DAY, timedelta(0)),
        (NOW, NOW + DAY + TICK, TICK),
        (NOW + DAY, DUE, HOUR),
        (DUE - TICK, DUE + DAY, DAY + TICK),
        (DUE, DUE + DAY, timedelta(0)),
    ],
    ids=["before-it-is-due", "into-the-grace", "the-whole-grace", "the-last-tick", "after-it-was-missed"],
)
def test_our_own_outage_within_the_grace_moves_the_deadline(start: datetime, end: datetime, moved: timedelta) -> None:
    assert_missed_from(known(job_state(last_run=run()), gaps=(Gap(start=start, end=end),)), DUE + moved)


def test_job_without_a_schedule_is_never_missed() -> None:
    judged = check(known(job_state(last_run=run(NOW - 400 * DAY))), policy(), NOW)
    assert (judged.findings, judged.next_due) == ((), None)


@pytest.mark.parametrize(
    "retired",
    [
        {"retired": {SUBJECT: "replaced"}},
        {"retired": {endpoint_subject(ENDPOINT): "scrapped"}},
        {"retired_because": "left us"},
    ],
    ids=["job", "endpoint", "practice"],
)
def test_retired_job_is_not_missed(retired: dict[str, Any]) -> None:
    configured = policy([job_policy()], **retired)
    judged = check(known(job_state(last_run=run())), configured, NOW + 9 * DAY)
    assert (judged.findings, judged.next_due) == ((), None)


def test_own_schedule_goes_before_the_practice_wide_one() -> None:
    weekly = job_policy(schedule=Every(period=7 * DAY), endpoint_id=None)
    both = policy([job_policy(), weekly])
    jobs = [job_state(last_run=run()), job_state(last_run=run(), endpoint_id=OTHER)]
    assert [one.subject for one in missed(known(*jobs), both, DUE)] == [SUBJECT]
    assert len(missed(known(*jobs), both, NOW + 7 * DAY + HOUR)) == 2


def test_practice_wide_schedule_that_nobody_runs_is_missed_once() -> None:
    wide = policy([job_policy(endpoint_id=None)])
    assert [one.subject for one in missed(known(), wide, NOW + HOUR)] == [job_subject(None, "daily")]


def test_practice_wide_schedule_is_not_missed_beside_one_who_runs_it() -> None:
    wide = policy([job_policy(endpoint_id=None)])
    assert missed(known(job_state(last_run=run())), wide, NOW + HOUR) == []


def test_practice_wide_schedule_outlives_the_machine_that_ran_it() -> None:
    wide = policy([job_policy(endpoint_id=None)], retired={endpoint_subject(ENDPOINT): "replaced"})
    assert [one.subject for one in missed(known(job_state(last_run=run())), wide, DUE)] == [job_subject(None, "daily")]


def test_run_just_ahead_of_its_slot_counts_for_it() -> None:
    nightly = policy([job_policy(schedule=Cron(expression="0 1 * * *", zone="UTC"))])
    slot = datetime.fromisoformat("2026-11-21T01:00:00Z")
    ran = known(job_state(last_run=run(slot - 2 * MINUTE)))
    assert missed(ran, nightly, slot + 2 * HOUR) == []
    assert missed(ran, nightly, slot + DAY + HOUR) != []


def test_run_an_hour_ahead_of_its_slot_does_not_count_for_it() -> None:
    nightly = policy([job_policy(schedule=Cron(expression="0 1 * * *", zone="UTC"))])
    slot = datetime.fromisoformat("2026-11-21T01:00:00Z")
    assert_missed_from(known(job_state(last_run=run(slot - HOUR))), slot + HOUR, configured=nightly)


OVERDUE = timedelta(seconds=75)  # a quarter of an interval late


@pytest.mark.parametrize(
    ("last_heard", "root", "changes_at"),
    [
        (DUE - OVERDUE + TICK, SUBJECT, DUE + TICK),
        (DUE - OVERDUE, endpoint_subject(ENDPOINT), None),
        (DUE - DAY, endpoint_subject(ENDPOINT), None),
    ],
    ids=["alive", "overdue", "dead"],
)
def test_late_job_of_a_dead_server_hangs_on_the_server(
    last_heard: datetime, root: str, changes_at: datetime | None
) -> None:
    seen = snapshot([endpoint_state(last_heard)], [job_state(last_run=run())])
    judged = check(seen, DAILY, DUE)
    assert ([one.root for one in judged.findings], judged.next_due) == ([root], changes_at)


def test_finding_tells_the_technician_what_was_due() -> None:
    seen = snapshot([endpoint_state(DUE)], [job_state(last_run=run())])
    (found,) = missed(seen, DAILY, DUE)
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "due_at": (NOW + DAY).isoformat(),
        "last_good_at": NOW.isoformat(),
    }


def test_practice_wide_retirement_ends_where_a_machine_has_its_own_schedule() -> None:
    retired = {"retired": {job_subject(None, "daily"): "no longer wanted"}}
    ran_once, late = known(job_state(last_run=run())), NOW + 9 * DAY
    assert not check(ran_once, policy([], **retired), late).findings
    assert check(ran_once, policy([job_policy()], **retired), late).findings


def test_slow_run_that_ends_just_before_the_next_slot_does_not_count_for_it() -> None:
    hourly = policy([job_policy(schedule=Cron(expression="0 * * * *", zone="UTC"), grace=10 * MINUTE)])
    slow = run(NOW - 3 * MINUTE).model_copy(update={"started_at": NOW - HOUR})
    assert check(known(job_state(last_run=slow)), hourly, NOW + 10 * MINUTE).findings
    assert not check(known(job_state(last_run=slow)), hourly, NOW + 10 * MINUTE - TICK).findings


def test_finding_about_a_job_that_was_never_heard_of_says_since_when_it_is_scheduled() -> None:
    configured = policy([job_policy(since=NOW - DAY)])
    for seen in (known(), known(job_state())):
        (found,) = missed(seen, configured, NOW + HOUR)
        assert (found.reason, found.facts) == (
            "never_reported",
            {"job": "daily", "due_at": NOW.isoformat(), "scheduled_since": (NOW - DAY).isoformat()},
        )
