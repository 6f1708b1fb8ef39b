"""A campaign that lasts: who joins it, when it ends, and what is the next one."""

from datetime import timedelta

import pytest

from collector.model.campaign import Fleet
from collector.rules.correlate import AT_ONCE, LONGEST
from tests.factories import DAY, HOUR, NOW
from tests.unit.troubles import TICK, WINDOW, at_each, correlated, counts, lasting, signal


def test_one_that_lasts_takes_whoever_has_the_trouble_next() -> None:
    signals = [*at_each(NOW, NOW, NOW), signal(4, NOW + 6 * DAY)]
    assert counts(correlated(signals, NOW + 6 * DAY, lasting=[lasting()])) == ["4"]


def test_one_that_lasts_stays_when_the_fleet_has_grown() -> None:
    failed = at_each(NOW, NOW, NOW, signature="backup_failed:restic")
    fleet = Fleet(practices=200, tools={"restic": 100})
    campaign = lasting(subject="campaign:backup_tool:restic")
    assert correlated(failed, fleet=fleet).findings == ()
    assert counts(correlated(failed, fleet=fleet, lasting=[campaign])) == ["3"]


@pytest.mark.parametrize(("lasts", "length"), [(True, LONGEST), (False, WINDOW)])
def test_it_ends_a_window_after_the_last_when_all_is_over_and_after_a_week_in_any_case(
    lasts: bool, length: timedelta
) -> None:
    signals = [signal(n, lasts=lasts) for n in (1, 2, 3)]
    assert correlated(signals, NOW + length - TICK, lasting=[lasting()]).next_due == NOW + length
    assert correlated(signals, NOW + length, lasting=[lasting()]).findings == ()


@pytest.mark.parametrize(("late", "found"), [(-TICK, True), (timedelta(0), False)])
def test_it_ends_a_week_after_it_opened_though_others_join_it_day_by_day(late: timedelta, found: bool) -> None:
    """Among thousands somebody always has the same trouble: a new attack must not go under in last month's."""
    signals = [signal(n, NOW + n * DAY) for n in range(7)]
    assert bool(correlated(signals, NOW + LONGEST + late, lasting=[lasting()]).findings) is found


@pytest.mark.parametrize(("before", "next_one"), [(3 * HOUR, ["3"]), (WINDOW, [])])
def test_an_attack_as_a_campaign_ends_is_the_next_one_at_once(before: timedelta, next_one: list[str]) -> None:
    end = NOW + LONGEST
    signals = [*at_each(NOW, NOW, NOW), *(signal(n, end - before) for n in (4, 5, 6))]
    over = correlated(signals, end, lasting=[lasting()])
    assert (over.findings, over.next_due) == ((), end + AT_ONCE if next_one else None)
    assert counts(correlated(signals, end + AT_ONCE)) == next_one
