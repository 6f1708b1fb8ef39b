"""A restore that failed, is due again, or was never tried; the worst level leads and all are named."""

from datetime import timedelta

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import RestoreLevel, RestoreStatus, RestoreTest
from collector.model.policy import Policy
from collector.model.rule_settings import RestoreTest as Setting
from collector.model.snapshot import JobState
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.restore_test import check
from tests.factories import DAY, ENDPOINT, HOUR, NOW, endpoint_state, job_state, policy, snapshot

TICK = timedelta(microseconds=1)
QUARTER = Setting().every[RestoreLevel.FILE] or timedelta(0)
AGAIN = Setting().again


def proof(level: str, ago: timedelta, status: str = "success") -> RestoreTest:
    return RestoreTest(job="daily", level=RestoreLevel(level), status=RestoreStatus(status), tested_at=NOW - ago)


def job(*tests: RestoreTest, first_seen: timedelta = DAY) -> JobState:
    return job_state(first_seen_at=NOW - first_seen, restore_tests={one.level: one for one in tests})


def found(state: JobState, configured: Policy | None = None) -> Finding | None:
    findings = check(snapshot([endpoint_state()], [state]), configured or policy(), NOW).findings
    return findings[0] if findings else None


@pytest.mark.parametrize(
    ("state", "reason", "severity"),
    [
        (job(), None, None),
        (job(first_seen=QUARTER - TICK), None, None),
        (job(first_seen=QUARTER), "never_tested", Severity.NOTICE),
        (job(proof("file", QUARTER - TICK), first_seen=QUARTER), None, None),
        (job(proof("file", QUARTER)), "overdue", Severity.WARNING),
        (job(proof("boot", AGAIN - TICK)), None, None),
        (job(proof("boot", AGAIN)), "overdue", Severity.WARNING),
        (job(proof("file", HOUR, "failed")), "failed", Severity.CRITICAL),
        (job(proof("file", HOUR, "failed"), proof("boot", AGAIN)), "failed", Severity.CRITICAL),
        (job(proof("boot", AGAIN), first_seen=QUARTER), "overdue", Severity.WARNING),
    ],
    ids=[
        "new",
        "a-quarter-not-over",
        "a-quarter-without",
        "proven-within",
        "proven-too-long-ago",
        "no-cadence-within",
        "no-cadence-too-long-ago",
        "failed",
        "failed-leads",
        "overdue-leads-what-was-never-tested",
    ],
)
def test_level_is_proven_within_its_time_or_found(
    state: JobState, reason: str | None, severity: Severity | None
) -> None:
    one = found(state)
    assert (one.reason, one.severity) == (reason, severity) if one else (reason, severity) == (None, None)


@pytest.mark.parametrize(("ago", "is_found"), [(QUARTER - TICK, False), (QUARTER, True)])
def test_cadence_of_a_level_is_the_jobs_own(ago: timedelta, is_found: bool) -> None:
    own = {"every": {"file": None, "database": QUARTER}, "unproven": "warning"}
    configured = policy(job_rules={job_subject(ENDPOINT, "daily"): {"restore_test": own}})
    one = found(job(first_seen=ago), configured)
    assert bool(one) is is_found
    assert one is None or (one.severity, one.facts["due"]) == (Severity.WARNING, "database")


def test_finding_names_every_level_and_counts_from_the_worst() -> None:
    one = found(job(proof("file", QUARTER + DAY), proof("database", HOUR, "failed"), proof("boot", HOUR)))
    assert one is not None
    assert one.since == NOW - HOUR
    assert one.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "failed": "database",
        "due": "file",
        "file_tested_at": (NOW - QUARTER - DAY).isoformat(),
        "database_tested_at": (NOW - HOUR).isoformat(),
    }


def test_next_level_to_fall_due_is_the_next_to_look_at() -> None:
    seen = snapshot([endpoint_state()], [job(proof("file", DAY), proof("boot", AGAIN - HOUR))])
    assert check(seen, policy(), NOW).next_due == NOW + HOUR


@pytest.mark.parametrize("retired", [job_subject(ENDPOINT, "daily"), endpoint_subject(ENDPOINT)])
def test_retired_job_owes_no_proof(retired: str) -> None:
    assert found(job(proof("file", HOUR, "failed")), policy(retired={retired: "replaced"})) is None
