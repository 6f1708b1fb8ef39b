"""No minute sees more deliveries than the rate allows, whoever sends them."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.delivery.pace import MINUTE, MOST_SINGLES, READABLE_RATE, Pace
from tests.factories import NOW


def begun(pace: Pace, steps: list[int]) -> list[datetime]:
    """When deliveries begin by somebody who takes all there is room for, looking after these waits (milliseconds)."""
    at, free_at, began = NOW, None, []
    for step in steps:
        at += timedelta(milliseconds=step)
        room = pace.room(free_at, at)
        if room:
            free_at = pace.spent(free_at, room, at)
        began += [at] * room
    return began


def most_in_a_minute(began: list[datetime]) -> int:
    return max((sum(one <= other < one + MINUTE for other in began) for one in began), default=0)


PACES = st.one_of(
    st.integers(1, 60_000).map(lambda rate: (Pace.of_tickets(rate), rate)),
    st.integers(1, 60_000).map(lambda rate: (Pace.of_notices(rate), rate)),
)


@given(PACES, st.lists(st.integers(0, 20_000), max_size=40))
def test_no_minute_has_more_than_the_rate(paced: tuple[Pace, int], steps: list[int]) -> None:
    pace, rate = paced
    assert most_in_a_minute(begun(pace, steps)) <= rate


@pytest.mark.parametrize("rate", [1, 2, 7, 60, 600, 60_000])
def test_who_always_looks_comes_near_the_rate(rate: int) -> None:
    pace = Pace.of_tickets(rate)
    assert pace
    looks = 3 * 60 * 20
    assert len(begun(pace, [50] * looks)) >= rate * 3 * 0.9


def test_without_a_rate_tickets_are_not_held_back() -> None:
    assert Pace.of_tickets(None) is None


def test_a_phone_rings_five_times_at_once_and_ten_times_a_minute_at_most() -> None:
    pace = Pace.of_notices(None)
    began = begun(pace, [0] + [100] * 1_200)
    assert began[:MOST_SINGLES] == [NOW] * MOST_SINGLES
    assert began[MOST_SINGLES] > NOW
    assert most_in_a_minute(began) == READABLE_RATE


def test_after_a_digest_nothing_rings_for_a_while() -> None:
    pace = Pace.of_notices(None)
    free_at = pace.spent(None, pace.burst, NOW)
    assert pace.room(free_at, NOW + pace.interval * 0.99) == 0
    assert pace.room(free_at, NOW + pace.interval) == 1


def test_a_clock_that_is_behind_another_workers_takes_nothing_twice() -> None:
    pace = Pace.of_notices(None)
    free_at = pace.spent(None, pace.burst, NOW)
    assert pace.room(free_at, NOW - timedelta(seconds=3)) == 0
