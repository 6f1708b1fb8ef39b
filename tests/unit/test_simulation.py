"""A simulated fleet repeats itself, and its faults do what they say."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.heartbeat import Heartbeat, Role, RunStatus
from collector.simulation.drive import Enrolment, playlist
from collector.simulation.fleet import draw_fleet
from collector.simulation.heartbeats import beats
from collector.simulation.script import Fault, FaultKind, JobScript, MachineScript, PracticeScript
from tests.factories import DAY, HOUR, MINUTE, NOW

ZERO = timedelta(0)


def fleet(seed: int = 1) -> Sequence[PracticeScript]:
    return draw_fleet(seed, 25, interval=MINUTE, period=10 * MINUTE)


def machine(
    *, job_faults: Sequence[Fault] = (), faults: Sequence[Fault] = (), first: timedelta = ZERO
) -> MachineScript:
    job = JobScript(name="daily", tool="t", period=HOUR, first=ZERO, duration=5 * MINUTE, faults=tuple(job_faults))
    return MachineScript(
        name="SRV-01", role=Role.SERVER, os="Debian", interval=MINUTE, first=first, jobs=(job,), faults=tuple(faults)
    )


def played(script: MachineScript, until: timedelta = 3 * HOUR) -> list[Heartbeat]:
    return list(beats("Cabinet", script, NOW, until))


def ended(script: MachineScript) -> list[tuple[int, RunStatus]]:
    """The runs that its heartbeats tell of: in which hour they began, and how they ended."""
    runs = {
        (int((run.started_at - NOW) / HOUR), run.status)
        for beat in played(script)
        for run in beat.backups or ()
        if run.started_at
    }
    return sorted(runs)


def test_seed_settles_the_fleet() -> None:
    assert fleet(1) == fleet(1)
    assert fleet(1) != fleet(2)


def test_fleet_has_practices_of_different_names_with_a_server_each() -> None:
    practices = fleet()
    assert len({one.name for one in practices}) == 25
    assert all(one.machines[0].role is Role.SERVER for one in practices)
    assert all(script.jobs for one in practices for script in one.machines)


def test_story_repeats_itself_to_the_last_byte() -> None:
    assert played(machine()) == played(machine())


def test_ids_are_of_version_7_in_order_and_never_twice() -> None:
    told = [beat for one in fleet() for script in one.machines for beat in beats(one.name, script, NOW, 20 * MINUTE)]
    assert {beat.id.version for beat in told} == {7}
    assert len({beat.id for beat in told}) == len(told)
    for beat in told:
        assert beat.id.int >> 80 == int(beat.sent_at.timestamp() * 1_000)


def test_heartbeats_count_up_an_interval_apart() -> None:
    told = played(machine(first=20 * timedelta(seconds=1)), 10 * MINUTE)
    assert [beat.seq for beat in told] == list(range(10))
    assert [beat.sent_at - NOW for beat in told] == [timedelta(seconds=20) + seq * MINUTE for seq in range(10)]


@pytest.mark.parametrize(("until", "count"), [(ZERO, 1), (MINUTE - timedelta(microseconds=1), 1), (MINUTE, 2)])
def test_story_ends_with_its_last_instant(until: timedelta, count: int) -> None:
    assert len(played(machine(), until)) == count


def test_machine_that_begins_after_the_story_ends_says_nothing() -> None:
    assert played(machine(first=50 * timedelta(seconds=1)), 10 * timedelta(seconds=1)) == []


def test_job_without_faults_runs_each_period() -> None:
    assert ended(machine()) == [(0, RunStatus.SUCCESS), (1, RunStatus.SUCCESS), (2, RunStatus.SUCCESS)]


def test_failed_run_ends_badly_as_long_as_the_fault_holds() -> None:
    fault = Fault(kind=FaultKind.FAILED, begins=HOUR, ends=2 * HOUR)
    assert ended(machine(job_faults=[fault])) == [(0, RunStatus.SUCCESS), (1, RunStatus.FAILED), (2, RunStatus.SUCCESS)]


def test_missed_run_is_not_told_of() -> None:
    fault = Fault(kind=FaultKind.MISSED, begins=HOUR, ends=2 * HOUR)
    assert ended(machine(job_faults=[fault])) == [(0, RunStatus.SUCCESS), (2, RunStatus.SUCCESS)]


def test_job_that_misses_from_the_beginning_never_reports() -> None:
    assert ended(machine(job_faults=[Fault(kind=FaultKind.MISSED, begins=ZERO)])) == []


def test_dead_machine_is_silent_and_counts_on_when_it_is_back() -> None:
    told = played(machine(faults=[Fault(kind=FaultKind.DEAD, begins=2 * MINUTE, ends=5 * MINUTE)]), 6 * MINUTE)
    assert [beat.seq for beat in told] == [0, 1, 5, 6]


@pytest.mark.parametrize(
    ("at", "holds"), [(MINUTE - timedelta(microseconds=1), False), (MINUTE, True), (HOUR - MINUTE, True), (HOUR, False)]
)
def test_fault_holds_from_its_beginning_to_before_its_end(at: timedelta, *, holds: bool) -> None:
    assert Fault(kind=FaultKind.DEAD, begins=MINUTE, ends=HOUR).holds(at) is holds


def test_fault_without_an_end_holds_for_ever() -> None:
    assert Fault(kind=FaultKind.DEAD, begins=MINUTE).holds(4_000 * DAY)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**5))
@settings(max_examples=40)
def test_no_heartbeat_tells_of_what_is_yet_to_come(period_s: int, first_s: int, duration_s: int) -> None:
    second = timedelta(seconds=1)
    job = JobScript(name="j", tool="t", period=period_s * second, first=first_s * second, duration=duration_s * second)
    script = machine().model_copy(update={"jobs": (job,), "interval": 9_999 * second})
    for beat in played(script, 500_000 * second):
        assert Heartbeat.model_validate_json(beat.model_dump_json()) == beat
        assert all(run.finished_at is None or run.finished_at <= beat.sent_at for run in beat.backups or ())


def test_playlist_is_the_whole_fleet_in_the_order_of_time() -> None:
    enrolments = [Enrolment(one, key=one.name) for one in fleet()]
    told = list(playlist(enrolments, NOW, 5 * MINUTE))
    machines = sum(len(one.machines) for one in fleet())
    assert [beat.sent_at for beat, _ in told] == sorted(beat.sent_at for beat, _ in told)
    assert len({beat.endpoint.id for beat, _ in told}) == machines
    assert {enrolment.key for _, enrolment in told} == {one.name for one in fleet()}
