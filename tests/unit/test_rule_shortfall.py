"""A shortfall is told from what is owed, what arrives and who is heard; a fleet in which nothing changed has none."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.arrivals import Arrivals, Heard, Owed, Share
from collector.rules.shortfall import NARROWEST, WIDEST, is_short, looks_short, window
from tests.factories import NOW

NONE: Mapping[int, int] = {}


def owed(endpoints: Mapping[int, int]) -> Owed:
    """By practices of one machine each."""
    return Owed(shares={interval_s: Share(endpoints=n, practices=n) for interval_s, n in endpoints.items()})


def arrivals(owing: Owed, arrived: int) -> Arrivals:
    return Arrivals(until=NOW, owed=owing, window=window(owing), arrived=arrived)


@pytest.mark.parametrize(
    ("endpoints", "seconds"),
    [
        pytest.param(NONE, 15, id="nobody"),
        pytest.param({60: 100_000}, 60, id="a large fleet, yet all may send at the same instant"),
        pytest.param({5: 1_000}, 15, id="never under 15 s"),
        pytest.param({15: 1_000}, 15, id="as long as the interval"),
        pytest.param({16: 1_000}, 16, id="a bit longer"),
        pytest.param({60: 50, 300: 50}, 60, id="half are quick"),
        pytest.param({60: 50, 300: 51}, 300, id="less than half are quick"),
        pytest.param({86_400: 10_000}, 300, id="never over 300 s"),
    ],
)
def test_the_window_is_the_interval_of_half_the_fleet(endpoints: Mapping[int, int], seconds: int) -> None:
    assert window(owed(endpoints)) == timedelta(seconds=seconds)


def test_a_practice_that_claims_much_does_not_set_the_window() -> None:
    shares = {1: Share(endpoints=500, practices=1), 60: Share(endpoints=9, practices=9)}
    assert window(Owed(shares=shares)) == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("endpoints", "arrived", "expected"),
    [
        pytest.param({60: 100}, 25, False, id="a quarter"),
        pytest.param({60: 100}, 24, True, id="less than a quarter"),
        pytest.param({60: 100}, 0, True, id="nothing"),
        pytest.param({60: 100}, 5_000, False, id="a flood of late ones"),
        pytest.param({60: 4}, 1, False, id="one of four"),
        pytest.param({60: 4}, 0, True, id="none of four"),
        pytest.param({60: 3}, 0, False, id="too few to tell"),
        pytest.param({300: 1_000}, 0, True, id="as seldom as can be told"),
        pytest.param({301: 1_000}, 0, False, id="too seldom to tell"),
        pytest.param(NONE, 0, False, id="nobody owes anything"),
    ],
)
def test_less_than_a_quarter_is_looked_at_closer(endpoints: Mapping[int, int], arrived: int, expected: bool) -> None:
    assert looks_short(arrivals(owed(endpoints), arrived)) is expected


@pytest.mark.parametrize(
    ("practices", "part", "expected"),
    [(4, 0.0, True), (3, 0.0, False), (4, 0.24, True), (4, 0.25, False), (5_000, 0.1, True), (0, 0.0, False)],
)
def test_it_is_one_if_less_than_a_quarter_is_heard(practices: int, part: float, expected: bool) -> None:
    assert is_short(Heard(practices=practices, part=part)) is expected


_MACHINES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from([1, 5, 15, 30, 60, 61, 120, 300, 301, 900, 86_400]),
        st.integers(0, 86_399),
    ),
    min_size=1,
    max_size=40,
)


def fleet(machines: list[tuple[int, int, int]]) -> Owed:
    """Of machines given by practice, interval and phase."""
    sizes: dict[int, int] = defaultdict(int)
    for practice, _, _ in machines:
        sizes[practice] += 1
    shares: dict[int, Share] = {}
    for practice, interval_s, _ in machines:
        known = shares.get(interval_s, Share(endpoints=0, practices=0))
        shares[interval_s] = Share(endpoints=known.endpoints + 1, practices=known.practices + 1 / sizes[practice])
    return Owed(shares=shares)


@given(machines=_MACHINES)
def test_half_of_the_fleet_sends_within_the_window(machines: list[tuple[int, int, int]]) -> None:
    """So that a fleet in which nothing changed is heard, and those that decide are most of it."""
    owing = fleet(machines)
    width = window(owing)
    assert NARROWEST <= width <= WIDEST
    within = sum(one.practices for interval_s, one in owing.shares.items() if interval_s <= width.total_seconds())
    assert width == WIDEST or within >= owing.practices / 2 - 1e-9


@given(machines=_MACHINES)
def test_silence_of_all_is_always_looked_at(machines: list[tuple[int, int, int]]) -> None:
    owing = fleet(machines)
    practices = len({practice for practice, _, _ in machines})
    told = looks_short(arrivals(owing, 0))
    assert not told or practices >= 4
    assert told or practices < 4 or window(owing) == WIDEST
