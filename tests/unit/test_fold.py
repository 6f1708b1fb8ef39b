"""What one report changes of what is known, section by section; late and repeated ones never turn it back."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.judge import learn
from collector.model import fold as folding
from collector.model.fold import ALERT_MEMORY, fold
from collector.model.heartbeat import (
    Alert,
    AlertStatus,
    Copy,
    Medium,
    Patches,
    Protection,
    RestoreLevel,
    RestoreStatus,
    RestoreTest,
    Role,
    RunStatus,
    Sections,
)
from collector.model.report import Report
from collector.model.snapshot import EndpointState, JobState, Snapshot
from collector.model.subject import job_subject
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, backup, endpoint, report, snapshot

JOB = job_subject(ENDPOINT, "daily")
EMPTY = Snapshot(practice_id=PRACTICE)


def ran(at: datetime, status: RunStatus = RunStatus.SUCCESS, *, sent: datetime | None = None, **more: Any) -> Report:
    """A report, sent as the run ends unless told otherwise."""
    return report(sent or at, sections=Sections(backups=(backup(status=status, finished_at=at, **more),)))


def started(at: datetime, **more: Any) -> Report:
    run = backup(status=RunStatus.RUNNING, finished_at=None, started_at=at, **more)
    return report(at, sections=Sections(backups=(run,)))


def proved(
    at: datetime, status: RestoreStatus = RestoreStatus.SUCCESS, level: RestoreLevel = RestoreLevel.FILE
) -> Report:
    proof = RestoreTest(job="daily", level=level, status=status, tested_at=at)
    return report(at, sections=Sections(restore_tests=(proof,)))


def alerted(at: datetime, status: AlertStatus = AlertStatus.OPEN, alert_id: str = "a-1") -> Report:
    alert = Alert.model_validate(
        {"id": alert_id, "at": at, "severity": "high", "category": "malware", "name": "EICAR", "status": status},
        strict=False,
    )
    return report(at, sections=Sections(alerts=(alert,)))


def after(*reports: Report) -> Snapshot:
    return learn(EMPTY, reports)


def job_after(*reports: Report) -> JobState:
    return after(*reports).jobs[JOB]


def endpoint_after(*reports: Report) -> EndpointState:
    return after(*reports).endpoints[ENDPOINT]


def alerts_after(reports: Iterable[Report]) -> dict[str, AlertStatus]:
    return {key: known.alert.status for key, known in endpoint_after(*reports).alerts.items()}


def test_first_report_makes_the_endpoint_known() -> None:
    known = endpoint_after(report(NOW))
    assert (known.name, known.role, known.first_seen_at, known.last_report_at) == ("SRV-01", Role.SERVER, NOW, NOW)


def test_first_report_without_identity_keeps_its_job_and_no_endpoint() -> None:
    anonymous = ran(NOW).model_copy(update={"endpoint": None})
    learned = after(anonymous)
    assert learned.endpoints == {}
    assert learned.jobs[JOB].last_run


def test_identity_that_comes_second_makes_the_endpoint_known() -> None:
    anonymous = ran(NOW).model_copy(update={"endpoint": None})
    assert endpoint_after(anonymous, report(NOW + MINUTE)).first_seen_at == NOW + MINUTE


def test_report_without_identity_changes_no_name() -> None:
    anonymous = report(NOW + HOUR).model_copy(update={"endpoint": None})
    known = endpoint_after(report(NOW), anonymous)
    assert (known.name, known.as_of) == ("SRV-01", NOW + HOUR)


def test_newer_report_renames_and_a_late_one_does_not_rename_back() -> None:
    old, new = report(NOW), report(NOW + HOUR, identity=endpoint(name="SRV-NEW", role=Role.WORKSTATION))
    late = report(NOW + MINUTE, received_at=NOW + 2 * HOUR, identity=endpoint(name="LATE"), queued=3)
    known = endpoint_after(old, new, late)
    assert (known.name, known.role, known.as_of) == ("SRV-NEW", Role.WORKSTATION, NOW + HOUR)
    assert known.last_report_at == NOW + 2 * HOUR


def test_absent_sections_change_nothing() -> None:
    known = after(ran(NOW), proved(NOW), alerted(NOW))
    assert fold(known, report(NOW + DAY)).jobs == known.jobs


@pytest.mark.parametrize(
    ("status", "good"),
    [(RunStatus.SUCCESS, True), (RunStatus.WARNING, True), (RunStatus.FAILED, False)],
)
def test_last_good_run_is_one_that_left_something_to_restore(status: RunStatus, *, good: bool) -> None:
    job = job_after(ran(NOW - DAY), ran(NOW, status))
    assert job.last_run is not None
    assert job.last_run.status is status
    assert job.last_good is not None
    assert job.last_good.finished_at == (NOW if good else NOW - DAY)


def test_late_run_fills_the_last_good_one_behind_a_later_failure() -> None:
    job = job_after(ran(NOW, RunStatus.FAILED), ran(NOW - HOUR))
    assert job.last_run is not None
    assert job.last_run.status is RunStatus.FAILED
    assert job.last_good is not None
    assert job.last_good.finished_at == NOW - HOUR


def test_late_report_of_a_run_brings_back_no_copies() -> None:
    here, gone = Copy(medium=Medium.CLOUD, location="s3"), Copy(medium=Medium.USB, location="usb")
    job = job_after(ran(NOW, copies=(here,)), ran(NOW - HOUR, copies=(gone,), tool="old"))
    assert (job.copies, job.tool, job.as_of) == ((here,), "restic 0.16.4", NOW)


def test_start_takes_no_copies_away() -> None:
    here = Copy(medium=Medium.CLOUD, location="s3")
    assert job_after(ran(NOW, copies=(here,)), started(NOW + HOUR)).copies == (here,)


def test_start_says_since_when_a_run_is_under_way() -> None:
    assert job_after(ran(NOW), started(NOW + HOUR)).running_since == NOW + HOUR


def test_end_at_the_instant_of_its_start_ends_it() -> None:
    assert job_after(started(NOW), ran(NOW)).running_since is None


def test_end_of_an_earlier_run_does_not_end_the_one_under_way() -> None:
    assert job_after(started(NOW), ran(NOW - MINUTE)).running_since == NOW


@pytest.mark.parametrize(("offset", "running"), [(-MINUTE, False), (timedelta(0), False), (MINUTE, True)])
def test_start_that_comes_behind_the_end_of_its_run_starts_nothing(offset: timedelta, *, running: bool) -> None:
    assert (job_after(ran(NOW), started(NOW + offset)).running_since is not None) is running


def test_late_start_of_an_earlier_run_does_not_turn_the_start_back() -> None:
    assert job_after(started(NOW), started(NOW - HOUR)).running_since == NOW


def test_start_without_a_time_counts_from_when_it_was_sent() -> None:
    run = backup(status=RunStatus.RUNNING, finished_at=None)
    assert job_after(report(NOW, sections=Sections(backups=(run,)))).running_since == NOW


def test_run_that_is_reported_again_does_not_end_later() -> None:
    ahead = NOW + 30 * DAY
    job = job_after(ran(ahead, sent=NOW, run_id="one"), ran(ahead, sent=NOW + 6 * HOUR, run_id="one"))
    assert job.last_run is not None
    assert job.last_run.finished_at == NOW


def test_restore_tests_are_kept_by_level_and_the_newest_counts() -> None:
    job = job_after(
        ran(NOW),
        proved(NOW),
        proved(NOW - DAY, RestoreStatus.FAILED),
        proved(NOW - DAY, RestoreStatus.FAILED, RestoreLevel.DATABASE),
    )
    assert {level: proof.status for level, proof in job.restore_tests.items()} == {
        RestoreLevel.FILE: RestoreStatus.SUCCESS,
        RestoreLevel.DATABASE: RestoreStatus.FAILED,
    }


def test_restore_test_that_arrives_before_its_backup_is_kept() -> None:
    assert job_after(proved(NOW), ran(NOW + MINUTE)).restore_tests


def patched(at: datetime, missing: int) -> Report:
    patches = {"scanned_at": at, "missing": tuple({"id": f"KB{n}", "severity": "low"} for n in range(missing))}
    return report(at, sections=Sections(patches=Patches.model_validate(patches, strict=False)))


def test_late_patch_scan_does_not_replace_a_newer_one() -> None:
    known = endpoint_after(patched(NOW, 1), patched(NOW - HOUR, 5)).patches
    assert known is not None
    assert (known.count, known.as_of) == (1, NOW)


def test_scan_is_kept_as_figures_by_severity() -> None:
    known = endpoint_after(patched(NOW, 3)).patches
    assert known is not None
    assert {severity.value: one.count for severity, one in known.missing.items()} == {"low": 3}


def test_more_than_a_practice_can_have_is_not_kept_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST_ENDPOINTS", 1)
    monkeypatch.setattr(folding, "MOST_JOBS", 1)
    one, other = report(NOW), report(NOW, endpoint_id=PRACTICE, identity=endpoint(PRACTICE))
    assert not learn(Snapshot(practice_id=PRACTICE), (one,)).crowded
    crowded = learn(Snapshot(practice_id=PRACTICE), (one, other))
    assert (list(crowded.endpoints), crowded.crowded) == ([ENDPOINT], True)
    jobs = Sections(backups=(backup("a"), backup("b")))
    crowded = learn(Snapshot(practice_id=PRACTICE), (report(NOW, sections=jobs),))
    assert (len(crowded.jobs), crowded.crowded) == (1, True)


def test_scan_is_dated_by_our_clock() -> None:
    theirs = NOW + 3650 * DAY
    known = endpoint_after(patched(theirs, 1).model_copy(update={"received_at": NOW})).patches
    assert known is not None
    assert known.scanned_at <= NOW


def test_late_protection_does_not_replace_a_newer_one() -> None:
    def protected(at: datetime, mode: str) -> Report:
        product = Protection.model_validate({"product": "Defender", "mode": mode, "real_time": True}, strict=False)
        return report(at, sections=Sections(protection=(product,)))

    known = endpoint_after(protected(NOW, "active"), protected(NOW - HOUR, "off")).protection
    assert known is not None
    assert known.products[0].mode == "active"


def test_patches_and_protection_are_each_judged_by_their_own_age() -> None:
    late_scan = patched(NOW - HOUR, 2)
    known = endpoint_after(report(NOW), late_scan)
    assert known.as_of == NOW
    assert known.patches is not None


def test_late_word_of_an_alert_does_not_reopen_it() -> None:
    assert alerts_after([alerted(NOW, AlertStatus.REMEDIATED), alerted(NOW - HOUR)]) == {"a-1": AlertStatus.REMEDIATED}


def test_later_word_of_an_alert_reopens_it() -> None:
    reports = [alerted(NOW), alerted(NOW + HOUR, AlertStatus.DISMISSED), alerted(NOW + DAY)]
    assert alerts_after(reports) == {"a-1": AlertStatus.OPEN}


@pytest.mark.parametrize(
    ("status", "later", "kept"),
    [
        (AlertStatus.REMEDIATED, ALERT_MEMORY, True),
        (AlertStatus.REMEDIATED, ALERT_MEMORY + timedelta(microseconds=1), False),
        (AlertStatus.DISMISSED, ALERT_MEMORY + timedelta(microseconds=1), False),
        (AlertStatus.OPEN, 10 * ALERT_MEMORY, True),
    ],
)
def test_closed_alert_is_forgotten_after_its_memory(status: AlertStatus, later: timedelta, *, kept: bool) -> None:
    assert ("a-1" in alerts_after([alerted(NOW, status), alerted(NOW + later, alert_id="a-2")])) is kept


def test_every_report_counts() -> None:
    assert after(report(NOW), report(NOW - DAY), ran(NOW)).fold_no == 3


def test_fold_leaves_the_snapshot_it_was_given() -> None:
    before = snapshot()
    fold(before, ran(NOW))
    assert before == snapshot()
