"""A shortfall is told from what is owed and what arrives; a fleet in which nothing changed never has one."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.arrivals import Arrivals, Owed
from collector.rules.shortfall import LEAST_OWED, NARROWEST, WIDEST, is_short, window

NONE: Mapping[int, int] = {}


def owed(endpoints: Mapping[int, int], part: float = 0.1) -> Owed:
    """Of which the largest practice owes a part."""
    whole = Owed(endpoints=endpoints)
    return whole.model_copy(update={"largest": whole.per_second * part})


def short(endpoints: Mapping[int, int], arrived: int, part: float = 0.1) -> bool:
    owing = owed(endpoints, part)
    return is_short(Arrivals(owed=owing, window=window(owing), arrived=arrived))


@pytest.mark.parametrize(
    ("endpoints", "seconds"),
    [
        pytest.param(NONE, 15, id="nobody"),
        pytest.param({60: 100_000}, 60, id="a large fleet, yet all may send at the same instant"),
        pytest.param({5: 1_000}, 15, id="never under 15 s"),
        pytest.param({15: 1_000}, 15, id="as long as the interval"),
        pytest.param({16: 1_000}, 16, id="a bit longer"),
        pytest.param({60: 4}, 60, id="four are owed within the interval"),
        pytest.param({60: 3}, 80, id="as long as it takes to be owed four"),
        pytest.param({60: 10, 300: 50}, 60, id="half is owed by the quick"),
        pytest.param({60: 10, 300: 51}, 300, id="less than half is owed by the quick"),
        pytest.param({86_400: 10_000}, 300, id="never over 300 s"),
    ],
)
def test_the_window_is_as_long_as_it_must_be(endpoints: Mapping[int, int], seconds: int) -> None:
    assert window(owed(endpoints)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("endpoints", "arrived", "expected"),
    [
        pytest.param({60: 100}, 25, False, id="a quarter"),
        pytest.param({60: 100}, 24, True, id="less than a quarter"),
        pytest.param({60: 100}, 0, True, id="nothing"),
        pytest.param({60: 100}, 5_000, False, id="a flood of late ones"),
        pytest.param({60: 4}, 1, False, id="one of four"),
        pytest.param({60: 4}, 0, True, id="none of four"),
        pytest.param({300: 4}, 0, True, id="as few as can be told"),
        pytest.param({300: 3}, 0, False, id="too few to tell"),
        pytest.param({301: 1_000}, 0, False, id="too seldom to tell"),
        pytest.param(NONE, 0, False, id="nobody owes anything"),
    ],
)
def test_less_than_a_quarter_is_a_shortfall(endpoints: Mapping[int, int], arrived: int, expected: bool) -> None:
    assert short(endpoints, arrived) is expected


@pytest.mark.parametrize(("part", "expected"), [(0.49, True), (0.5, False), (1.0, False)])
def test_one_practice_that_owes_half_may_be_silent_by_itself(part: float, expected: bool) -> None:
    assert short({60: 100}, 0, part) is expected


_MACHINES = st.lists(
    st.tuples(st.sampled_from([1, 5, 15, 30, 60, 61, 120, 300, 301, 900, 86_400]), st.integers(0, 86_399)),
    min_size=1,
    max_size=40,
)


@given(machines=_MACHINES, together=st.booleans(), now=st.integers(86_400, 200_000))
def test_a_steady_fleet_never_has_one(machines: list[tuple[int, int]], together: bool, now: int) -> None:
    """Whatever its intervals and phases, even if all send at the same instant."""
    owing = owed(Counter(interval_s for interval_s, _ in machines))
    width = int(window(owing).total_seconds())
    arrived = 0
    for interval_s, drawn in machines:
        phase = 0 if together else drawn % interval_s
        arrived += (now - phase) // interval_s - (now - width - phase) // interval_s
    assert not is_short(Arrivals(owed=owing, window=timedelta(seconds=width), arrived=arrived))


@given(machines=_MACHINES)
def test_the_window_has_bounds_and_holds_enough(machines: list[tuple[int, int]]) -> None:
    owing = owed(Counter(interval_s for interval_s, _ in machines))
    width = window(owing)
    assert NARROWEST <= width <= WIDEST
    assert width == WIDEST or owing.per_second * width.total_seconds() >= LEAST_OWED * 0.999
