"""Back from an outage of ours: no false finding is raised, no true one is hidden, and nothing flaps."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.judge import Verdict
from collector.model.finding import Finding, State
from collector.model.fold import fold
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, Backup, RunStatus, Sections
from collector.model.policy import Policy
from collector.model.rule_settings import OwnOutage, RpoBreached, RuleSettings
from collector.model.snapshot import AlertState, Gap, Sighting, Snapshot
from collector.model.subject import PRACTICE, Subject, endpoint_subject, job_subject
from collector.rules.registry import evaluate
from collector.rules.standing import standing
from tests.factories import (
    DAY,
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    backup,
    endpoint,
    endpoint_state,
    job_policy,
    job_state,
    policy,
    report,
    run,
    snapshot,
)
from tests.unit.house import House

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
BACK = NOW + 2 * HOUR
OUTAGE = Gap(start=NOW, end=BACK)
CAUGHT_UP = BACK + 15 * MINUTE
SERVER = endpoint_subject(ENDPOINT)
JOB = job_subject(ENDPOINT, "daily")


class Story:
    """A practice as reports, signs of life and our own gaps make it, judged again and again."""

    def __init__(self, configured: Policy) -> None:
        self.house = House(configured)
        self.known = snapshot()
        self.sightings: dict[UUID, Sighting] = {}
        self.changed: list[tuple[datetime, str, Subject, str]] = []

    def hear(
        self, machine: UUID, at: datetime, *backups: Backup, queued: int = 0, sent_at: datetime | None = None
    ) -> None:
        told = report(
            sent_at or at,
            received_at=at,
            sections=Sections(backups=backups or None),
            identity=endpoint(machine),
            endpoint_id=machine,
            queued=queued,
            clock_at=at,
        )
        self.known = fold(self.known, told)
        self.sightings[machine] = Sighting(received_at=at, interval_s=60, queued=queued)

    def judge(self, now: datetime) -> Verdict:
        gaps = (Gap(start=NOW, end=min(now, BACK)),) if now > NOW else ()
        verdict = self.house.judge(self.known.observed(self.sightings, gaps), now)
        self.changed += [(now, one.incident.rule, one.incident.subject, one.what.value) for one in verdict.changes]
        return verdict

    def judge_until(self, since: datetime, until: datetime) -> None:
        """Each half minute, and whenever it is due."""
        now = since
        while now < until:
            due = self.judge(now).next_due
            now = min([now + MINUTE / 2, *([due] if due else [])])


WELL, MISSED, GONE, FAILING = (UUID(int=n) for n in range(1, 5))
# Missed a minute after the outage began, and so a minute after it ended.
LAST_RUN = NOW - DAY - 9 * MINUTE
GRACE = 10 * MINUTE


def told_until_the_outage() -> Story:
    """Four servers: their backups fall due within the outage, and one of them failed before it."""
    rules = RuleSettings(rpo_breached=RpoBreached(rpo=DAY + 90 * MINUTE))
    story = Story(
        policy(
            [job_policy(endpoint_id=one, since=LAST_RUN, grace=GRACE) for one in (WELL, MISSED, GONE, FAILING)],
            rules=rules,
        )
    )
    for machine in (WELL, MISSED, GONE):
        story.hear(machine, LAST_RUN, backup(finished_at=LAST_RUN))
    story.hear(
        FAILING, NOW - HOUR, backup(finished_at=NOW - 2 * HOUR), backup(status=RunStatus.FAILED, finished_at=NOW - HOUR)
    )
    for machine in (WELL, MISSED, GONE, FAILING):
        story.hear(machine, NOW - 10 * SECOND)
    story.judge_until(NOW - 10 * SECOND, NOW)
    return story


def test_back_from_two_hours_down_nothing_false_is_raised_and_nothing_true_is_hidden() -> None:
    story = told_until_the_outage()
    failed = (NOW - 10 * SECOND, "backup_failed", job_subject(FAILING, "daily"), "opened")
    assert story.changed == [failed]

    # Nobody is heard within the outage, and at first nobody after it.
    story.judge_until(NOW, BACK + 3 * MINUTE)
    assert story.changed == [failed]

    # Spools are emptied, the oldest first. One backup ran within the outage, one has failed and run again.
    ran = backup(finished_at=NOW + 10 * MINUTE)
    story.hear(WELL, BACK + 3 * MINUTE, queued=100, sent_at=NOW + MINUTE)
    story.hear(FAILING, BACK + 3 * MINUTE, queued=3, sent_at=NOW + MINUTE)
    story.hear(MISSED, BACK + 3 * MINUTE, queued=100, sent_at=NOW + MINUTE)
    story.judge_until(BACK + 3 * MINUTE, BACK + 5 * MINUTE)
    assert story.changed == [failed]
    story.hear(WELL, BACK + 5 * MINUTE, ran, queued=50, sent_at=NOW + 11 * MINUTE)
    story.judge_until(BACK + 5 * MINUTE, BACK + 6 * MINUTE)
    story.hear(WELL, BACK + 6 * MINUTE)
    story.hear(FAILING, BACK + 6 * MINUTE)
    assert story.changed == [failed]

    # One has no more to tell, and no backup: it was missed.
    story.hear(MISSED, BACK + 6 * MINUTE)
    story.judge(BACK + 6 * MINUTE)
    missed = [
        (BACK + 6 * MINUTE, rule, job_subject(MISSED, "daily"), "opened") for rule in ("backup_missed", "rpo_breached")
    ]
    assert sorted(story.changed[1:]) == missed

    # One is never heard again: when it had time enough it is missing, and so is its backup.
    for minutes in range(7, 21):
        now = BACK + minutes * MINUTE
        for machine in (WELL, MISSED, FAILING):
            story.hear(machine, now)
        story.judge_until(now, now + MINUTE)
    gone = [
        (CAUGHT_UP, "backup_missed", job_subject(GONE, "daily"), "opened"),
        (CAUGHT_UP, "heartbeat_missing", endpoint_subject(GONE), "opened"),
        (CAUGHT_UP, "rpo_breached", job_subject(GONE, "daily"), "opened"),
    ]
    assert sorted(story.changed[3:]) == gone
    roots = {one.root for one in story.house.tickets.values()}
    assert roots == {job_subject(FAILING, "daily"), job_subject(MISSED, "daily"), endpoint_subject(GONE)}


def test_practice_struck_during_our_outage_alarms_when_it_had_time_to_come_back() -> None:
    """As after a shortfall, which counts as ours for an hour at most."""
    story = Story(policy())
    for machine in (WELL, MISSED):
        story.hear(machine, NOW - 10 * SECOND)
    story.judge_until(NOW, CAUGHT_UP)
    assert story.changed == []
    story.judge_until(CAUGHT_UP, CAUGHT_UP + HOUR)
    assert (CAUGHT_UP, "practice_silent", PRACTICE, "opened") in story.changed
    assert {change[0] for change in story.changed} == {CAUGHT_UP}
    assert [one.root for one in story.house.tickets.values()] == [PRACTICE]


def test_what_was_found_before_the_outage_is_seen_as_bad_as_it_was() -> None:
    story = told_until_the_outage()
    verdict = story.judge(NOW + HOUR)
    seen = standing(verdict.seen, story.house.policy, verdict.evaluation.findings, NOW + HOUR)
    by_machine = {one.endpoint_id: (one.state, one.reason) for one in seen.jobs}
    assert by_machine[FAILING] == (State.CRITICAL, "backup_failed.failed")
    assert seen.state is State.CRITICAL


def test_what_is_in_doubt_is_seen_as_unknown_and_why() -> None:
    known = snapshot([endpoint_state(NOW - MINUTE)], [FAILED], gaps=(OUTAGE,))
    findings = evaluate(known, policy([job_policy()]), BACK + 5 * MINUTE).findings
    seen = standing(known, policy([job_policy()]), findings, BACK + 5 * MINUTE)
    (machine,), (job,) = seen.endpoints, seen.jobs
    assert (machine.state, machine.reason) == (State.UNKNOWN, "catching_up")
    assert (job.state, job.reason) == (State.UNKNOWN, "catching_up")


FAILED = job_state(last_run=run(NOW - HOUR, RunStatus.FAILED))


def grey(found: tuple[Finding, ...], rule: str = "backup_failed") -> str | None:
    (one,) = [one for one in found if one.rule == rule]
    return one.grey


def failing(seen_at: datetime, *gaps: Gap, queued: int = 0, interval_s: int = 60) -> Snapshot:
    sighting = Sighting(received_at=seen_at, interval_s=interval_s, queued=queued)
    return snapshot([endpoint_state(sighting=sighting)], [FAILED], gaps=gaps or (OUTAGE,))


def assert_grey_between(known: Snapshot, since: datetime, until: datetime, configured: Policy | None = None) -> None:
    configured = configured or policy()
    edges = {since - TICK: None, since: "catching_up", until - TICK: "catching_up", until: None}
    for now, expected in edges.items():
        assert grey(evaluate(known, configured, now).findings) == expected
    for now, due in ((since - TICK, since), (until - TICK, until)):
        assert evaluate(known, configured, now).next_due == due


@pytest.mark.parametrize(
    ("seen_at", "queued"),
    [(NOW - MINUTE, 0), (NOW + 2 * SECOND, 0), (BACK, 1), (BACK + 5 * MINUTE, 7), (BACK - TICK, 7)],
    ids=["not-heard", "heard-as-it-began", "more-waits", "more-waits-later", "not-heard-since"],
)
def test_endpoint_catches_up_until_it_had_time_enough(seen_at: datetime, queued: int) -> None:
    assert_grey_between(failing(seen_at, queued=queued, interval_s=86_400), NOW, CAUGHT_UP)


@pytest.mark.parametrize("seen_at", [BACK, BACK + MINUTE])
def test_endpoint_that_has_no_more_to_send_has_caught_up(seen_at: datetime) -> None:
    known = failing(seen_at)
    assert grey(evaluate(known, policy(), max(seen_at, BACK)).findings) is None


def test_endpoint_that_gets_through_while_most_do_not_is_heard_until_it_is_overdue() -> None:
    """Where the way to us is broken for most: a practice that is struck next must not wait for an hour."""
    seen_at = NOW + HOUR
    assert_grey_between(failing(seen_at), seen_at + 75 * SECOND, CAUGHT_UP)


@pytest.mark.parametrize(
    ("length", "time_enough"),
    [
        (4 * SECOND, 68 * SECOND),
        (MINUTE, 3 * MINUTE),
        (7 * MINUTE, 15 * MINUTE),
        (7 * MINUTE + SECOND, 15 * MINUTE),
        (DAY, 15 * MINUTE),
    ],
)
def test_after_a_short_outage_agents_are_back_soon(length: timedelta, time_enough: timedelta) -> None:
    known = failing(NOW - MINUTE, Gap(start=NOW, end=NOW + length), interval_s=86_400)
    assert_grey_between(known, NOW, NOW + length + time_enough)


def outage_rules(**setting: Any) -> Policy:
    return policy(rules=RuleSettings(own_outage=OwnOutage(**setting)))


def test_provider_sets_how_long_catching_up_may_take() -> None:
    known = failing(NOW - MINUTE, interval_s=86_400)
    assert_grey_between(known, NOW, BACK + HOUR, outage_rules(catching_up=HOUR))
    assert grey(evaluate(known, outage_rules(enabled=False), BACK).findings) is None


def test_practice_as_a_whole_is_in_doubt_while_any_of_its_machines_is() -> None:
    other = endpoint_state(BACK + MINUTE, endpoint_id=WELL)
    known = snapshot([endpoint_state(NOW - MINUTE), other], gaps=(OUTAGE,))
    now = BACK + 5 * MINUTE
    found = evaluate(known, policy(), now).findings
    assert grey(found, "practice_silent") == "catching_up"
    assert {one.subject: (one.grey, one.inhibited_by) for one in found if one.rule == "heartbeat_missing"} == {
        SERVER: ("catching_up", None),
        endpoint_subject(WELL): (None, None),
    }
    found = evaluate(known, policy(), CAUGHT_UP).findings
    assert {one.rule: (one.grey, one.inhibited_by) for one in found} == {
        "practice_silent": (None, None),
        "heartbeat_missing": (None, "practice_silent"),
    }


def test_alert_that_was_told_waits_for_nothing() -> None:
    """While the machine it is about still sends what it kept."""
    told = Alert(id="a1", at=BACK, severity=AlertSeverity.CRITICAL, category=AlertCategory.RANSOMWARE, name="Ryuk")
    alerts = {"a1": AlertState(as_of=BACK, alert=told)}
    sighting = Sighting(received_at=BACK, interval_s=86_400, queued=3)
    known = snapshot([endpoint_state(sighting=sighting, alerts=alerts)], [FAILED], gaps=(OUTAGE,))
    seen = {one.rule: one.grey for one in evaluate(known, policy(), BACK).findings}
    assert seen == {"endpoint_alert": None, "backup_failed": "catching_up"}
