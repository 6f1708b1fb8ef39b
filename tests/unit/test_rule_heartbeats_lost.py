"""Heartbeats lost on the way: how many of a day, and until when."""

from datetime import datetime, timedelta

import pytest

from collector.model.finding import Evaluation, Severity
from collector.model.policy import Policy
from collector.model.rule_settings import HeartbeatsLost, RuleSettings
from collector.model.subject import endpoint_subject
from collector.rules.heartbeats_lost import check
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, endpoint_state, policy, snapshot

SUBJECT = endpoint_subject(ENDPOINT)
TICK = timedelta(microseconds=1)
HOURLY = 3_600  # seconds
ANYTHING = policy()


def judged(
    lost: int,
    *,
    interval_s: int = 60,
    until: datetime | None = NOW + 5 * HOUR,
    now: datetime = NOW,
    configured: Policy = ANYTHING,
) -> Evaluation:
    known = endpoint_state(NOW, interval_s=interval_s)
    assert known.sighting
    counted = known.sighting.model_copy(update={"lost_heartbeats": lost, "lost_until": until})
    return check(snapshot([known.model_copy(update={"sighting": counted})]), configured, now)


@pytest.mark.parametrize(
    ("interval_s", "lost", "found"),
    [
        (60, 0, False),
        (60, 144, False),
        (60, 145, True),
        (HOURLY, 4, False),
        (HOURLY, 5, True),
        (6 * HOURLY, 4, False),
        (6 * HOURLY, 5, True),
        (900, 9, False),
        (900, 10, True),
    ],
)
def test_more_than_a_tenth_of_a_day_and_a_handful_at_least(interval_s: int, lost: int, *, found: bool) -> None:
    assert bool(judged(lost, interval_s=interval_s).findings) is found


@pytest.mark.parametrize(("share", "found"), [(0.25, False), (0.2, True), (1.0, False)])
def test_share_is_set(share: float, *, found: bool) -> None:
    configured = policy(rules=RuleSettings(heartbeats_lost=HeartbeatsLost(share=share)))
    assert bool(judged(6, interval_s=HOURLY, configured=configured).findings) is found


@pytest.mark.parametrize(
    ("now", "found"), [(NOW, True), (NOW + 5 * HOUR - TICK, True), (NOW + 5 * HOUR, False)], ids=["now", "last", "over"]
)
def test_gone_once_the_oldest_gap_is_a_day_old(now: datetime, *, found: bool) -> None:
    told = judged(10, interval_s=4 * HOURLY, now=now)
    assert [(one.since, one.reason) for one in told.findings] == ([(NOW + 5 * HOUR - DAY, "gaps")] if found else [])
    assert told.next_due == (NOW + 5 * HOUR if found else None)


def test_what_was_never_counted_is_not_lost() -> None:
    assert judged(1_000, until=None) == Evaluation()


def test_machine_without_a_heartbeat_row_has_lost_none() -> None:
    assert check(snapshot([endpoint_state(sighting=None)]), policy(), NOW) == Evaluation()


@pytest.mark.parametrize(
    ("now", "grey", "next_due"),
    [
        (NOW + 2 * MINUTE - TICK, None, NOW + 2 * MINUTE),
        (NOW + 2 * MINUTE, "endpoint_silent", NOW + 5 * HOUR),
    ],
    ids=["heard", "silent"],
)
def test_losses_of_a_silent_machine_say_nothing_new(now: datetime, grey: str | None, next_due: datetime) -> None:
    told = judged(1_000, now=now)
    assert ([one.grey for one in told.findings], told.next_due) == ([grey], next_due)


def test_retired_machine_may_lose_what_it_likes() -> None:
    assert judged(1_000, configured=policy(retired={SUBJECT: "replaced"})) == Evaluation()


def test_finding_says_how_many_of_a_day() -> None:
    (found,) = judged(500).findings
    assert (found.subject, found.root, found.severity) == (SUBJECT, SUBJECT, Severity.WARNING)
    assert found.facts == {"endpoint": "SRV-01", "lost": "500", "of_a_day": "1440"}
