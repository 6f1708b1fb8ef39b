"""When an endpoint counts as silent, and when it does not yet."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.model.calendar import Calendar, Holidays
from collector.model.finding import Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import HeartbeatMissing, RuleSettings
from collector.model.snapshot import Gap, Snapshot
from collector.model.subject import endpoint_subject
from collector.rules.heartbeat_missing import check
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, endpoint_state, policy, snapshot

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
    found = check(snapshot([endpoint_state(role=role)]), policy(), NOW + 7 * DAY).findings
    assert [one.severity for one in found] == [severity]


@pytest.mark.parametrize("role", [Role.SERVER, Role.NAS, Role.IMAGING])
def test_what_is_always_on_is_missed_at_night_too(role: Role) -> None:
    assert_silent_from(snapshot([endpoint_state(role=role)]), NOW + 2 * MINUTE)


def paris(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo("Europe/Paris"))


def calendar(**more: object) -> Policy:
    return policy(calendar=Calendar.model_validate(more))


def allowed(open_time: timedelta) -> Policy:
    setting = HeartbeatMissing(workstation_open_time=open_time)
    return policy(rules=RuleSettings(heartbeat_missing=setting))


CLOSED = calendar(closures=[{"first": date(2026, 11, 23), "last": date(2026, 11, 27)}])
ALSACE = calendar(holidays=Holidays.ALSACE_MOSELLE)


# Open from 8 to 19 on weekdays, and missing after 16 hours of that.
@pytest.mark.parametrize(
    ("last_seen", "missing", "configured"),
    [
        ("2026-11-17T10:00", "2026-11-18T15:00", policy()),  # within the week: the rest of the day and 7 hours
        ("2026-11-20T19:00", "2026-11-24T13:00", policy()),  # off for the weekend
        ("2026-11-21T12:00", "2026-11-24T13:00", policy()),
        ("2026-07-13T19:00", "2026-07-16T13:00", policy()),  # over 14 July
        ("2026-04-02T19:00", "2026-04-07T13:00", policy()),  # Easter
        ("2026-04-02T19:00", "2026-04-08T13:00", ALSACE),  # with Good Friday
        ("2026-11-20T19:00", "2026-12-01T13:00", CLOSED),
        ("2026-10-23T19:00", "2026-10-27T13:00", policy()),  # the clocks change
        ("2026-11-17T10:00", "2026-11-17T11:00", allowed(HOUR)),
        ("2026-11-17T10:00", "2026-11-17T10:02", allowed(timedelta(0))),  # never before it is silent
    ],
)
def test_workstation_may_be_off_for_so_much_open_time(last_seen: str, missing: str, configured: Policy) -> None:
    known, at = snapshot([endpoint_state(paris(last_seen), role=Role.WORKSTATION)]), paris(missing)
    assert not silent(known, at - TICK, configured)
    assert check(known, configured, at).findings[0].since == at


def test_our_own_outage_is_no_open_time_of_a_workstation() -> None:
    away = Gap(start=paris("2026-11-18T12:00"), end=paris("2026-11-18T21:00"))
    known = snapshot([endpoint_state(paris("2026-11-17T10:00"), role=Role.WORKSTATION)], gaps=(away,))
    assert not silent(known, paris("2026-11-19T11:00") - TICK)
    assert silent(known, paris("2026-11-19T11:00"))


def test_workstation_of_a_practice_that_never_opens_is_never_missed() -> None:
    known = snapshot([endpoint_state(role=Role.WORKSTATION)])
    judged = check(known, calendar(week=[[]] * 7), NOW + 400 * DAY)
    assert (judged.findings, judged.next_due) == ((), None)


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
