"""When an endpoint counts as silent, and when it does not yet."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.model.finding import Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.snapshot import Gap, Snapshot
from collector.model.subject import endpoint_subject
from collector.rules.heartbeat_missing import check
from tests.factories import ENDPOINT, HOUR, MINUTE, NOW, endpoint_state, policy, snapshot

SUBJECT = endpoint_subject(ENDPOINT)
TICK = timedelta(microseconds=1)


def silent(known: Snapshot, now: datetime, configured: Policy | None = None) -> bool:
    return bool(check(known, configured or policy(), now).findings)


def assert_silent_from(known: Snapshot, at: datetime) -> None:
    before = check(known, policy(), at - TICK)
    assert (before.findings, before.next_due) == ((), at)
    assert check(known, policy(), at).findings[0].since == at


@pytest.mark.parametrize(
    ("interval_s", "silent_after_s"),
    [(1, 31), (10, 40), (29, 59), (30, 60), (31, 62), (60, 120), (300, 600), (86_400, 172_800)],
)
def test_endpoint_is_silent_after_its_interval_and_a_grace_of_as_long(interval_s: int, silent_after_s: int) -> None:
    assert_silent_from(snapshot([endpoint_state(interval_s=interval_s)]), NOW + timedelta(seconds=silent_after_s))


def test_endpoint_without_a_heartbeat_row_is_judged_by_its_last_report() -> None:
    assert_silent_from(snapshot([endpoint_state(sighting=None)]), NOW + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("start", "end", "moved"),
    [
        (NOW - HOUR, NOW, timedelta(0)),
        (NOW - HOUR, NOW + MINUTE, MINUTE),
        (NOW + MINUTE, NOW + HOUR, HOUR - MINUTE),
        (NOW + 2 * MINUTE - TICK, NOW + HOUR, HOUR - 2 * MINUTE + TICK),
        (NOW + 2 * MINUTE, NOW + HOUR, timedelta(0)),
    ],
    ids=["before", "over-the-heartbeat", "over-the-deadline", "at-the-last-tick", "after-the-deadline"],
)
def test_our_own_outage_is_not_the_endpoints_silence(start: datetime, end: datetime, moved: timedelta) -> None:
    known = snapshot([endpoint_state()], gaps=(Gap(start=start, end=end),))
    assert_silent_from(known, NOW + 2 * MINUTE + moved)


def test_second_outage_counts_where_the_first_moved_the_deadline_into_it() -> None:
    first, second = (Gap(start=NOW + n * MINUTE, end=NOW + (n + 1) * MINUTE) for n in (1, 2))
    assert_silent_from(snapshot([endpoint_state()], gaps=(second, first)), NOW + 4 * MINUTE)


@pytest.mark.parametrize(
    ("role", "severity"),
    [
        (Role.SERVER, Severity.CRITICAL),
        (Role.NAS, Severity.CRITICAL),
        (Role.IMAGING, Severity.CRITICAL),
        (Role.WORKSTATION, Severity.WARNING),
    ],
)
def test_silent_workstation_is_only_a_warning(role: Role, severity: Severity) -> None:
    found = check(snapshot([endpoint_state(role=role)]), policy(), NOW + HOUR).findings
    assert [one.severity for one in found] == [severity]


@pytest.mark.parametrize("retired", [{"retired": {SUBJECT: "replaced"}}, {"retired_because": "left us"}])
def test_retired_endpoint_is_not_missed(retired: dict[str, Any]) -> None:
    judged = check(snapshot([endpoint_state()]), policy(**retired), NOW + HOUR)
    assert (judged.findings, judged.next_due) == ((), None)


def test_finding_is_its_own_root_and_says_when_it_was_last_seen() -> None:
    (found,) = check(snapshot([endpoint_state()]), policy(), NOW + HOUR).findings
    assert (found.subject, found.root, found.reason) == (SUBJECT, SUBJECT, "silent")
    assert found.facts == {"endpoint": "SRV-01", "last_seen_at": NOW.isoformat(), "interval_s": "60"}


def test_practice_without_endpoints_has_nothing_due() -> None:
    assert check(snapshot(), policy(), NOW).next_due is None
