"""A run that looks like encryption is found at once, stays for a while, and weighs more beside other traces."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus, Medium
from collector.model.media import KeptCopy, Shortened
from collector.model.reading import Excuse, Reading
from collector.model.rule_settings import RansomwareSignature, RuleSettings
from collector.model.snapshot import AlertState, EndpointState, JobState, ProtectionState, Snapshot
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.ransomware_signature import check
from tests.factories import DAY, ENDPOINT, HOUR, NOW, endpoint_state, job_state, policy, snapshot

OTHER = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c009")
KEPT = RansomwareSignature().kept
MICROSECOND = timedelta(microseconds=1)


def reading(at: datetime = NOW, share: float = 0.6, **more: Any) -> Reading:
    whole = Reading(
        finished_at=at, share=share, usual=0.0, ceiling=0.1, crept=share, beyond=1, alone=False, known=20,
        rewritten=share, changed=share, excuse=None, points_gone=False, clean_at=at - DAY,
    )  # fmt: skip
    return whole._replace(**more)


def job(*readings: Reading, **more: Any) -> JobState:
    return job_state(readings=readings, **more)


def found(seen: Snapshot | JobState, now: datetime = NOW, **setting: Any) -> Sequence[Finding]:
    rules = RuleSettings(ransomware_signature=RansomwareSignature.model_validate(setting))
    seen = snapshot(jobs=[seen]) if isinstance(seen, JobState) else seen
    return check(seen, policy(rules=rules), now).findings


def test_job_without_readings_is_not_found() -> None:
    assert found(job()) == ()


@pytest.mark.parametrize(
    ("one", "is_found"),
    [
        (reading(share=0.2), True),
        (reading(share=0.19), False),
        (reading(share=0.4, usual=0.2), True),
        (reading(share=0.39, usual=0.2), False),
        (reading(share=0.25, ceiling=0.26), False),
        (reading(share=0.25, ceiling=0.25), True),
        (reading(share=0.25, alone=True), True),
        (reading(share=0.24, alone=True), False),
        (reading(share=0.4, alone=True, files_untold=True), True),
        (reading(share=0.39, alone=True, files_untold=True), False),
        (reading(known=3), True),
        (reading(known=2), False),
        (reading(share=0.9, excuse=Excuse.TOOL), False),
        (reading(share=0.05, crept=0.1, beyond=2), True),
        (reading(share=0.05, crept=0.099, beyond=2), False),
        (reading(share=0.15, crept=0.15, beyond=1), False),
        (reading(share=0.05, crept=0.2, beyond=3, alone=True), True),
        (reading(share=0.05, crept=0.199, beyond=3, alone=True), False),
        (reading(share=0.05, crept=0.1, beyond=3, alone=True, rewritten=None), True),
        (reading(share=0.05, crept=0.099, beyond=3, alone=True, rewritten=None), False),
        (reading(share=0.15, crept=0.3, beyond=2, alone=True), False),
        (reading(share=0.1, crept=0.1, beyond=0, each=0.02), True),
        (reading(share=0.1, crept=0.1, beyond=0, each=0.019), False),
        (reading(share=0.1, crept=0.1, beyond=0, each=0.08, alone=True), True),
        (reading(share=0.1, crept=0.1, beyond=0, each=0.079, alone=True), False),
        (reading(share=0.3, usual=0.2, crept=0.3, beyond=0, each=0.1), True),
        (reading(share=0.3, usual=0.2, crept=0.3, beyond=0, each=0.09), False),
        (reading(share=0.1, crept=0.1, beyond=2, each=0.03, known=12), True),
        (reading(share=0.1, crept=0.1, beyond=2, each=0.03, known=11), False),
    ],
)
def test_both_sides_of_each_boundary(one: Reading, *, is_found: bool) -> None:
    assert bool(found(job(one))) is is_found


@pytest.mark.parametrize(
    ("setting", "share", "is_found"),
    [({"rewritten": 0.7}, 0.6, False), ({"rewritten": 0.1}, 0.15, True), ({"least_runs": 21}, 0.6, False)],
)
def test_settings_decide(setting: dict[str, Any], share: float, *, is_found: bool) -> None:
    assert bool(found(job(reading(share=share)), **setting)) is is_found


def test_it_stays_for_a_while_after_the_last_suspicious_run_and_begins_with_the_first() -> None:
    two = job(reading(NOW, 0.3), reading(NOW + 3 * DAY, 0.5))
    last = NOW + 3 * DAY + KEPT - MICROSECOND
    assert found(two, last) == found(two)
    assert [one.since for one in found(two, last)] == [NOW]
    assert found(two, last + MICROSECOND) == ()
    assert check(snapshot(jobs=[two]), policy(), NOW).next_due == last + MICROSECOND


def test_attack_long_after_another_is_a_new_one() -> None:
    (one,) = found(job(reading(NOW), reading(NOW + KEPT)), NOW + KEPT)
    assert one.since == NOW + KEPT


def machine(**more: Any) -> EndpointState:
    return endpoint_state(endpoint_id=OTHER, **more)


def alert(category: AlertCategory, at: datetime = NOW, status: AlertStatus = AlertStatus.OPEN) -> EndpointState:
    one = Alert(id="1", at=at, severity=AlertSeverity.HIGH, category=category, name="x", status=status)
    return machine(alerts={"1": AlertState(as_of=at, alert=one)})


def copy(**more: Any) -> KeptCopy:
    times = dict.fromkeys(("first_at", "listed_at", "renewed_at"), NOW - DAY)
    return KeptCopy.model_validate({"medium": Medium.NAS, "location": "nas", **times, **more})


def disarmed(at: datetime) -> EndpointState:
    return machine(protection=ProtectionState(as_of=NOW, products=(), disarmed_at=at))


SHORTENED = Shortened(at=NOW, before=NOW + 9 * DAY, after=NOW)
WEAK = reading(share=0.1)  # found only beside another trace


@pytest.mark.parametrize(
    ("seen", "raised_by"),
    [
        (snapshot([machine()], [job(WEAK)]), None),
        (snapshot([alert(AlertCategory.RANSOMWARE)], [job(WEAK)]), "ransomware_alert"),
        (snapshot([alert(AlertCategory.TAMPERING)], [job(WEAK)]), "tampering_alert"),
        (snapshot([alert(AlertCategory.MALWARE)], [job(WEAK)]), None),
        (snapshot([alert(AlertCategory.RANSOMWARE, status=AlertStatus.REMEDIATED)], [job(WEAK)]), "ransomware_alert"),
        (snapshot([alert(AlertCategory.RANSOMWARE, status=AlertStatus.DISMISSED)], [job(WEAK)]), None),
        (snapshot([alert(AlertCategory.RANSOMWARE, NOW - 48 * HOUR)], [job(WEAK)]), "ransomware_alert"),
        (snapshot([alert(AlertCategory.RANSOMWARE, NOW + 48 * HOUR)], [job(WEAK)]), "ransomware_alert"),
        (snapshot([alert(AlertCategory.RANSOMWARE, NOW - 49 * HOUR)], [job(WEAK)]), None),
        (snapshot([disarmed(NOW - HOUR)], [job(WEAK)]), "protection_off"),
        (snapshot([disarmed(NOW - 3 * DAY)], [job(WEAK)]), None),
        (snapshot([], [job(WEAK, kept_copies={"a": copy(deleted_at=NOW)})]), "copies_deleted"),
        (snapshot([], [job(WEAK, kept_copies={"a": copy(shortened=SHORTENED)})]), "lock_shortened"),
        (snapshot([], [job(WEAK._replace(points_gone=True))]), "restore_points_gone"),
    ],
)
def test_other_traces_nearby_make_less_weigh_as_much(seen: Snapshot, raised_by: str | None) -> None:
    assert [one.facts["raised_by"] for one in found(seen)] == ([raised_by] if raised_by else [])


def image(endpoint_id: UUID = OTHER, **more: Any) -> JobState:
    one = reading(share=0.1, crept=0.1, beyond=0, alone=True, **more)
    return job_state(job="system", endpoint_id=endpoint_id, readings=(one,))


def of_image(*jobs: JobState) -> Sequence[Finding]:
    return [one for one in found(snapshot(jobs=jobs)) if one.facts["job"] == "system"]


@pytest.mark.parametrize(
    ("other", "each", "is_found"),
    [
        (reading(), 0.04, True),
        (reading(), 0.039, False),
        (reading(NOW - 48 * HOUR), 0.04, True),
        (reading(NOW - 49 * HOUR), 0.04, False),
        (WEAK, 0.04, False),
    ],
)
def test_job_that_is_suspicious_by_itself_lets_those_of_other_machines_need_less(
    other: Reading, each: float, *, is_found: bool
) -> None:
    raised = of_image(job(other), image(each=each))
    assert [(one.reason, one.facts["raised_by"]) for one in raised] == [("creeping", "other_job")] * is_found


@pytest.mark.parametrize(
    ("other", "excuse", "is_found"),
    [
        (reading(), None, True),
        (reading(NOW - 48 * HOUR), None, True),
        (reading(NOW - 49 * HOUR), None, False),
        (reading(), Excuse.TOOL, True),
        (reading(excuse=Excuse.TOOL), Excuse.TOOL, False),
        (WEAK, None, False),
    ],
)
def test_job_that_wrote_more_than_usual_beside_a_suspicious_one_of_its_machine_is_suspicious_too(
    other: Reading, excuse: Excuse | None, *, is_found: bool
) -> None:
    raised = of_image(job(other), image(ENDPOINT, excuse=excuse))
    assert [(one.reason, one.facts["raised_by"]) for one in raised] == [("same_machine", "same_machine")] * is_found
    assert not any(TOLD[-1] in one.facts for one in raised)


def test_what_is_suspicious_only_beside_another_is_no_trace_for_a_third() -> None:
    seen = [job(reading(NOW - 40 * HOUR)), image(ENDPOINT)]
    third = job_state(job="third", endpoint_id=OTHER, readings=(reading(NOW + 20 * HOUR, 0.1),))
    raised = found(snapshot(jobs=[*seen, third]), NOW + 20 * HOUR)
    assert {one.facts["job"] for one in raised} == {"daily", "system"}


def test_job_is_no_trace_for_itself_nor_one_whose_rule_is_off() -> None:
    assert "raised_by" not in found(job(reading()))[0].facts
    assert found(snapshot(jobs=[job(reading()), image(ENDPOINT, each=0.04)]), enabled=False) == ()


@pytest.mark.parametrize(("category", "is_found"), [(AlertCategory.RANSOMWARE, True), (AlertCategory.TAMPERING, False)])
def test_alert_of_ransomware_leaves_no_excuse(category: AlertCategory, *, is_found: bool) -> None:
    seen = snapshot([alert(category)], [job(reading(share=0.9, excuse=Excuse.REPOSITORY))])
    assert bool(found(seen)) is is_found


def test_finding_says_what_was_seen_and_from_when_to_restore() -> None:
    seen = snapshot([endpoint_state()], [job(reading(share=0.6, usual=0.004))])
    (one,) = found(seen)
    assert (one.severity, one.reason, one.signature) == (Severity.CRITICAL, "at_once", "ransomware_signature")
    assert one.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "run_at": NOW.isoformat(),
        "usual": "0.4%",
        "data_rewritten": "60%",
        "files_changed": "60%",
        "last_clean_at": (NOW - DAY).isoformat(),
        "enough": "20.4%",
    }


TOLD = ("data_rewritten", "in_three_runs", "each_beyond_usual", "enough")


@pytest.mark.parametrize(
    ("one", "endpoints", "told"),
    [
        (reading(share=0.6, ceiling=0.5), [], ("60%", None, None, "50.0%")),
        (reading(share=0.6, usual=0.01), [], ("60%", None, None, "21.0%")),
        (reading(share=0.6, usual=0.01), [disarmed(NOW)], ("60%", None, None, "11.0%")),
        (reading(share=0.05, crept=0.14, beyond=3, each=0.031), [], ("5%", None, "3.1%", "2.0%")),
        (reading(share=0.2, usual=0.2, crept=0.3, beyond=0, each=0.11), [], ("20%", None, "11.0%", "10.0%")),
        (reading(share=0.05, crept=0.14, beyond=2), [], ("5%", "14.0%", None, "10.0%")),
        (reading(share=0.05, crept=0.14, beyond=3, alone=True), [disarmed(NOW)], ("5%", "14.0%", None, "10.0%")),
    ],
)
def test_finding_says_which_figure_was_enough_and_how_much_would_have_been(
    one: Reading, endpoints: Sequence[EndpointState], told: tuple[str | None, ...]
) -> None:
    (seen,) = found(snapshot(endpoints, [job(one)]))
    assert tuple(seen.facts.get(name) for name in TOLD) == told


def test_finding_hangs_on_its_server_once_that_is_overdue() -> None:
    seen = snapshot([endpoint_state(NOW)], [job(reading())])
    roots = [one.root for at in (NOW, NOW + HOUR) for one in found(seen, at)]
    assert roots == [job_subject(ENDPOINT, "daily"), endpoint_subject(ENDPOINT)]


def test_retired_job_is_not_found() -> None:
    seen = snapshot(jobs=[job(reading())])
    assert check(seen, policy(retired={endpoint_subject(ENDPOINT): "replaced"}), NOW).findings == ()
