"""Wrong keys are limited for each address, and what is remembered of addresses is bounded."""

import pytest

from collector.intake import strangers
from collector.intake.strangers import EVERY_S, FAILURES, Strangers

NOW = 1_000.0
ADDRESS = "192.0.2.1"


def failed(times: int, address: str = ADDRESS, at: float = NOW) -> Strangers:
    known = Strangers()
    for _ in range(times):
        known.failed(address, at)
    return known


@pytest.mark.parametrize(("failures", "wait_s"), [(0, 0), (FAILURES - 1, 0), (FAILURES, EVERY_S)])
def test_an_address_may_fail_so_often(failures: int, wait_s: int) -> None:
    assert failed(failures).wait_s(ADDRESS, NOW) == wait_s


@pytest.mark.parametrize(
    ("after_s", "wait_s"), [(0, 3), (0.5, 3), (EVERY_S - 0.001, 1), (EVERY_S, 0), (EVERY_S * 1_000, 0)]
)
def test_it_may_again_when_one_failure_is_refilled(after_s: float, wait_s: int) -> None:
    assert failed(FAILURES).wait_s(ADDRESS, NOW + after_s) == wait_s


def test_what_is_refilled_is_used_up_again() -> None:
    known = failed(FAILURES)
    known.failed(ADDRESS, NOW + EVERY_S)
    assert known.wait_s(ADDRESS, NOW + EVERY_S) == EVERY_S


def test_a_long_rest_fills_the_bucket_and_no_more() -> None:
    known = failed(1)
    later = NOW + 1_000 * EVERY_S
    for _ in range(FAILURES - 1):
        known.failed(ADDRESS, later)
    assert known.wait_s(ADDRESS, later) == 0
    known.failed(ADDRESS, later)
    assert known.wait_s(ADDRESS, later) == EVERY_S


def test_many_failures_at_once_are_owed_within_a_bound() -> None:
    assert failed(FAILURES + 5).wait_s(ADDRESS, NOW) == 6 * EVERY_S
    assert failed(500).wait_s(ADDRESS, NOW) == (FAILURES + 1) * EVERY_S


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8::1", "2001:DB8:0:0::1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "192.0.2.1", False),
        ("testclient", "testclient", True),
    ],
)
def test_ipv6_addresses_of_one_network_share_a_bucket(one: str, other: str, shared: bool) -> None:
    assert (failed(FAILURES, one).wait_s(other, NOW) > 0) is shared


def test_the_address_that_failed_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "MOST_ADDRESSES", 2)
    known = Strangers()
    for address in ("first", "second"):
        for _ in range(FAILURES):
            known.failed(address, NOW)
    known.failed("first", NOW)
    known.failed("third", NOW)
    assert [known.wait_s(address, NOW) > 0 for address in ("first", "second", "third")] == [True, False, False]
