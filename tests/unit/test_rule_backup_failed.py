"""A run that ended badly is found until a good one ends after it."""

from datetime import timedelta

import pytest

from collector.model.heartbeat import RunStatus
from collector.model.rule_settings import BackupFailed, Retries, RuleSettings
from collector.model.snapshot import PastRun, Run
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.backup_failed import check
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

SUBJECT = job_subject(ENDPOINT, "daily")
FAILED = run(NOW, RunStatus.FAILED)


@pytest.mark.parametrize(
    ("last_run", "found"),
    [
        (None, False),
        (run(NOW, RunStatus.SUCCESS), False),
        (run(NOW, RunStatus.WARNING), False),
        (FAILED, True),
    ],
    ids=["never-ran", "success", "warning", "failed"],
)
@pytest.mark.parametrize("scheduled", [True, False])
def test_only_a_failed_run_is_found_scheduled_or_not(last_run: Run | None, *, found: bool, scheduled: bool) -> None:
    configured = policy([job_policy()] if scheduled else [])
    assert bool(check(snapshot(jobs=[job_state(last_run=last_run)]), configured, NOW).findings) is found


def test_failure_lasts_as_long_as_no_good_run_ends() -> None:
    judged = check(snapshot(jobs=[job_state(last_run=FAILED)]), policy(), NOW + 300 * DAY)
    assert [one.since for one in judged.findings] == [NOW]
    assert judged.next_due is None


@pytest.mark.parametrize("retired", [SUBJECT, endpoint_subject(ENDPOINT), job_subject(None, "daily")])
def test_retired_job_is_not_found(retired: str) -> None:
    seen = snapshot(jobs=[job_state(last_run=FAILED)])
    assert check(seen, policy(retired={retired: "replaced"}), NOW).findings == ()


@pytest.mark.parametrize(
    ("silence_s", "root"), [(74, SUBJECT), (75, endpoint_subject(ENDPOINT))], ids=["alive", "overdue"]
)
def test_failure_hangs_on_its_server_once_that_is_overdue(silence_s: int, root: str) -> None:
    seen = snapshot([endpoint_state(NOW)], [job_state(last_run=FAILED)])
    judged = check(seen, policy(), NOW + timedelta(seconds=silence_s))
    assert [one.root for one in judged.findings] == [root]


def test_finding_says_what_the_tool_said_and_what_is_left() -> None:
    failed = FAILED.model_copy(update={"message": "the repository is locked"})
    job = job_state(last_run=failed, last_good=run(NOW - DAY))
    (found,) = check(snapshot([endpoint_state()], [job]), policy(), NOW + HOUR).findings
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "failed_at": NOW.isoformat(),
        "message": "the repository is locked",
        "last_good_at": (NOW - DAY).isoformat(),
    }


@pytest.mark.parametrize(
    ("tool", "signature"),
    [
        ("restic", "backup_failed:restic"),
        ("restic 0.16.4", "backup_failed:restic"),
        ("restic/0.18.1", "backup_failed:restic"),
        ("Restic v0.16", "backup_failed:restic"),
        ("Veeam Backup & Replication 12.1.2", "backup_failed:veeam backup & replication"),
        ("Windows Server Backup", "backup_failed:windows server backup"),
        ("7-Zip 24.08", "backup_failed:7-zip"),
        ("ping", None),
        ("mail", None),
        (None, None),
    ],
)
def test_failures_of_one_tool_have_its_name_in_common(tool: str | None, signature: str | None) -> None:
    job = job_state(last_run=FAILED, history=(PastRun(NOW, RunStatus.FAILED, tool=tool),))
    assert [one.signature for one in check(snapshot(jobs=[job]), policy(), NOW).findings] == [signature]


@pytest.mark.parametrize("scope", [SUBJECT, job_subject(None, "daily")])
def test_setting_of_a_job_goes_before_that_of_its_practice(scope: str) -> None:
    twice = RuleSettings(backup_failed=BackupFailed(in_a_row=2))
    once, again = (PastRun(at, RunStatus.FAILED) for at in (NOW - DAY, NOW))
    configured = policy(job_rules={scope: twice})
    assert not check(snapshot(jobs=[job_state(last_run=FAILED, history=(again,))]), configured, NOW).findings
    (found,) = check(snapshot(jobs=[job_state(last_run=FAILED, history=(once, again))]), configured, NOW).findings
    assert found.since == NOW


def test_message_of_a_good_run_is_not_told_as_that_of_the_failure_before_it() -> None:
    done = run(NOW).model_copy(update={"message": "all done"})
    failed, ended = PastRun(NOW - MINUTE, RunStatus.FAILED), PastRun(NOW, RunStatus.SUCCESS)
    worst = policy([job_policy()], rules=RuleSettings(backup_failed=BackupFailed(retries=Retries.WORST)))
    (found,) = check(snapshot(jobs=[job_state(last_run=done, history=(failed, ended))]), worst, NOW).findings
    assert found.facts == {
        "job": "daily", "failed_at": failed.finished_at.isoformat(), "last_good_at": NOW.isoformat()
    }  # fmt: skip
