"""The bucket of a practice: what fits, what does not, and when it does again."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake import admission as intake_admission
from collector.intake.admission import TOKEN_BYTES, TOKEN_VALUES, Admission, TooMuchError, tokens_of

A, B, C = (UUID(int=number) for number in (1, 2, 3))
RATE, BURST = 10.0, 100.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def admission(clock: Clock) -> Admission:
    return Admission(RATE, BURST, clock)


def _lets_in(admission: Admission, tokens: float, practice: UUID = A) -> bool:
    try:
        admission.take(practice, tokens)
    except TooMuchError:
        return False
    return True


@pytest.mark.parametrize(("taken", "fits"), [(99.0, True), (99.9, True), (100.0, False), (101.0, False)])
def test_whoever_comes_while_the_bucket_is_above_zero_is_let_in(
    admission: Admission, taken: float, *, fits: bool
) -> None:
    admission.take(A, taken)
    assert _lets_in(admission, 1_000) is fits


@pytest.mark.parametrize(("waited", "fits"), [(89.0, False), (90.0, False), (90.1, True), (200.0, True)])
def test_what_was_taken_below_zero_is_paid_back_first(
    admission: Admission, clock: Clock, waited: float, *, fits: bool
) -> None:
    admission.take(A, 1_000)
    clock.now += waited
    assert _lets_in(admission, 1) is fits


def test_what_is_refused_takes_nothing(admission: Admission, clock: Clock) -> None:
    admission.take(A, BURST)
    for _ in range(100):
        assert not _lets_in(admission, 50)
    clock.now += 0.1
    assert _lets_in(admission, 1)


def test_to_ask_takes_nothing(admission: Admission) -> None:
    for _ in range(1_000):
        admission.take(A, 0)
    admission.take(A, BURST)
    with pytest.raises(TooMuchError):
        admission.take(A, 0)


def test_what_is_owed_is_taken_from_whoever_was_let_in(admission: Admission) -> None:
    admission.take(A, 1)
    admission.owe(A, BURST - 1)
    assert not _lets_in(admission, 1)


def test_an_idle_bucket_holds_no_more_than_its_burst(admission: Admission, clock: Clock) -> None:
    admission.take(A, 1)
    clock.now += 1_000_000
    admission.take(A, BURST)
    assert not _lets_in(admission, 1)


def test_practices_do_not_share_a_bucket(admission: Admission) -> None:
    admission.take(A, BURST)
    assert _lets_in(admission, 1, B)


@given(st.floats(0.1, 10_000), st.floats(1, 10_000))
def test_after_the_time_told_it_is_let_in_again(tokens: float, more: float) -> None:
    clock = Clock()
    admission = Admission(RATE, BURST, clock)
    admission.take(A, BURST + tokens)
    with pytest.raises(TooMuchError) as refused:
        admission.take(A, more)
    clock.now += refused.value.retry_after_s
    admission.take(A, more)


def test_full_buckets_are_forgotten(admission: Admission, clock: Clock) -> None:
    for number in range(100):
        admission.take(UUID(int=number), 1)
    clock.now += 1
    admission.take(A, 1)
    assert admission.remembered == 1


def test_memory_is_bounded_and_loses_the_longest_unheard(admission: Admission, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_admission, "MOST_BUCKETS", 2)
    for practice in (A, B, C):
        admission.take(practice, BURST)
    assert [_lets_in(admission, 0, practice) for practice in (A, B, C)] == [True, False, False]


@pytest.mark.parametrize(
    ("heartbeats", "size", "values", "tokens"),
    [
        (1, 300, 20, 1),
        (1, TOKEN_BYTES, TOKEN_VALUES, 1),
        (1, 2 * TOKEN_BYTES, 20, 2),
        (1, 300, 2 * TOKEN_VALUES, 2),
        (500, 150_000, 10_000, 500),
        (1, 256 * 1024, 4_000, 32),
    ],
)
def test_a_token_is_a_heartbeat_or_what_a_rich_one_weighs(
    heartbeats: int, size: int, values: int, tokens: float
) -> None:
    assert tokens_of(heartbeats, size, values) == tokens
