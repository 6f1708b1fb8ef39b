"""Starts and ends of runs, as users of Healthchecks know them, for pings and for agents alike."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.judge import learn
from collector.model.fold import fold
from collector.model.heartbeat import Backup, Copy, Medium, RestorePoints, RunStatus, Sections
from collector.model.report import Report, Source
from collector.model.runs import MOST_RUN_IDS
from collector.model.snapshot import JobState, Snapshot
from collector.model.subject import job_subject
from tests.factories import ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, backup, job_state, new_id, report, snapshot

PINGED = job_subject(None, "daily")
REPORTED = job_subject(ENDPOINT, "daily")
EMPTY = Snapshot(practice_id=PRACTICE)


def at(minute: float) -> datetime:
    return NOW + minute * MINUTE


def ping(status: str, minute: float, run_id: str | None = None) -> Report:
    """As intake writes it: what it tells of is when it came."""
    now = at(minute)
    running = status == "running"
    run = Backup(
        job="daily",
        tool="ping",
        run_id=run_id,
        status=RunStatus(status),
        started_at=now if running else None,
        finished_at=None if running else now,
    )
    return Report(
        heartbeat_id=new_id(now), source=Source.PING, endpoint_id=None, received_at=now, sent_at=now,
        sections=Sections(backups=(run,)),
    )  # fmt: skip


def start(minute: float, run_id: str | None = None) -> Report:
    return ping("running", minute, run_id)


def success(minute: float, run_id: str | None = None) -> Report:
    return ping("success", minute, run_id)


def failure(minute: float, run_id: str | None = None) -> Report:
    return ping("failed", minute, run_id)


def pinged(*reports: Report) -> JobState:
    return learn(EMPTY, reports).jobs[PINGED]


def minute_of(instant: datetime | None) -> float | None:
    return (instant - NOW) / MINUTE if instant else None


@pytest.mark.parametrize(
    ("told", "running_since", "began"),
    [
        # one run at a time, without ids
        ([start(0)], 0, None),
        ([start(0), success(5)], None, 0),
        ([start(0), failure(5)], None, 0),
        ([start(0), start(2)], 2, None),
        ([start(0), start(2), success(5)], None, 2),
        ([success(5)], None, None),
        ([start(0), success(5), success(9)], None, None),
        ([start(0), success(5), start(7)], 7, 0),
        ([start(0), success(5), start(7), success(9)], None, 7),
        # ids that match
        ([start(0, "a"), success(5, "a")], None, 0),
        ([start(0, "a"), failure(5, "a")], None, 0),
        ([start(0, "a"), success(5, "a"), success(9, "a")], None, None),
        ([start(0, "a"), success(5, "a"), start(7, "a")], 7, 0),
        ([start(0, "a"), success(5, "a"), start(7, "a"), success(9, "a")], None, 7),
        # runs that overlap: the last start counts, and each is as long as it was
        ([start(0, "a"), start(2, "b"), success(5, "a")], 2, 0),
        ([start(0, "a"), start(2, "b"), success(5, "b")], None, 2),
        ([start(0, "a"), start(2, "b"), success(5, "a"), success(9, "b")], None, 2),
        ([start(0, "a"), start(2, "b"), success(5, "b"), success(9, "a")], None, 0),
        # ids that do not match
        ([start(0, "a"), success(5, "b")], 0, None),
        ([start(0, "a"), failure(5, "b")], None, None),
        ([start(0, "a"), success(5)], None, None),
        ([start(0, "a"), failure(5)], None, None),
        ([start(0), success(5, "b")], None, None),
        ([start(0), failure(5, "b")], None, None),
    ],
)
def test_start_is_over_and_measures_its_run(
    told: list[Report], running_since: float | None, began: float | None
) -> None:
    known = pinged(*told)
    assert minute_of(known.running_since) == running_since
    assert minute_of(known.last_run.started_at if known.last_run else None) == began


@pytest.mark.parametrize(
    ("told", "running_since"),
    [
        ([success(5, "a"), start(0, "a")], None),
        ([success(5, "a"), success(6, "b"), start(0, "a")], None),
        ([success(5, "b"), start(0, "a")], 0),
        ([failure(5, "b"), start(0, "a")], None),
        ([success(5), start(0, "a")], None),
        ([success(5), start(5, "a")], None),
        ([success(5), start(5.1, "a")], 5.1),
        ([success(5, "b"), start(0)], None),
        ([start(4, "b"), start(0, "a")], 4),
        ([start(4, "b"), success(5, "b"), start(0, "a")], None),
    ],
)
def test_start_that_is_told_late_is_as_if_it_had_come_in_time(told: list[Report], running_since: float | None) -> None:
    assert minute_of(pinged(*told).running_since) == running_since
    in_time = sorted(told, key=lambda one: one.received_at)
    assert minute_of(pinged(*in_time).running_since) == running_since


@pytest.mark.parametrize(
    ("begin", "running_since"), [(timedelta(0), 0.0), (MINUTE / 2, 0.0), (MINUTE, None), (2 * MINUTE, None)]
)
def test_agents_run_ends_a_start_up_to_its_own_beginning(begin: timedelta, running_since: float | None) -> None:
    """Its id is that of what it made, and not known when it started."""
    running = backup(status=RunStatus.RUNNING, finished_at=None, started_at=at(1), run_id="pid 7")
    ended = backup(finished_at=at(9), started_at=at(0) + begin, run_id="snapshot f6889428")
    told = [report(at(1), sections=Sections(backups=(running,))), report(at(9), sections=Sections(backups=(ended,)))]
    known = learn(EMPTY, tuple(told)).jobs[REPORTED]
    assert (known.running_since is None) is (running_since is None)
    assert known.last_run is not None
    assert known.last_run.started_at == at(0) + begin


def test_as_many_runs_are_told_apart_as_are_remembered() -> None:
    begun = [start(minute, f"run {minute}") for minute in range(MOST_RUN_IDS + 1)]
    known = pinged(*begun)
    assert len(known.spans) == MOST_RUN_IDS
    oldest, second = (pinged(*begun, success(99, f"run {number}")).last_run for number in (0, 1))
    assert oldest
    assert oldest.started_at is None, "forgotten"
    assert second
    assert second.started_at == at(1)


def test_start_changes_only_the_start() -> None:
    before = pinged(success(0))
    after = pinged(success(0), start(5, "a"))
    told = {"running_since": at(5), "last_start": after.last_start, "spans": after.spans}
    assert after == before.model_copy(update=told)


def test_ping_of_an_agents_job_takes_no_copies_away() -> None:
    """It did not look for any."""
    copy, points = Copy(medium=Medium.CLOUD, location="s3"), RestorePoints(count=3)
    full = report(at(0), sections=Sections(backups=(backup(finished_at=at(0), copies=(copy,), restore_points=points),)))
    known = learn(EMPTY, (full, success(5).model_copy(update={"endpoint_id": ENDPOINT}))).jobs[REPORTED]
    assert (known.copies, known.restore_points, known.tool) == ((copy,), points, "ping")


def test_copies_that_an_agent_tells_of_late_are_not_hidden_by_a_ping() -> None:
    def seen(minute: int, count: int) -> Report:
        points = RestorePoints(count=count)
        return report(at(minute), sections=Sections(backups=(backup(finished_at=at(0), restore_points=points),)))

    pinged_since = success(5).model_copy(update={"endpoint_id": ENDPOINT})
    known = learn(EMPTY, (seen(1, 30), pinged_since, seen(4, 2))).jobs[REPORTED]
    assert known.restore_points == RestorePoints(count=2)
    assert learn(EMPTY, (seen(4, 2), pinged_since, seen(1, 30))).jobs[REPORTED].restore_points == RestorePoints(count=2)


def test_job_stored_before_starts_were_kept_goes_on() -> None:
    stored = job_state(running_since=at(0)).model_dump(mode="json")
    for field in ("last_start", "over_until", "spans"):
        del stored[field]
    known = snapshot(jobs=[JobState.model_validate(stored)])
    ended = fold(known, report(at(5), sections=Sections(backups=(backup(finished_at=at(5)),)))).jobs[REPORTED]
    assert (ended.running_since, ended.last_run and ended.last_run.started_at) == (None, at(0))
    earlier = backup(status=RunStatus.RUNNING, finished_at=None, started_at=at(-1))
    assert fold(known, report(at(6), sections=Sections(backups=(earlier,)))).jobs[REPORTED].running_since == at(0)


statuses = st.sampled_from(["running", "success", "failed"])
ids = st.none() | st.sampled_from("abc")


@st.composite
def told(draw: st.DrawFn) -> list[Report]:
    minutes = draw(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=10))
    return [ping(draw(statuses), minute, draw(ids)) for minute in minutes]


@given(told())
@settings(max_examples=300)
def test_order_of_arrival_does_not_matter_to_what_is_running(reports: list[Report]) -> None:
    in_order = pinged(*sorted(reports, key=lambda one: one.received_at))
    as_it_came = pinged(*reports)
    assert as_it_came.running_since == in_order.running_since
    assert as_it_came.spans == in_order.spans
    assert (as_it_came.last_run and as_it_came.last_run.finished_at) == (
        in_order.last_run and in_order.last_run.finished_at
    )


@given(told())
@settings(max_examples=200)
def test_ping_told_twice_changes_nothing(reports: list[Report]) -> None:
    assert pinged(*reports, reports[-1]) == pinged(*reports)


@given(told())
@settings(max_examples=300)
def test_what_runs_is_what_healthchecks_would_say(reports: list[Report]) -> None:
    """Its own algorithm, in the order of time; ours differs where a start has no id and its end has one."""
    last: tuple[datetime, str | None] | None = None
    measured: datetime | None = None
    ended = False
    for one in sorted(reports, key=lambda one: one.received_at):
        (run,) = one.sections.backups or ()
        if run.status is RunStatus.RUNNING:
            last = (one.received_at, run.run_id)
            continue
        ended = True
        matches = last is not None and last[1] == run.run_id
        measured = last[0] if last and matches else None
        if last and (matches or run.status is RunStatus.FAILED or run.run_id is None or last[1] is None):
            last = None
    known = pinged(*sorted(reports, key=lambda one: one.received_at))
    assert known.running_since == (last[0] if last else None)
    assert (known.last_run is not None) is ended
    if measured:
        assert known.last_run
        assert known.last_run.started_at == measured


@given(told())
@settings(max_examples=100)
def test_run_never_begins_after_its_end(reports: list[Report]) -> None:
    for run in (pinged(*reports).last_run, pinged(*reports).last_good):
        assert run is None or run.started_at is None or run.started_at <= run.finished_at < at(0) + 24 * HOUR
