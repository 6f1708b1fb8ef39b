"""When the last good backup is too old, in plain time and in open time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.model.finding import Severity
from collector.model.heartbeat import RunStatus
from collector.model.policy import Policy
from collector.model.rule_settings import RpoBreached, RuleSettings
from collector.model.snapshot import Gap, JobState, Snapshot
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.rpo_breached import check
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

JOB = job_subject(ENDPOINT, "daily")
TICK = timedelta(microseconds=1)
WELL = job_state(last_run=run(NOW))
FAILED = job_state(last_run=run(NOW + HOUR, RunStatus.FAILED), last_good=run(NOW))
WARNED = job_state(last_run=run(NOW, RunStatus.WARNING))


def scheduled(rpo: timedelta | None = None, **more: Any) -> Policy:
    return policy([job_policy().model_copy(update={"rpo": rpo})], **more)


def by_rule(rpo: timedelta | None, *, open_time: bool = False) -> RuleSettings:
    return RuleSettings(rpo_breached=RpoBreached(rpo=rpo, open_time=open_time))


def assert_breached_at(known: Snapshot, configured: Policy, at: datetime) -> None:
    before = check(known, configured, at - TICK)
    assert (before.findings, before.next_due) == ((), at)
    (found,) = check(known, configured, at).findings
    assert (found.since, found.severity) == (at, Severity.CRITICAL)
    assert found.facts["breached_at"] == at.isoformat()


@pytest.mark.parametrize("known", [WELL, FAILED, WARNED], ids=["well", "failed-since", "with-warnings"])
def test_age_is_that_of_the_last_good_backup(known: JobState) -> None:
    assert_breached_at(snapshot(jobs=[known]), scheduled(26 * HOUR), NOW + 26 * HOUR)


@pytest.mark.parametrize(
    ("own", "ruled", "breached"),
    [
        (26 * HOUR, None, 26 * HOUR),
        (None, 2 * DAY, 2 * DAY),
        (26 * HOUR, 2 * DAY, 26 * HOUR),
        (3 * DAY, 2 * DAY, 3 * DAY),
    ],
)
def test_schedules_own_goes_before_what_is_set(own: timedelta, ruled: timedelta, breached: timedelta) -> None:
    assert_breached_at(snapshot(jobs=[WELL]), scheduled(own, rules=by_rule(ruled)), NOW + breached)


def test_what_is_set_for_one_job_holds_for_it() -> None:
    configured = scheduled(rules=by_rule(2 * DAY), job_rules={JOB: by_rule(DAY)})
    assert_breached_at(snapshot(jobs=[WELL]), configured, NOW + DAY)


def test_what_is_set_holds_for_a_job_without_a_schedule() -> None:
    assert_breached_at(snapshot(jobs=[WELL]), policy(rules=by_rule(DAY)), NOW + DAY)


@pytest.mark.parametrize("configured", [scheduled(), policy()])
def test_where_none_is_agreed_none_is_breached(configured: Policy) -> None:
    judged = check(snapshot(jobs=[WELL]), configured, NOW + 400 * DAY)
    assert (judged.findings, judged.next_due) == ((), None)


@pytest.mark.parametrize("open_time", [False, True])
def test_our_own_outage_never_stops_the_age(*, open_time: bool) -> None:
    away = Gap(start=NOW + HOUR, end=paris("2026-11-23T08:30"))
    breached = paris("2026-11-23T09:00") if open_time else NOW + HOUR
    configured = scheduled(HOUR, rules=by_rule(None, open_time=open_time))
    assert_breached_at(snapshot(jobs=[WELL], gaps=(away,)), configured, breached)


def paris(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


@pytest.mark.parametrize(
    ("last_good", "rpo", "breached"),
    [
        ("2026-11-20T03:00", 11 * HOUR, "2026-11-20T19:00"),
        ("2026-11-20T03:00", 11 * HOUR + MINUTE, "2026-11-23T08:01"),  # over a weekend
        ("2026-07-13T22:00", 11 * HOUR, "2026-07-15T19:00"),  # over 14 July
        ("2026-12-24T22:00", 11 * HOUR, "2026-12-28T19:00"),
    ],
)
def test_in_open_time_nights_weekends_and_holidays_do_not_count(last_good: str, rpo: timedelta, breached: str) -> None:
    known = snapshot(jobs=[job_state(last_run=run(paris(last_good)))])
    assert_breached_at(known, scheduled(rpo, rules=by_rule(None, open_time=True)), paris(breached))


def test_practice_that_never_opens_breaches_nothing_in_open_time() -> None:
    configured = scheduled(DAY, rules=by_rule(None, open_time=True), calendar={"week": [[]] * 7})
    assert check(snapshot(jobs=[WELL]), configured, NOW + 400 * DAY).findings == ()


NEVER_GOOD = job_state(last_run=run(NOW, RunStatus.FAILED), first_seen_at=NOW - HOUR)


@pytest.mark.parametrize(
    ("known", "configured", "since"),
    [
        ([NEVER_GOOD], policy(rules=by_rule(DAY)), NOW - HOUR),
        ([NEVER_GOOD], policy([job_policy(since=NOW)], rules=by_rule(DAY)), NOW - HOUR),
        ([NEVER_GOOD], policy([job_policy(since=NOW - 2 * HOUR)], rules=by_rule(DAY)), NOW - 2 * HOUR),
        ([], policy([job_policy(since=NOW)], rules=by_rule(DAY)), NOW),
    ],
    ids=["first-seen", "seen-before-scheduled", "scheduled-before-seen", "never-seen"],
)
def test_without_any_good_backup_it_counts_from_when_the_job_was_known(
    known: list[JobState], configured: Policy, since: datetime
) -> None:
    assert_breached_at(snapshot(jobs=known), configured, since + DAY)
    (found,) = check(snapshot(jobs=known), configured, since + DAY).findings
    assert (found.reason, "last_good_at" in found.facts) == ("never_good", False)


def test_finding_says_what_was_agreed_and_how_old_the_backup_is() -> None:
    known = snapshot([endpoint_state(NOW + DAY)], [WELL])
    (found,) = check(known, scheduled(DAY), NOW + DAY).findings
    assert (found.subject, found.root, found.reason) == (JOB, JOB, "exceeded")
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "rpo": "1d",
        "last_good_at": NOW.isoformat(),
        "breached_at": (NOW + DAY).isoformat(),
    }


def test_breach_of_a_machine_that_is_silent_hangs_on_the_machine() -> None:
    judged = check(snapshot([endpoint_state()], [WELL]), scheduled(MINUTE), NOW + MINUTE)
    assert (judged.findings[0].root, judged.next_due) == (JOB, NOW + timedelta(seconds=75))
    (found,) = check(snapshot([endpoint_state()], [WELL]), scheduled(MINUTE), NOW + timedelta(seconds=75)).findings
    assert found.root == endpoint_subject(ENDPOINT)


def test_retired_job_breaches_nothing() -> None:
    assert check(snapshot(jobs=[WELL]), scheduled(DAY, retired={JOB: "gone"}), NOW + 9 * DAY).findings == ()
