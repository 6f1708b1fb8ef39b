"""A machine's clock may be off by so much: both sides of the boundary, ahead and behind."""

from datetime import datetime, timedelta

import pytest

from collector.model.finding import Severity
from collector.model.rule_settings import ClockSkew, RuleSettings
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import endpoint_subject
from collector.rules.clock_skew import check
from tests.factories import ENDPOINT, HOUR, MINUTE, NOW, endpoint_state, policy, snapshot

SUBJECT = endpoint_subject(ENDPOINT)
SILENT_AT = NOW + 2 * MINUTE  # an interval and its grace
TICK = timedelta(microseconds=1)


def machine(skew_s: int | None, *, reported_s: int = 0) -> EndpointState:
    """By its last heartbeat, and by its last report."""
    known = endpoint_state(NOW, skew_s=reported_s)
    assert known.sighting
    return known.model_copy(update={"sighting": known.sighting.model_copy(update={"skew_s": skew_s})})


def off(skew_s: int | None, *, reported_s: int = 0) -> Snapshot:
    return snapshot([machine(skew_s, reported_s=reported_s)])


@pytest.mark.parametrize(
    ("skew_s", "reason"),
    [(0, None), (900, None), (901, "behind"), (-900, None), (-901, "ahead"), (1_800_000_000, "behind")],
)
def test_clock_is_wrong_from_a_quarter_of_an_hour(skew_s: int, reason: str | None) -> None:
    judged = check(off(skew_s), policy(), NOW)
    assert [one.reason for one in judged.findings] == ([reason] if reason else [])
    assert judged.next_due == (SILENT_AT if reason else None)


@pytest.mark.parametrize(("over", "found"), [(HOUR, True), (HOUR + TICK, True), (2 * HOUR, False)])
def test_how_much_is_set(over: timedelta, *, found: bool) -> None:
    configured = policy(rules=RuleSettings(clock_skew=ClockSkew(over=over)))
    assert bool(check(off(7_200), configured, NOW).findings) is found


@pytest.mark.parametrize(
    ("heartbeat_s", "reported_s", "found"),
    [(0, 7_200, False), (7_200, 0, True), (None, 7_200, True), (None, 0, False)],
    ids=["set-right-since", "gone-wrong-since", "only-reported", "only-reported-right"],
)
def test_last_heartbeat_goes_before_the_last_report(heartbeat_s: int | None, reported_s: int, *, found: bool) -> None:
    assert bool(check(off(heartbeat_s, reported_s=reported_s), policy(), NOW).findings) is found


@pytest.mark.parametrize(
    ("now", "grey"), [(SILENT_AT - TICK, None), (SILENT_AT, "endpoint_silent")], ids=["heard", "silent"]
)
def test_clock_of_a_silent_machine_is_unknown(now: datetime, grey: str | None) -> None:
    judged = check(off(7_200), policy(), now)
    assert [one.grey for one in judged.findings] == [grey]
    assert judged.next_due == (None if grey else SILENT_AT)


def test_retired_machine_may_have_any_clock() -> None:
    judged = check(off(7_200), policy(retired={SUBJECT: "replaced"}), NOW)
    assert (judged.findings, judged.next_due) == ((), None)


def test_finding_says_by_how_much() -> None:
    (found,) = check(off(-7_200), policy(), NOW).findings
    assert (found.subject, found.root, found.severity, found.since) == (SUBJECT, SUBJECT, Severity.WARNING, NOW)
    assert found.facts == {"endpoint": "SRV-01", "off_s": "7200"}
