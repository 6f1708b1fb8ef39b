"""What a history says of a run: out of the ordinary or not, and what excuses it."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from collector.model.figures import figures_after
from collector.model.heartbeat import RunStatus
from collector.model.reading import Excuse, Levels, Reading
from collector.model.snapshot import PastRun
from tests.factories import DAY, HOUR, NOW
from tests.unit.nights import FILES, SIZE, followed, night, nights


def readings(*runs: PastRun) -> tuple[Reading, ...]:
    return followed(runs).readings


def reading(*last: PastRun, before: Sequence[PastRun] | None = None) -> Reading:
    *_, found = readings(*(nights() if before is None else before), *last)
    return found


def ends(found: Sequence[Reading]) -> list[datetime]:
    return [one.finished_at for one in found]


def test_ordinary_runs_say_nothing() -> None:
    assert readings(*nights(60)) == ()


def test_run_that_rewrote_much_is_read_with_what_is_usual() -> None:
    found = reading(night(0, 0.5))
    assert (found.share, found.usual, found.known, found.alone, found.excuse) == (0.5, 0.01, 18, False, None)
    assert found.clean_at == NOW - DAY


@pytest.mark.parametrize(("part", "found"), [(0.02, False), (0.021, True)])
def test_only_what_is_beyond_ordinary_runs_is_kept(part: float, *, found: bool) -> None:
    assert bool(readings(*nights(), night(0, part))) is found


@pytest.mark.parametrize(("known", "found"), [(3, False), (4, True)])
def test_three_runs_with_one_before_them_must_be_known(known: int, *, found: bool) -> None:
    assert bool(readings(*nights(known), night(0, 0.9))) is found


def test_failed_run_says_nothing() -> None:
    assert readings(*nights(), night(0, 0.9, status=RunStatus.FAILED)) == ()


@pytest.mark.parametrize(
    "last",
    [
        night(0, 0.5, files_changed=100),
        night(0, 0.5, bytes_added=10_000),
        night(0, 0.5, bytes_total=2 * SIZE),
        night(0, 0.5, files_total=2 * FILES),
    ],
    ids=["compaction", "renamed", "new-data", "new-files"],
)
def test_both_measures_must_say_so(last: PastRun) -> None:
    assert readings(*nights(), last) == ()


@pytest.mark.parametrize(
    ("missing", "alone", "files_untold"),
    [("bytes_added", True, False), ("files_changed", True, True), ("bytes_total", False, False),
     ("files_total", False, False)],
)  # fmt: skip
def test_one_measure_alone_is_said_to_be_alone(missing: str, *, alone: bool, files_untold: bool) -> None:
    found = reading(night(0, 0.5, **{missing: None}))
    assert (found.share, found.alone, found.files_untold) == (0.5, alone, files_untold)


def test_disk_image_leaves_no_files_untold() -> None:
    imaged = [one._replace(files_total=None, files_changed=None) for one in (*nights(), night(0, 0.5))]
    (found,) = readings(*imaged)
    assert (found.alone, found.files_untold) == (True, False)


@pytest.mark.parametrize(("changed", "excuse"), [(0.9, Excuse.TOOL), (0.89, None)])
def test_tool_that_stores_anew_does_so_with_every_file(changed: float, excuse: Excuse | None) -> None:
    assert reading(night(0, changed, tool="restic 0.17.0")).excuse is excuse


@pytest.mark.parametrize(("written", "excuse"), [(0.36, Excuse.TOOL), (0.34, None)])
def test_tool_that_stores_a_disk_anew_compresses_it(written: float, excuse: Excuse | None) -> None:
    imaged = [one._replace(files_total=None, files_changed=None) for one in nights()]
    last = night(0, written, tool="restic 0.17.0")._replace(files_total=None, files_changed=None)
    assert [one.excuse for one in readings(*imaged, last)] == [excuse]


def test_other_place_is_empty_whatever_a_tool_calls_changed() -> None:
    assert reading(night(0, 0.5, repository=2)).excuse is Excuse.REPOSITORY


def test_run_without_any_measure_says_nothing() -> None:
    assert readings(*nights(), night(0, 0.9, bytes_added=None, files_changed=None)) == ()


def test_few_files_change_as_a_whole() -> None:
    few = [one._replace(files_total=9, files_changed=1) for one in nights()]
    assert readings(*few, night(0, 0.9, files_total=9, files_changed=9)) == ()
    assert readings(*few, night(0, 0.9, files_total=None, files_changed=None)) == ()


def test_measure_that_is_always_high_does_not_count() -> None:
    """Every file of a dump is new each night, while a deduplicating tool stores what differs."""
    dumps = [one._replace(files_changed=FILES) for one in nights()]
    assert readings(*dumps, night(0, 0.01, files_changed=FILES)) == ()
    assert reading(night(0, 0.5, files_changed=FILES), before=dumps).alone


@pytest.mark.parametrize(
    ("last", "excuse"),
    [
        (night(0, 0.9, tool="restic 0.17.0"), Excuse.TOOL),
        (night(0, 0.9, tool=None), None),
        (night(0, 0.9, repository=2), Excuse.REPOSITORY),
        (night(0, 0.9, repository=None), None),
        (night(0, 0.9, restore_points=2), Excuse.RESTARTED),
        (night(0, 0.9, restore_points=3), None),
        (night(7, 0.89), None),
        (night(7, 0.9), Excuse.PAUSE),
        (night(6, 0.9), None),
    ],
)
def test_what_may_store_everything_anew_is_an_excuse(last: PastRun, excuse: Excuse | None) -> None:
    assert reading(last).excuse is excuse


def test_tool_and_repository_that_were_seen_before_are_no_excuse() -> None:
    """Two disks take turns, and an older tool is put back."""
    turns = [one._replace(repository=at % 2, tool=f"restic {at % 2}") for at, one in enumerate(nights())]
    assert reading(night(0, 0.9, repository=0, tool="restic 0"), before=turns).excuse is None


@pytest.mark.parametrize(
    ("days", "part", "excuse"),
    [
        (7, 1.0, Excuse.HABIT),
        (7, 0.96, Excuse.HABIT),
        (7, 0.94, None),
        (6, 1.0, None),
        (8, 1.0, None),
        (14, 1.0, None),
        (28, 1.0, Excuse.HABIT),
        (30, 1.0, Excuse.HABIT),
        (31, 1.0, None),
        (35, 1.0, Excuse.HABIT),
    ],
)
def test_full_of_each_week_or_month_is_a_habit(days: int, part: float, excuse: Excuse | None) -> None:
    between = [night(number) for number in range(1, days)]
    assert reading(*between, night(days, part), before=[*nights(), night(0, 1.0)]).excuse is excuse


def test_full_for_a_passing_reason_makes_no_habit() -> None:
    upgraded = [night(number, tool="restic 0.17.0") for number in range(1, 7)]
    before = [*nights(), night(0, 1.0, tool="restic 0.17.0"), *upgraded]
    assert reading(night(7, 1.0, tool="restic 0.17.0"), before=before).excuse is None


def test_attack_does_not_become_usual() -> None:
    attack = [night(number, 0.08) for number in range(4)]
    assert reading(*attack, night(4, 0.08)).usual == 0.01


def test_what_lasts_becomes_usual() -> None:
    runs = [*nights(), *(night(number, 0.08) for number in range(60))]
    assert readings(*runs[:24]) != ()
    assert readings(*runs) == ()


def test_creeping_is_summed_over_three_runs() -> None:
    found = reading(night(0, 0.05), night(1, 0.01), night(2, 0.05))
    assert found.crept == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("parts", "beyond"), [((0.01, 0.01, 0.05), 1), ((0.01, 0.05, 0.05), 2), ((0.05, 0.01, 0.05), 1), ((0.05,) * 3, 3)]
)
def test_runs_out_of_the_ordinary_are_counted_back_to_a_calm_one(parts: Sequence[float], beyond: int) -> None:
    assert reading(*(night(number, part) for number, part in enumerate(parts))).beyond == beyond


@pytest.mark.parametrize(
    ("parts", "each"),
    [
        ((0.05, 0.04, 0.09), 0.03),
        ((0.05, 0.01, 0.09), 0.0),
        ((0.04, None, 0.06, 0.05), 0.03),
        ((None, 0.06, 0.05), 0.0),
    ],
)
def test_calmest_of_the_last_three_runs_that_tell_is_read(parts: Sequence[float | None], each: float) -> None:
    untold = night(0)._replace(bytes_added=None, files_changed=None)
    runs = [night(at, part or 0.0) for at, part in enumerate(parts)]
    silent = [
        untold._replace(finished_at=one.finished_at) if part is None else one
        for one, part in zip(runs, parts, strict=True)
    ]
    assert reading(*silent).each == pytest.approx(each)


def test_full_that_has_an_excuse_is_not_among_the_three() -> None:
    assert reading(night(0, 0.06), night(1, 0.9, repository=2), night(2, 0.06, repository=2)).each == 0.0


def wavering(*last: float) -> Sequence[Reading]:
    """Of a disk image: one night writes a tenth, the next next to nothing."""
    parts = [*((0.01, 0.1)[number % 2] for number in range(30)), *last]
    runs = [night(number - 30, part, files_total=None, files_changed=None) for number, part in enumerate(parts)]
    return readings(*runs)


@pytest.mark.parametrize(("part", "found"), [(0.12, False), (0.121, True)])
def test_three_nights_without_a_calm_one_are_kept_however_a_job_wavers(part: float, *, found: bool) -> None:
    assert bool(wavering(part, part, part)) is found
    assert not wavering(part, 0.02, part)


def test_what_is_clean_lies_before_all_of_three_such_nights() -> None:
    (found,) = wavering(0.14, 0.14, 0.14)
    assert (found.finished_at, found.clean_at) == (NOW + 2 * DAY, NOW - DAY)


@pytest.mark.parametrize(("weeks", "known"), [(2, False), (4, True)])
def test_mondays_after_idle_weekends_are_as_late_as_usual(weeks: int, *, known: bool) -> None:
    """NOW is a Saturday: after Friday the next run comes on Monday, as in the weeks before."""
    days = [day for day in range(-7 * weeks, 0) if (NOW + day * DAY).weekday() < 5]
    found = readings(*(night(day) for day in days), night(2, 0.09))
    assert [one.usual for one in found] == ([0.01] if known else [0.03])


def test_days_without_a_run_are_made_up_for() -> None:
    assert readings(*nights(), night(2, 0.05)) == ()
    assert readings(*nights(), night(0, 0.05)) != ()


@pytest.mark.parametrize(("points", "gone"), [(11, True), (12, False)])
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_restore_points_that_went_shortly_before_are_remembered(points: int, earlier: int, *, gone: bool) -> None:
    *rest, last = (night(number, 0.01 if number < earlier else 0.9, restore_points=points) for number in range(3))
    found = reading(*rest[:earlier], rest[earlier] if earlier < 2 else last)
    assert found.points_gone is gone


def test_reading_stays_when_its_run_is_forgotten() -> None:
    runs = [*nights(), night(0, 0.9), *(night(number / 8) for number in range(1, 8 * 20))]
    known = followed(runs)
    assert known.history[0].finished_at > NOW
    assert ends(known.readings) == [NOW]


def test_late_run_is_read_among_those_before_it() -> None:
    late = night(0, 0.9)
    assert readings(*nights(), night(1), night(2), late) == readings(*nights(), late, night(1), night(2))


def test_history_told_again_changes_nothing() -> None:
    known = followed([*nights(), night(0, 0.9)])
    assert not figures_after(known, known.history)


def levels(*runs: PastRun) -> Levels:
    found = followed(runs).levels
    assert found is not None
    return found


def test_levels_are_those_of_the_last_good_run_beside_those_before() -> None:
    sizes = [night(number - 4, bytes_total=size) for number, size in enumerate((10, 30, 20))]
    found = levels(*sizes, night(0, bytes_total=5), night(1, status=RunStatus.FAILED))
    assert found.finished_at == NOW
    assert found.size is not None
    assert found.size._replace(deviation=0) == (5, 20, 0, 20, 10, 30, 3)


@pytest.mark.parametrize(("weeks", "usual"), [(2, 100), (3, 900)])
def test_weekday_of_its_own_is_usual_from_the_third_on(weeks: int, usual: float) -> None:
    days = range(-7 * weeks, 0)
    runs = [night(number, bytes_total=900 if number % 7 == 0 else 100) for number in days]
    size = levels(*runs, night(0, bytes_total=880)).size
    assert size is not None
    assert size.usual == usual


def test_restore_points_are_counted_in_the_present_place() -> None:
    runs = [*nights(5), night(0, repository=2, restore_points=1), night(1, repository=2, restore_points=2)]
    assert (levels(*runs).points, levels(*nights(5), night(0, restore_points=9)).points) == (2, 30)


def test_job_without_a_good_run_has_no_levels() -> None:
    assert followed([night(0, status=RunStatus.FAILED)]).levels is None


def test_no_absence_is_so_long_that_anything_is_ordinary() -> None:
    uneven = [night(number, (0.01, 0.08)[number % 2]) for number in range(-20, 0)]
    assert [one.ceiling for one in readings(*uneven, night(6, 0.31))] == [0.3]
    assert readings(*uneven, night(6, 0.29)) == ()


def test_place_that_began_again_holds_a_full_by_its_second_run() -> None:
    again = night(-1, 0.9, restore_points=1)
    first, second = readings(*nights()[:-1], again, night(0, 0.9, restore_points=2))
    assert (first.excuse, second.excuse) == (Excuse.RESTARTED, None)


def test_job_that_writes_half_of_itself_anew_wavers_by_as_much() -> None:
    half = [night(number, (0.4, 0.48)[number % 2]) for number in range(-20, 0)]
    assert readings(*half, night(0, 0.8)) == ()


def test_every_hour_is_measured_by_hours() -> None:
    hourly = [night(0)._replace(finished_at=NOW + number * HOUR) for number in range(-20, 0)]
    assert readings(*hourly, night(0, 0.05)) != ()
