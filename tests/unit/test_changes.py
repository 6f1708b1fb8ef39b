"""What a heartbeat says that this collector has not stored already."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake import changes as intake_changes
from collector.intake.changes import Changes
from collector.model.heartbeat import Heartbeat, RunStatus
from collector.rules.heartbeat_missing import check
from collector.store.intake import Arrival
from tests.factories import HOUR, MINUTE, NOW, PRACTICE, backup, endpoint_state, heartbeat, policy, snapshot

PATCHES = {"scanned_at": NOW}


class Intake:
    """One collector's memory, and an endpoint that reports to it."""

    def __init__(self) -> None:
        self.changes = Changes()

    def take(self, seq: int, at: datetime = NOW, practice: UUID = PRACTICE, **more: object) -> Arrival:
        """One request with one heartbeat, committed."""
        request = self.changes.compared(practice)
        arrival = request.arrival(heartbeat(at, seq, **more), at)
        request.committed()
        return arrival

    def kinds(self, seq: int, **more: Any) -> set[str]:
        return {section.kind for section in self.take(seq, **more).sections}


@pytest.fixture
def intake() -> Intake:
    return Intake()


def test_first_heartbeat_is_material_and_says_everything(intake: Intake) -> None:
    arrival = intake.take(0, patches=PATCHES, backups=(backup(),))
    assert arrival.material
    assert [section.kind for section in arrival.sections] == ["endpoint", "backups", "patches"]


def test_unchanged_section_is_not_written_again(intake: Intake) -> None:
    intake.take(0, patches=PATCHES)
    arrival = intake.take(1, patches=PATCHES)
    assert (arrival.sections, arrival.material) == ((), False)


def test_only_the_section_that_changed_is_written(intake: Intake) -> None:
    intake.take(0, patches=PATCHES, backups=(backup(),))
    assert intake.kinds(1, patches=PATCHES, backups=(backup(status=RunStatus.FAILED),)) == {"backups"}


def test_section_that_was_not_looked_at_is_remembered(intake: Intake) -> None:
    intake.take(0, patches=PATCHES)
    intake.take(1)
    assert intake.kinds(2, patches=PATCHES) == set()


def test_emptied_section_is_a_change(intake: Intake) -> None:
    intake.take(0, backups=(backup(),))
    assert intake.kinds(1, backups=()) == {"backups"}


def test_section_that_changes_back_is_written(intake: Intake) -> None:
    for seq, status in enumerate([RunStatus.SUCCESS, RunStatus.FAILED]):
        intake.take(seq, backups=(backup(status=status),))
    assert intake.kinds(2, backups=(backup(),)) == {"backups"}


@pytest.mark.parametrize(
    ("seq", "cold"),
    [(4, True), (5, True), (6, False), (7, True), (0, True)],
    ids=["back", "same", "next", "gap", "reset"],
)
def test_memory_counts_only_for_the_next_number(intake: Intake, seq: int, *, cold: bool) -> None:
    intake.take(5, patches=PATCHES)
    arrival = intake.take(seq, patches=PATCHES)
    assert bool(arrival.sections) is cold
    assert arrival.material is cold


def test_heartbeat_after_a_gap_is_remembered_again(intake: Intake) -> None:
    intake.take(0)
    intake.take(7)
    assert intake.kinds(8) == set()


@pytest.mark.parametrize(("late", "material"), [(75, False), (75.000001, True), (30, False)])
def test_heartbeat_a_quarter_of_an_interval_late_is_material(intake: Intake, late: float, *, material: bool) -> None:
    intake.take(0)
    assert intake.take(1, NOW + timedelta(seconds=late)).material is material


def test_lateness_is_measured_by_the_interval_that_was_promised(intake: Intake) -> None:
    intake.take(0, interval_s=3_600)
    assert not intake.take(1, NOW + HOUR, interval_s=3_600).material


def test_another_interval_is_material_it_moves_the_deadline(intake: Intake) -> None:
    intake.take(0, interval_s=86_400)
    assert intake.take(1, NOW + MINUTE, interval_s=60).material
    assert not intake.take(2, NOW + 2 * MINUTE, interval_s=60).material


def test_spool_that_has_emptied_is_material(intake: Intake) -> None:
    intake.take(0, queued=2)
    assert not intake.take(1, queued=1).material
    assert intake.take(2, queued=0).material
    assert not intake.take(3, queued=0).material


def test_what_is_not_committed_is_not_known(intake: Intake) -> None:
    """Lost, refused, or its client gone: whatever comes next says everything, also what came while it waited."""
    intake.take(0)
    waiting = intake.changes.compared(PRACTICE)
    said = waiting.arrival(heartbeat(NOW, 1, patches=PATCHES), NOW).sections
    assert {section.kind for section in said} == {"patches"}
    assert "patches" in intake.kinds(2, patches=PATCHES)


def test_what_was_known_before_a_failed_commit_still_is(intake: Intake) -> None:
    intake.take(0)
    intake.changes.compared(PRACTICE).arrival(heartbeat(NOW, 1), NOW)
    assert intake.kinds(1) == set()


def test_heartbeats_of_one_request_rest_on_each_other(intake: Intake) -> None:
    """They are committed together or not at all."""
    request = intake.changes.compared(PRACTICE)
    kinds = [{one.kind for one in request.arrival(heartbeat(NOW, seq), NOW).sections} for seq in range(3)]
    assert kinds == [{"endpoint"}, set(), set()]
    request.committed()
    assert intake.kinds(3) == set()


def test_endpoint_that_sent_again_says_everything_next(intake: Intake) -> None:
    intake.take(0)
    request = intake.changes.compared(PRACTICE)
    request.committed([request.arrival(heartbeat(NOW, 1), NOW)])
    assert intake.kinds(2) == {"endpoint"}


def test_practices_do_not_share_a_memory(intake: Intake) -> None:
    intake.take(0)
    assert {section.kind for section in intake.take(1, practice=UUID(int=1)).sections} == {"endpoint"}


def test_memory_is_bounded_and_loses_the_longest_unheard(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_changes, "MOST_REMEMBERED", 2)
    first, second, third = (UUID(int=number) for number in (1, 2, 3))
    for seq, practice in [(0, first), (0, second), (1, first), (0, third)]:
        intake.take(seq, practice=practice)
    assert not intake.take(2, practice=first).material
    assert intake.take(1, practice=second).material


def test_arrival_keeps_the_offset_of_the_endpoints_clock(intake: Intake) -> None:
    written = "2026-11-21T19:00:00-03:30"
    beat = Heartbeat.model_validate_json(heartbeat().model_dump_json().replace("2026-11-21T18:00:00Z", written))
    arrival = intake.changes.compared(PRACTICE).arrival(beat, NOW)
    assert arrival.beat
    assert arrival.beat.sent_offset_s == -12_600


intervals = st.integers(1, 86_400)


@given(intervals, intervals, st.floats(0, 400_000), st.integers(0, 3))
def test_heartbeat_that_ends_a_silence_is_material(first: int, second: int, pause: float, queued: int) -> None:
    """The worker hears of every endpoint that comes back, whatever interval it promises next."""
    intake, again = Intake(), NOW + timedelta(seconds=pause)
    intake.take(0, interval_s=first)
    arrival = intake.take(1, again, interval_s=second, queued=queued)
    silent = check(snapshot([endpoint_state(NOW, interval_s=first)]), policy(), again).findings
    assert arrival.material or not silent


def test_section_that_stays_the_same_is_written_again_once_a_day(intake: Intake) -> None:
    intake.take(0, patches=PATCHES)
    assert intake.kinds(1, at=NOW + intake_changes.REFRESH - MINUTE, patches=PATCHES) == set()
    assert intake.kinds(2, at=NOW + intake_changes.REFRESH, patches=PATCHES) == {"endpoint", "patches"}


def test_section_that_is_no_longer_looked_at_is_not_written_again(intake: Intake) -> None:
    intake.take(0, patches=PATCHES)
    assert intake.kinds(1, at=NOW + 2 * intake_changes.REFRESH) == {"endpoint"}
