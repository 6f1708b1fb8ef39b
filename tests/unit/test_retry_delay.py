"""How long a delivery that failed waits for its next try."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.delivery.answers import LONGEST_WISH
from collector.delivery.drain import GIVE_UP_AFTER, LONGEST_RETRY, retry_delay


@pytest.mark.parametrize(
    ("attempts", "middle"),
    [(1, 2), (2, 4), (3, 8), (10, 1_024), (11, 2_048), (12, 3_600), (13, 3_600), (10_000, 3_600)],
)
def test_wait_doubles_from_two_seconds_to_an_hour_give_or_take_a_fifth(attempts: int, middle: int) -> None:
    waits = [retry_delay(attempts).total_seconds() for _ in range(100)]
    assert middle * 0.8 <= min(waits) < max(waits) <= middle * 1.2


def test_whoever_wants_to_be_left_alone_for_long_is_asked_once_more_before_it_is_given_up() -> None:
    assert 2 * LONGEST_WISH <= GIVE_UP_AFTER


@given(st.integers(1, 10**9))
def test_wait_is_bounded_whatever_the_attempts(attempts: int) -> None:
    assert timedelta(seconds=1) < retry_delay(attempts) <= LONGEST_RETRY * 1.2
