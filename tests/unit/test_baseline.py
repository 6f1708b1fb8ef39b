"""Robust statistics: what a few bad nights among many do not move."""

from math import exp

import pytest

from collector.model.baseline import MAD_TO_DEVIATION, deviation, median, quantile, spread


@pytest.mark.parametrize(("values", "middle"), [([3], 3), ([1, 9], 5), ([9, 1, 2], 2), ([1, 1, 1, 1_000], 1)])
def test_median_is_the_middle(values: list[float], middle: float) -> None:
    assert median(values) == middle


@pytest.mark.parametrize(("part", "value"), [(0.01, 1), (0.2, 1), (0.21, 2), (0.8, 4), (0.81, 5), (1, 5)])
def test_quantile_is_the_value_that_this_part_does_not_exceed(part: float, value: float) -> None:
    assert quantile([5, 3, 1, 4, 2], part) == value


def test_deviation_is_not_moved_by_one_bad_night() -> None:
    assert deviation([1, 2, 3, 4, 5]) == deviation([1, 2, 3, 4, 1_000]) == MAD_TO_DEVIATION


def test_steady_job_still_may_differ_a_little() -> None:
    found = spread([0.01] * 40, [], typical=0.8)
    assert found.typical == 0.01
    assert found.beyond(2) == pytest.approx(0.0105 * exp(2 * (0.25 + 1 / 40)))


def test_the_fewer_are_known_the_wider_they_may_lie() -> None:
    assert spread([0.01] * 3, [], typical=0.8).beyond(2) > spread([0.01] * 40, [], typical=0.8).beyond(2)


@pytest.mark.parametrize(("mondays", "typical"), [([0.05] * 2, 0.01), ([0.05] * 3, 0.05), ([0.001] * 3, 0.01)])
def test_weekday_of_its_own_counts_from_the_third_on_where_it_is_busier(mondays: list[float], typical: float) -> None:
    assert spread([0.01] * 20, mondays, typical=0.8).typical == typical
