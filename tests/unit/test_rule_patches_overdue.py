"""Missing updates by severity and age, restarts that wait, and scans too old to say anything."""

from datetime import timedelta

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import PatchSeverity
from collector.model.policy import Policy
from collector.model.rule_settings import PatchesOverdue
from collector.model.snapshot import EndpointState, PatchState
from collector.model.subject import endpoint_subject
from collector.rules.patches_overdue import check
from tests.factories import DAY, ENDPOINT, HOUR, NOW, endpoint_state, policy, snapshot

TICK = timedelta(microseconds=1)
SET = PatchesOverdue()
DEADLINE = {severity: length for severity, length in SET.deadline.items() if length is not None}
NO_TIME = timedelta(0)
SILENT = timedelta(minutes=2)  # twice the interval of endpoint_state


def machine(
    *,
    scanned: timedelta = HOUR,
    reboot: timedelta | None = None,
    seen: bool = False,
    heard: timedelta = NO_TIME,
    **ages: timedelta,
) -> EndpointState:
    """Missing patches by severity, each so long ago released, or first seen missing."""
    since = "oldest_seen_at" if seen else "oldest_released_at"
    patches = PatchState.model_validate(
        {
            "as_of": NOW,
            "scanned_at": NOW - scanned,
            "missing": {PatchSeverity(name): {"count": 2, since: NOW - age} for name, age in ages.items()},
            "reboot_required_since": NOW - reboot if reboot is not None else None,
        }
    )
    return endpoint_state(NOW - heard, patches=patches)


def found(endpoint: EndpointState, configured: Policy | None = None) -> Finding | None:
    findings = check(snapshot([endpoint]), configured or policy(), NOW).findings
    return findings[0] if findings else None


@pytest.mark.parametrize("severity", list(DEADLINE))
@pytest.mark.parametrize("seen", [False, True], ids=["released", "first-missing"])
@pytest.mark.parametrize(("early", "is_found"), [(TICK, False), (timedelta(0), True)])
def test_patch_is_overdue_when_its_deadline_has_come(
    severity: PatchSeverity, seen: bool, early: timedelta, is_found: bool
) -> None:
    one = found(machine(seen=seen, **{severity.value: DEADLINE[severity] - early}))
    assert bool(one) is is_found
    grade = Severity.CRITICAL if severity is PatchSeverity.CRITICAL else Severity.WARNING
    assert one is None or (one.reason, one.severity, one.since) == ("overdue", grade, NOW)


def test_severity_without_a_deadline_is_never_overdue() -> None:
    assert SET.deadline[PatchSeverity.LOW] is None
    assert found(machine(low=900 * DAY)) is None


def test_deadline_is_the_practices_own() -> None:
    configured = policy(rules={"patches_overdue": {"deadline": {"low": timedelta(days=2)}}})
    assert found(machine(low=2 * DAY), configured) is not None
    assert found(machine(critical=90 * DAY), configured) is None


@pytest.mark.parametrize(("pending", "is_found"), [(SET.reboot - TICK, False), (SET.reboot, True)])
def test_restart_may_wait_for_so_long(pending: timedelta, is_found: bool) -> None:
    one = found(machine(reboot=pending))
    assert (one.reason if one else None) == ("reboot_pending" if is_found else None)


def test_one_finding_names_all_that_is_late_and_the_worst_leads() -> None:
    late = machine(reboot=20 * DAY, moderate=100 * DAY, critical=15 * DAY, important=DAY)
    one = found(late)
    assert one is not None
    assert (one.reason, one.severity, one.since) == ("overdue", Severity.CRITICAL, NOW - DAY)
    assert one.facts == {
        "endpoint": "SRV-01",
        "critical": f"2, the oldest since {(NOW - 15 * DAY).isoformat()}",
        "moderate": f"2, the oldest since {(NOW - 100 * DAY).isoformat()}",
        "reboot_required_since": (NOW - 20 * DAY).isoformat(),
    }


@pytest.mark.parametrize(("scanned", "grey"), [(SET.stale - TICK, None), (SET.stale, "patches_stale")])
def test_what_a_stale_scan_said_is_grey(scanned: timedelta, grey: str | None) -> None:
    one = found(machine(scanned=scanned, critical=90 * DAY))
    assert one is not None
    assert one.grey == grey


def test_stale_scan_says_nothing_of_deadlines_that_came_since() -> None:
    came_since = DEADLINE[PatchSeverity.CRITICAL] + HOUR
    assert found(machine(scanned=SET.stale + 2 * HOUR, critical=came_since)) is None


@pytest.mark.parametrize(
    ("heard", "grey"), [(HOUR + SILENT - TICK, None), (HOUR + SILENT, "endpoint_silent"), (NO_TIME, None)]
)
def test_deadline_that_came_while_the_machine_was_silent_is_grey_until_it_is_heard(
    heard: timedelta, grey: str | None
) -> None:
    one = found(machine(scanned=2 * HOUR, heard=heard, critical=DEADLINE[PatchSeverity.CRITICAL] + HOUR))
    assert one is not None
    assert one.grey == grey


def test_what_was_late_before_the_machine_fell_silent_is_told_alone() -> None:
    one = found(machine(heard=2 * HOUR, critical=14 * DAY, important=31 * DAY))
    assert one is not None
    assert (one.grey, one.severity, "critical" in one.facts) == (None, Severity.WARNING, False)


@pytest.mark.parametrize(
    ("endpoint", "due"),
    [
        (machine(critical=13 * DAY), NOW + DAY),
        (machine(reboot=SET.reboot - HOUR), NOW + HOUR),
        (machine(critical=DAY), NOW - HOUR + SET.stale),
        (machine(scanned=SET.stale), None),
        (endpoint_state(patches=None), None),
    ],
    ids=["deadline", "restart", "stale", "is-stale", "never-looked"],
)
def test_next_deadline_or_staleness_is_the_next_to_look_at(endpoint: EndpointState, due: object) -> None:
    assert check(snapshot([endpoint]), policy(), NOW).next_due == due


def test_machine_has_settings_of_its_own() -> None:
    own = {"patches_overdue": {"deadline": {"critical": timedelta(days=60)}}}
    configured = policy(job_rules={endpoint_subject(ENDPOINT): own})
    assert found(machine(critical=59 * DAY), configured) is None
