"""A dead receiver is left alone, and asked now and then; one bad message stops nobody."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from collector.delivery.breaker import FIRST_REST, LONGEST_REST, LONGEST_WISHED, MOST_FAILURES, Breaker, State, Turn
from tests.factories import NOW

MOMENT = timedelta(microseconds=1)


def failed(times: int, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker, _turn = breaker.refused(uuid4(), None, NOW)
    return breaker


@pytest.mark.parametrize(
    ("failures", "state", "room"), [(MOST_FAILURES - 1, State.CLOSED, 20), (MOST_FAILURES, State.OPEN, 0)]
)
def test_it_opens_at_the_fifth_failure_in_a_row(failures: int, state: State, room: int) -> None:
    breaker = failed(failures)
    assert (breaker.state(NOW), breaker.room(0, 20, NOW)) == (state, room)


def test_the_failure_that_opens_it_says_so() -> None:
    assert failed(MOST_FAILURES - 1).refused(uuid4(), None, NOW)[1] is Turn.FAILURES_IN_A_ROW


def test_one_message_that_fails_for_ever_stops_nobody() -> None:
    breaker, poison = Breaker(), UUID(int=1)
    for _ in range(50):
        breaker, turn = breaker.refused(poison, None, NOW)
        assert turn is None
    assert breaker.state(NOW) is State.CLOSED


def test_what_is_taken_in_between_begins_the_count_anew() -> None:
    breaker, _ = failed(MOST_FAILURES - 1).taken()
    assert failed(MOST_FAILURES - 1, breaker).state(NOW) is State.CLOSED


def test_after_its_rest_one_message_at_a_time_asks() -> None:
    breaker = failed(MOST_FAILURES)
    then = NOW + FIRST_REST
    assert breaker.state(then - MOMENT) is State.OPEN
    assert breaker.state(then) is State.HALF_OPEN
    assert (breaker.room(0, 20, then), breaker.room(1, 20, then)) == (1, 0)


def test_what_began_before_it_opened_does_not_prolong_the_rest() -> None:
    breaker = failed(MOST_FAILURES)
    assert failed(15, breaker).until == breaker.until


def test_the_rest_doubles_with_every_probe_that_fails_up_to_ten_minutes() -> None:
    breaker, rests = failed(MOST_FAILURES), []
    for _ in range(8):
        assert breaker.until
        then = breaker.until
        breaker, turn = breaker.refused(uuid4(), None, then)
        assert turn is Turn.PROBE_FAILED
        assert breaker.until
        rests.append((breaker.until - then) / FIRST_REST)
    assert rests == [2, 4, 8, 16, *[LONGEST_REST / FIRST_REST] * 4]


def test_one_that_somebody_wakes_is_asked_now_and_rests_on_if_it_fails() -> None:
    breaker = failed(MOST_FAILURES).woken(NOW)
    assert (breaker.state(NOW), breaker.room(0, 20, NOW)) == (State.HALF_OPEN, 1)
    breaker, turn = breaker.refused(uuid4(), None, NOW)
    assert (turn, breaker.until) == (Turn.PROBE_FAILED, NOW + 2 * FIRST_REST)


def test_a_probe_that_is_taken_closes_it() -> None:
    closed, turn = failed(MOST_FAILURES).taken()
    assert (closed, turn) == (Breaker(), Turn.TAKEN_AGAIN)
    assert Breaker().taken()[1] is None


@pytest.mark.parametrize(
    ("wish", "rest"),
    [
        (timedelta(seconds=1), FIRST_REST),
        (timedelta(minutes=2), timedelta(minutes=2)),
        (timedelta(minutes=59), timedelta(minutes=59)),
        (timedelta(hours=5), LONGEST_WISHED),
    ],
)
def test_a_receivers_wish_lengthens_the_rest_up_to_an_hour(wish: timedelta, rest: timedelta) -> None:
    breaker, _ = failed(MOST_FAILURES - 1).refused(uuid4(), wish, NOW)
    assert breaker.until == NOW + rest
