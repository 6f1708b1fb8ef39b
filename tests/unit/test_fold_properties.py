"""A history folded again gives what was known, and the order in which it came does not matter."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.judge import learn
from collector.model.fold import fold
from collector.model.heartbeat import Alert, Backup, Patches, Protection, RestoreTest, Sections
from collector.model.report import Report
from collector.model.snapshot import Snapshot
from collector.model.subject import Subject
from tests.factories import HOUR, MINUTE, NOW, PRACTICE, endpoint, report

EMPTY = Snapshot(practice_id=PRACTICE)
MACHINES = [endpoint(endpoint_id=PRACTICE), endpoint(name="SRV-02")]

moments = st.integers(-2_000, 2_000).map(lambda minutes: NOW + minutes * MINUTE)


@st.composite
def sections(draw: st.DrawFn) -> Sections:
    parts = {
        "backups": st.lists(backups(), max_size=3).map(tuple),
        "restore_tests": st.lists(restore_tests(), max_size=2).map(tuple),
        "patches": moments.map(lambda at: Patches(scanned_at=at)),
        "protection": st.sampled_from(["active", "off"]).map(_protection),
        "alerts": st.lists(alerts(), max_size=2).map(tuple),
    }
    return Sections.model_validate({name: draw(st.none() | part) for name, part in parts.items()})


@st.composite
def backups(draw: st.DrawFn) -> Backup:
    status = draw(st.sampled_from(["success", "warning", "failed", "running"]))
    ended = None if status == "running" else draw(moments)
    found = {"job": draw(st.sampled_from("ab")), "tool": "t", "status": status, "finished_at": ended}
    begun = {"started_at": draw(st.none() | moments), "run_id": draw(st.none() | st.sampled_from("rs"))}
    return Backup.model_validate(found | begun, strict=False)


@st.composite
def restore_tests(draw: st.DrawFn) -> RestoreTest:
    level, status = draw(st.sampled_from(["file", "boot"])), draw(st.sampled_from(["success", "failed"]))
    found = {"job": draw(st.sampled_from("ab")), "level": level, "status": status, "tested_at": draw(moments)}
    return RestoreTest.model_validate(found, strict=False)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    found = {"id": draw(st.sampled_from("xy")), "at": draw(moments), "severity": "high", "category": "malware"}
    status = draw(st.sampled_from(["open", "remediated", "dismissed"]))
    return Alert.model_validate(found | {"name": "EICAR", "status": status}, strict=False)


def _protection(mode: str) -> tuple[Protection, ...]:
    return (Protection.model_validate({"product": "p", "mode": mode, "real_time": True}, strict=False),)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    machine = draw(st.sampled_from(MACHINES))
    one = report(
        draw(moments),
        received_at=draw(moments),
        endpoint_id=machine.id,
        identity=machine,
        sections=draw(sections()),
        queued=draw(st.integers(0, 2)),
    )
    return one if draw(st.booleans()) else one.model_copy(update={"endpoint": None})


histories = st.lists(reports(), max_size=8)


@given(histories, st.integers(0, 8))
@settings(max_examples=80)
def test_history_folded_again_from_any_checkpoint_gives_the_same(history: list[Report], checkpoint: int) -> None:
    live = learn(EMPTY, tuple(history))
    saved = learn(EMPTY, tuple(history[:checkpoint])).model_dump_json()
    replayed = [Report.model_validate_json(one.model_dump_json()) for one in history[checkpoint:]]
    assert learn(Snapshot.model_validate_json(saved), tuple(replayed)) == live


@given(histories, reports())
@settings(max_examples=80)
def test_report_folded_twice_changes_only_the_fold_number(history: list[Report], one: Report) -> None:
    once = fold(learn(EMPTY, tuple(history)), one)
    twice = fold(once, one)
    assert twice.model_copy(update={"fold_no": once.fold_no}) == once
    assert twice.fold_no == once.fold_no + 1


def _told(status: str, run_id: str | None = None, *, minute: int = 0) -> Backup:
    ended = None if status == "running" else NOW + minute * MINUTE
    found = {"job": "a", "tool": "t", "status": status, "finished_at": ended, "run_id": run_id}
    return Backup.model_validate(found, strict=False)


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param((_told("success"), _told("running", "s"), _told("success", "s")), id="two end in one instant"),
        pytest.param((_told("success", "s"), _told("success")), id="an id ends beside none"),
        pytest.param((_told("success", minute=-6), _told("success", minute=-7)), id="the older comes last"),
    ],
)
@pytest.mark.parametrize("skew", [0, 6])
def test_runs_of_one_job_in_one_report_folded_twice_change_nothing(runs: tuple[Backup, ...], skew: int) -> None:
    """Told before by a clock that lagged, so that one of them is known to have ended earlier."""
    first = report(NOW, received_at=NOW - skew * MINUTE, sections=Sections(backups=runs[:1]))
    one = report(NOW, received_at=NOW, sections=Sections(backups=runs))
    once = fold(learn(EMPTY, (first,)), one)
    assert fold(once, one).jobs == once.jobs


@given(histories)
@settings(max_examples=100)
def test_what_is_known_never_gets_older(history: list[Report]) -> None:
    known = EMPTY
    for one in history:
        newer = fold(known, one)
        assert all(newer.endpoints[key].as_of >= state.as_of for key, state in known.endpoints.items())
        for key, job in known.jobs.items():
            assert newer.jobs[key].as_of >= job.as_of
            assert job.last_run is None or _ended(newer, key) >= job.last_run.finished_at
        known = newer


def _ended(known: Snapshot, key: Subject) -> datetime:
    run = known.jobs[key].last_run
    assert run is not None
    return run.finished_at


@given(histories)
@settings(max_examples=80)
def test_each_run_is_remembered_once_and_in_order(history: list[Report]) -> None:
    for job in learn(EMPTY, tuple(history)).jobs.values():
        told = [one.reported_end or one.finished_at for one in job.history]
        assert len(set(told)) == len(told)
        assert [one.finished_at for one in job.history] == sorted(one.finished_at for one in job.history)
        assert (job.last_run is None) == (not job.history)


def spooled(order: Sequence[int], ends: Sequence[int]) -> tuple[Report, ...]:
    """Runs that ended at different minutes, each reported as it ended, and received in some order."""
    return tuple(
        report(
            NOW + ends[place] * MINUTE,
            received_at=NOW + 100 * HOUR + arrival * timedelta(seconds=1),
            queued=1,
            sections=Sections(backups=(_ended_at(place, ends[place]),)),
        )
        for arrival, place in enumerate(order)
    )


def _ended_at(place: int, minute: int) -> Backup:
    status = "failed" if place % 2 else "success"
    found = {"job": "ab"[place % 3 > 0], "tool": f"t{place}", "status": status, "finished_at": NOW + minute * MINUTE}
    return Backup.model_validate(found, strict=False)


@given(st.data(), st.lists(st.integers(-2_000, 2_000), unique=True, min_size=1, max_size=6))
@settings(max_examples=80)
def test_order_of_arrival_does_not_matter_to_runs(data: st.DataObject, ends: list[int]) -> None:
    """For finished runs that ended at different instants and were spooled.

    It does matter for first_seen_at and last_report_at, which say when we heard, and between reports of the
    very same instant, of which the last one folded counts.
    """
    order = data.draw(st.permutations(range(len(ends))))
    sorted_jobs, shuffled_jobs = (
        {
            subject: (job.last_run, job.last_good, job.history, job.as_of, job.tool)
            for subject, job in learn(EMPTY, spooled(one, ends)).jobs.items()
        }
        for one in (range(len(ends)), order)
    )
    assert shuffled_jobs == sorted_jobs
