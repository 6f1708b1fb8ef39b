"""Jobs that scripts tell of by ping, or by mail: what met our outage is lost, and in doubt."""

from datetime import datetime, timedelta

import pytest

from collector.model.policy import Cron, Every, JobPolicy, Schedule
from collector.model.report import Source
from collector.model.snapshot import Gap, JobState
from collector.model.subject import job_subject
from collector.rules.registry import evaluate
from tests.factories import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    job_policy,
    job_state,
    policy,
    run,
    snapshot,
)
from tests.unit.test_own_outage import SECOND, TICK, grey

CRON = Cron(expression="0 3 * * *", zone="UTC")
THREE = datetime(2026, 11, 22, 3, tzinfo=NOW.tzinfo)
LAST = THREE - DAY + 10 * MINUTE
PINGED = job_subject(None, "daily")


def pinged(last_run_at: datetime = LAST, source: Source = Source.PING) -> JobState:
    ended = run(last_run_at).model_copy(update={"source": source})
    return job_state(last_run=ended, endpoint_id=None)


def by_script(schedule: Schedule = CRON, since: datetime = LAST) -> JobPolicy:
    return job_policy(schedule=schedule, endpoint_id=None, since=since)


def missed(job: JobState | None, scheduled: JobPolicy, gap: Gap, now: datetime) -> str | None:
    known = snapshot(jobs=[job] if job else [], gaps=(gap,))
    return grey(evaluate(known, policy([scheduled]), now).findings, "backup_missed")


@pytest.mark.parametrize(
    ("start", "end", "lost"),
    [
        (THREE - HOUR, THREE - 5 * MINUTE, False),
        (THREE - HOUR, THREE - 5 * MINUTE + TICK, True),  # a clock ahead of ours
        (THREE + 10 * MINUTE, THREE + 20 * MINUTE, True),
        (THREE + 10 * MINUTE, THREE + 10 * MINUTE + 30 * SECOND, True),
        (THREE + 10 * MINUTE, THREE + 10 * MINUTE + 30 * SECOND - TICK, False),  # curl tries again
        (THREE + HOUR - TICK, THREE + 2 * HOUR, True),
        (THREE + HOUR, THREE + 2 * HOUR, False),
    ],
)
def test_ping_that_may_have_met_our_outage_is_lost(start: datetime, end: datetime, *, lost: bool) -> None:
    now = THREE + 5 * HOUR
    assert missed(pinged(), by_script(), Gap(start=start, end=end), now) == ("our_outage" if lost else None)


@pytest.mark.parametrize("source", [Source.PING, Source.MAIL])
def test_lost_ping_is_in_doubt_until_the_next_one_is_missed(source: Source) -> None:
    gap = Gap(start=THREE + 10 * MINUTE, end=THREE + 20 * MINUTE)
    until = THREE + DAY + HOUR
    known = snapshot(jobs=[pinged(source=source)], gaps=(gap,))
    before = evaluate(known, policy([by_script()]), until - TICK)
    assert (grey(before.findings, "backup_missed"), before.next_due) == ("our_outage", until)
    after = evaluate(known, policy([by_script()]), until).findings
    assert grey(after, "backup_missed") is None
    assert [one.since for one in after if one.rule == "backup_missed"] == [THREE + HOUR + 10 * MINUTE]


def test_outage_of_days_loses_every_ping_within_it() -> None:
    gap = Gap(start=THREE + 10 * MINUTE, end=THREE + 2 * DAY + HOUR)
    until = THREE + 3 * DAY + HOUR
    assert missed(pinged(), by_script(), gap, until - TICK) == "our_outage"
    assert missed(pinged(), by_script(), gap, until) is None


def test_job_that_was_never_heard_of_is_in_doubt_like_another() -> None:
    gap = Gap(start=THREE + 10 * MINUTE, end=THREE + 20 * MINUTE)
    assert missed(None, by_script(), gap, THREE + 3 * HOUR) == "our_outage"


def test_ping_every_so_often_may_come_early_by_its_grace() -> None:
    due = NOW + 10 * HOUR
    every = by_script(Every(period=DAY))
    early, too_early = (Gap(start=due - 2 * HOUR, end=due - HOUR + moved) for moved in (TICK, timedelta(0)))
    assert missed(pinged(due - DAY), every, early, due + 3 * HOUR) == "our_outage"
    assert missed(pinged(due - DAY), every, too_early, due + 3 * HOUR) is None
    assert missed(pinged(due - DAY), every, early, due + DAY + HOUR - TICK) == "our_outage"
    assert missed(pinged(due - DAY), every, early, due + DAY + HOUR) is None


def test_what_an_agent_tells_is_never_lost() -> None:
    gap = Gap(start=THREE + 10 * MINUTE, end=THREE + 20 * MINUTE)
    assert missed(pinged(source=Source.AGENT), by_script(), gap, THREE + 5 * HOUR) is None


def test_age_of_a_backup_told_by_ping_counts_on() -> None:
    gap = Gap(start=THREE + 10 * MINUTE, end=THREE + 20 * MINUTE)
    known = snapshot(jobs=[pinged()], gaps=(gap,))
    configured = policy([by_script().model_copy(update={"rpo": 25 * HOUR})])
    found = evaluate(known, configured, THREE + 5 * HOUR).findings
    assert {one.rule: one.grey for one in found} == {"backup_missed": "our_outage", "rpo_breached": None}
