"""A green run that is not like those before it is found until one is, or until the new level is the usual one."""

from collections.abc import Sequence
from typing import Any

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import RestorePoints, RunStatus
from collector.model.rule_settings import BackupLooksWrong, RuleSettings
from collector.model.snapshot import PastRun
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.backup_looks_wrong import check
from tests.factories import DAY, ENDPOINT, HOUR, NOW, endpoint_state, policy, snapshot
from tests.unit.nights import FILES, SIZE, followed, night, nights


def found(*runs: PastRun, points: int | None = None, **setting: Any) -> Sequence[Finding]:
    job = followed(runs)
    left = RestorePoints(count=points) if points is not None else None
    seen = snapshot([endpoint_state()], [job.model_copy(update={"restore_points": left})])
    rules = RuleSettings(backup_looks_wrong=BackupLooksWrong.model_validate(setting))
    return check(seen, policy(rules=rules), NOW).findings


def reasons(*runs: PastRun, points: int | None = None, **setting: Any) -> list[str]:
    return [one.reason for one in found(*runs, points=points, **setting)]


def reason(**last: Any) -> str | None:
    """Of a run after twenty ordinary ones."""
    return next(iter(reasons(*nights(), night(0)._replace(**last))), None)


def test_runs_alike_are_as_they_should_be() -> None:
    assert reasons(*nights()) == reasons() == []


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"bytes_total": 0, "files_total": 0}, "zero_bytes"),
        ({"bytes_total": 0, "files_total": None}, "zero_bytes"),
        ({"bytes_total": 0}, "zero_bytes"),
        ({"bytes_total": None, "files_total": 0}, "zero_bytes"),
        ({"bytes_total": None, "files_total": None}, None),
        ({"bytes_total": 0.7 * SIZE}, None),
        ({"bytes_total": 0.69 * SIZE}, "shrunk"),
        ({"files_total": 0.7 * FILES}, None),
        ({"files_total": 0.69 * FILES}, "files_lost"),
        ({"bytes_total": 4.99 * SIZE}, None),
        ({"bytes_total": 5 * SIZE}, "grown"),
        ({"bytes_total": 5 * SIZE, "bytes_added": 0.99 * SIZE}, "grown"),
        ({"bytes_total": 5 * SIZE, "bytes_added": SIZE}, None),
        ({"bytes_total": 5 * SIZE, "bytes_added": None}, None),
        ({"files_total": 10 * FILES}, None),
        ({"duration_s": 2}, "too_fast"),
        ({"duration_s": 59, "bytes_added": SIZE}, "too_fast"),
        ({"duration_s": 60, "bytes_added": SIZE}, None),
        ({"duration_s": 59, "bytes_added": 2_900}, None),
        ({"duration_s": 9, "bytes_added": 0}, "too_fast"),
        ({"duration_s": 59, "bytes_added": 0, "bytes_total": None}, "too_fast"),
        ({"duration_s": 36_000}, None),
    ],
)
def test_both_sides_of_each_boundary(last: dict[str, Any], expected: str | None) -> None:
    assert reason(**last) == expected


def test_job_that_is_always_quick_cannot_be_too_quick() -> None:
    quick = [one._replace(duration_s=19) for one in nights()]
    assert reasons(*quick, night(0, duration_s=1)) == []


def test_import_that_did_not_tell_how_much_it_holds_explains_what_the_next_run_tells() -> None:
    untold = night(0, bytes_total=None, bytes_added=2 * SIZE)
    assert reasons(*nights(), untold, night(1, bytes_total=6 * SIZE)) == []


def test_quick_weekends_make_a_quick_closure_no_fault() -> None:
    weeks = [one._replace(duration_s=600 if at % 7 > 1 else 40) for at, one in enumerate(nights(28))]
    assert reasons(*weeks, night(0, duration_s=35, bytes_added=SIZE)) == []


def test_dump_that_always_counts_no_bytes_is_not_empty() -> None:
    uncounted = [one._replace(bytes_total=0) for one in nights()]
    assert reasons(*uncounted, night(0, bytes_total=0)) == []


def test_first_run_may_be_empty_and_is_found() -> None:
    assert reasons(night(0, bytes_total=0, files_total=0)) == ["zero_bytes"]


@pytest.mark.parametrize(("known", "expected"), [(4, []), (5, ["shrunk"])])
def test_enough_runs_must_be_known(known: int, expected: list[str]) -> None:
    assert reasons(*nights(known), night(0, bytes_total=SIZE // 3)) == expected


def test_what_always_wavers_may_waver() -> None:
    wavering = [one._replace(bytes_total=SIZE * (3 + at % 3)) for at, one in enumerate(nights())]
    assert reasons(*wavering, night(0, bytes_total=SIZE)) == []


def test_slow_growth_and_slow_decline_are_never_found() -> None:
    for factor in (1.02, 0.98):
        runs = [night(at, bytes_total=round(SIZE * factor**at), files_total=round(FILES * factor**at))
                for at in range(120)]  # fmt: skip
        assert not any(reasons(*runs[:end]) for end in range(10, 120, 10))


def test_compacted_database_is_smaller_and_well() -> None:
    assert reason(bytes_total=SIZE // 2, bytes_added=SIZE // 4) is None
    assert reason(bytes_total=SIZE // 2, bytes_added=SIZE // 4, files_total=FILES // 2) == "shrunk"


@pytest.mark.parametrize(("left", "expected"), [(SIZE // 10, None), (SIZE // 10 - 1, "shrunk")])
def test_next_to_nothing_is_no_database_that_was_compacted(left: int, expected: str | None) -> None:
    assert reason(bytes_total=left, bytes_added=left) == expected


@pytest.mark.parametrize(("nights_since", "is_found"), [(0, True), (2, True), (3, False)])
def test_level_that_lasts_becomes_the_usual_one(nights_since: int, *, is_found: bool) -> None:
    less = [night(number, bytes_total=SIZE // 2) for number in range(nights_since + 1)]
    assert bool(reasons(*nights(), *less)) is is_found


def test_next_to_nothing_does_not_become_usual_for_weeks() -> None:
    assert reasons(*nights(), *(night(number, bytes_total=SIZE // 11) for number in range(15))) == ["shrunk"]


def test_next_ordinary_run_heals_and_a_failed_one_does_not() -> None:
    short = night(0, bytes_total=SIZE // 2)
    assert reasons(*nights(), short, night(1, bytes_total=1, status=RunStatus.FAILED)) == ["shrunk"]
    assert reasons(*nights(), short, night(1)) == []


@pytest.mark.parametrize(("points", "expected"), [(12, []), (11, ["restore_points_shrinking"])])
def test_two_fifths_of_the_restore_points_must_be_left(points: int, expected: list[str]) -> None:
    assert reasons(*nights(), points=points) == expected


def test_fewer_restore_points_that_last_were_agreed() -> None:
    fewer = [night(number, restore_points=7) for number in range(6)]
    assert reasons(*nights(), *fewer[:5], points=7) == ["restore_points_shrinking"]
    assert reasons(*nights(), *fewer, points=7) == []


def test_new_repository_has_few_restore_points() -> None:
    moved = [night(number, repository=2, restore_points=number + 1) for number in range(2)]
    assert reasons(*nights(), *moved, points=2) == []


@pytest.mark.parametrize(
    ("part", "added", "expected"), [(0.32, None, ["much_changed"]), (0.3, None, []), (0.32, 0, [])]
)
def test_many_changed_files_are_found_where_nothing_tells_of_data(
    part: float, added: int | None, expected: list[str]
) -> None:
    untold = [one._replace(bytes_added=added) for one in nights()]
    assert reasons(*untold, night(0, part, bytes_added=added)) == expected


def test_settings_decide() -> None:
    assert reasons(*nights(), night(0, bytes_total=SIZE // 2), least_change=0.6) == []
    assert reasons(*nights(), night(0, duration_s=60, bytes_added=SIZE), too_fast=0.2) == ["too_fast"]


def test_finding_says_what_is_usual() -> None:
    (one,) = found(*nights(), night(0, bytes_total=SIZE // 2))
    assert (one.severity, one.since, one.root) == (Severity.WARNING, NOW, job_subject(ENDPOINT, "daily"))
    assert one.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "run_at": NOW.isoformat(),
        "bytes": "500000",
        "usual_bytes": "1000000",
    }


def test_nothing_in_it_is_critical() -> None:
    assert [one.severity for one in found(*nights(), night(0, bytes_total=0))] == [Severity.CRITICAL]


def test_restore_points_are_told_with_the_most_there_were() -> None:
    (one,) = found(*nights(), points=3)
    assert (one.facts["restore_points"], one.facts["most_restore_points"]) == ("3", "30")


def test_finding_hangs_on_its_server_once_that_is_overdue() -> None:
    seen = snapshot([endpoint_state()], [followed([*nights(), night(0, bytes_total=0)])])
    (one,) = check(seen, policy(), NOW + HOUR).findings
    assert one.root == endpoint_subject(ENDPOINT)


def test_retired_job_is_not_found() -> None:
    seen = snapshot(jobs=[followed([*nights(), night(0, bytes_total=0)])])
    assert check(seen, policy(retired={endpoint_subject(ENDPOINT): "replaced"}), NOW + DAY).findings == ()
