"""What a machine's protection found: raised by severity and category, until somebody has dealt with it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus
from collector.model.incident import IncidentChange
from collector.model.rule_settings import EndpointAlert, RuleSettings
from collector.model.snapshot import AlertState, EndpointState
from collector.model.subject import alert_subject, endpoint_subject
from collector.rules.endpoint_alert import MOST_APART, check
from collector.rules.standing import standing
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, endpoint_state, policy, snapshot
from tests.unit.house import House

CRITICAL, HIGH, MEDIUM, LOW, INFO = AlertSeverity
MACHINE = endpoint_subject(ENDPOINT)


def alert(
    alert_id: str = "a1",
    severity: AlertSeverity = HIGH,
    category: AlertCategory = AlertCategory.MALWARE,
    *,
    status: AlertStatus = AlertStatus.OPEN,
    at: datetime = NOW - HOUR,
    name: str = "Trojan:Win32/Wacatac.B!ml",
) -> AlertState:
    found = Alert(id=alert_id, at=at, severity=severity, category=category, name=name, status=status)
    return AlertState(as_of=NOW - MINUTE, alert=found)


def machine(*alerts: AlertState, seen_at: datetime = NOW) -> EndpointState:
    return endpoint_state(seen_at, alerts={one.alert.id: one for one in alerts})


def found(*alerts: AlertState, seen_at: datetime = NOW, **setting: object) -> tuple[Finding, ...]:
    rules = RuleSettings(endpoint_alert=EndpointAlert.model_validate(setting))
    evaluation = check(snapshot([machine(*alerts, seen_at=seen_at)]), policy(rules=rules), NOW)
    assert evaluation.next_due is None
    return evaluation.findings


@pytest.mark.parametrize(
    ("severity", "category", "least", "wanted"),
    [
        (CRITICAL, AlertCategory.MALWARE, MEDIUM, Severity.CRITICAL),
        (HIGH, AlertCategory.MALWARE, MEDIUM, Severity.CRITICAL),
        (MEDIUM, AlertCategory.MALWARE, MEDIUM, Severity.WARNING),
        (LOW, AlertCategory.MALWARE, MEDIUM, None),
        (LOW, AlertCategory.UNWANTED, LOW, Severity.NOTICE),
        (INFO, AlertCategory.UNWANTED, LOW, None),
        (MEDIUM, AlertCategory.INTRUSION, HIGH, None),
        (INFO, AlertCategory.RANSOMWARE, MEDIUM, Severity.CRITICAL),
        (LOW, AlertCategory.TAMPERING, CRITICAL, Severity.CRITICAL),
    ],
)
def test_severity_follows_the_alerts_own_and_its_category(
    severity: AlertSeverity, category: AlertCategory, least: AlertSeverity, wanted: Severity | None
) -> None:
    assert [one.severity for one in found(alert("a1", severity, category), least=least)] == ([wanted] if wanted else [])


def test_a_finding_is_about_the_alert_and_its_ticket_about_the_machine() -> None:
    (one,) = found(alert())
    assert (one.subject, one.root) == (alert_subject(ENDPOINT, "a1"), MACHINE)
    assert (one.since, one.reason) == (NOW - HOUR, "malware")
    assert one.facts == {"endpoint": "SRV-01", "alert": "Trojan:Win32/Wacatac.B!ml", "found_severity": "high"}


@pytest.mark.parametrize("status", [AlertStatus.REMEDIATED, AlertStatus.DISMISSED])
def test_what_was_dealt_with_is_found_no_longer(status: AlertStatus) -> None:
    assert found(alert(status=status)) == ()


def test_alerts_of_a_machine_that_fell_silent_stay_open() -> None:
    assert len(found(alert(), seen_at=NOW - 30 * DAY)) == 1


def test_an_alert_of_the_future_happened_when_it_was_told() -> None:
    assert [one.since for one in found(alert(at=NOW + DAY))] == [NOW - MINUTE]


@pytest.mark.parametrize(
    "name", ["trojan:win32/wacatac.b!ml", "  Trojan:Win32/Wacatac.B!ml ", "TROJAN:WIN32/WACATAC.B!ML"]
)
def test_the_same_detection_has_the_same_signature_however_it_is_written(name: str) -> None:
    assert [one.signature for one in found(alert(name=name))] == ["alert:malware:trojan:win32/wacatac.b!ml"]


def test_what_disturbs_nobody_has_no_signature() -> None:
    assert [one.signature for one in found(alert("a1", LOW), least=INFO)] == [None]


@pytest.mark.parametrize(("open_alerts", "apart"), [(MOST_APART, MOST_APART), (MOST_APART + 1, MOST_APART)])
def test_beyond_so_many_alerts_the_newest_are_one_finding(open_alerts: int, apart: int) -> None:
    alerts = [alert(f"{n:03}", MEDIUM, at=NOW - DAY + n * MINUTE) for n in range(open_alerts)]
    findings = found(*alerts)
    alone = [one for one in findings if one.reason != "many"]
    assert [one.subject for one in alone] == [alert_subject(ENDPOINT, f"{n:03}") for n in range(apart)]
    gathered = [(one.subject, one.facts["count"]) for one in findings if one.reason == "many"]
    assert gathered == ([(MACHINE, str(open_alerts - apart))] if open_alerts > apart else [])


def test_the_gathered_are_as_bad_as_the_worst_and_as_old_as_the_oldest() -> None:
    many = [alert(f"{n:03}", MEDIUM, at=NOW - DAY) for n in range(MOST_APART)]
    (gathered,) = (
        one
        for one in found(*many, alert("b", MEDIUM, at=NOW - 2 * MINUTE), alert("c", HIGH, at=NOW - MINUTE))
        if one.reason == "many"
    )
    assert (gathered.severity, gathered.since) == (Severity.CRITICAL, NOW - 2 * MINUTE)


def test_ransomware_stands_apart_however_many_others_are_open() -> None:
    many = [alert(f"{n:03}", CRITICAL, at=NOW - DAY) for n in range(2 * MOST_APART)]
    newest = alert("z", LOW, AlertCategory.RANSOMWARE, at=NOW - MINUTE)
    assert alert_subject(ENDPOINT, "z") in {one.subject for one in found(*many, newest)}


def test_each_machines_alerts_are_its_own() -> None:
    other = endpoint_state(NOW, endpoint_id=UUID(int=9), alerts={"a1": alert()})
    findings = check(snapshot([machine(alert()), other]), policy(), NOW).findings
    assert {one.root for one in findings} == {MACHINE, endpoint_subject(UUID(int=9))}


def test_a_worsened_alert_raises_again_and_a_remediated_one_closes_the_ticket() -> None:
    house = House()
    told: list[IncidentChange] = []
    turns = [alert("a1", MEDIUM), alert("a1", HIGH), alert("a1", HIGH, status=AlertStatus.REMEDIATED)]
    for n, state in enumerate(turns):
        at = NOW + n * timedelta(seconds=1)
        verdict = house.judge(snapshot([machine(state)]), at)
        told += [one.what for one in verdict.changes if one.incident.rule == "endpoint_alert"]
    assert told == [IncidentChange.OPENED, IncidentChange.SEVERITY, IncidentChange.RESOLVED]


def test_an_alert_shows_on_its_machine() -> None:
    seen = snapshot([machine(alert())])
    shown = standing(seen, policy(), check(seen, policy(), NOW).findings, NOW)
    assert [(one.state, one.reason) for one in shown.endpoints] == [("critical", "endpoint_alert.malware")]
