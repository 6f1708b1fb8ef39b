"""When a schedule is next due; Paris changes its clocks on 2026-03-29, 2026-10-25, 2027-03-28 and 2027-10-31."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.model.policy import Cron, Every, JobPolicy
from tests.factories import DAY, HOUR, MINUTE, NOW

CHANGES = [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1), datetime(2027, 3, 28, 1), datetime(2027, 10, 31, 1)]  # noqa: DTZ001


def paris(expression: str) -> Cron:
    return Cron(expression=expression, zone="Europe/Paris")


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


# Worked out by hand: Paris is UTC+1 in winter and UTC+2 in summer; both changes are at 01:00 UTC.
SPRING_AND_AUTUMN = [
    ("30 1 * * *", "2026-03-28T12:00", "2026-03-29T00:30"),  # the last of winter
    ("30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"),  # does not exist: run when the clocks change
    ("30 2 * * *", "2026-03-29T01:00", "2026-03-30T00:30"),
    ("0 3 * * *", "2026-03-28T12:00", "2026-03-29T01:00"),
    ("30 3 * * *", "2026-03-28T12:00", "2026-03-29T01:30"),
    ("0 * * * *", "2026-03-29T00:00", "2026-03-29T01:00"),  # every hour stays every hour
    ("30 2 * * *", "2026-10-24T12:00", "2026-10-25T00:30"),  # exists twice: run the first time
    ("30 2 * * *", "2026-10-25T00:30", "2026-10-26T01:30"),
    ("0 3 * * *", "2026-10-24T12:00", "2026-10-25T02:00"),
    ("0 * * * *", "2026-10-25T00:00", "2026-10-25T01:00"),
    ("0 * * * *", "2026-10-25T01:00", "2026-10-25T02:00"),
    ("30 2 * * *", "2027-03-27T12:00", "2027-03-28T01:00"),
    ("30 2 * * *", "2027-10-30T12:00", "2027-10-31T00:30"),
    ("0 22 * * 1-5", "2026-11-20T21:00", "2026-11-23T21:00"),  # Friday to Monday
    ("0 3 1 1 *", "2026-11-21T00:00", "2027-01-01T02:00"),
]


@pytest.mark.parametrize(("expression", "anchor", "due"), SPRING_AND_AUTUMN)
def test_cron_is_due_by_the_clock_on_the_wall(expression: str, anchor: str, due: str) -> None:
    assert paris(expression).due_after(utc(anchor)) == utc(due)


@pytest.mark.parametrize("expression", ["30 2 * * *", "30 2,3 * * *"])
def test_run_that_ends_in_the_repeated_hour_is_due_again_the_next_time(expression: str) -> None:
    ended = utc("2026-10-25T01:10")
    assert paris(expression).due_after(ended) > ended


def daily_slots(hour: int, minute: int) -> list[datetime]:
    """An independent reading of a daily time: found by walking each day's UTC minutes, without cron."""
    zone = ZoneInfo("Europe/Paris")
    slots = []
    for change in CHANGES:
        midnight = change.replace(hour=0)
        for day in (-1, 0, 1):
            wall = (midnight + timedelta(days=day)).replace(hour=hour, minute=minute)
            slot = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
            exists = slot.astimezone(zone).replace(tzinfo=None) == wall
            slots.append(slot if exists else change.replace(tzinfo=UTC))
    return slots


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 4, 12, 23])
@pytest.mark.parametrize("minute", [0, 30, 59])
def test_daily_time_falls_once_a_day_over_every_change(hour: int, minute: int) -> None:
    slots = daily_slots(hour, minute)
    for first in (0, 3, 6, 9):
        day_before, day, day_after = slots[first : first + 3]
        assert paris(f"{minute} {hour} * * *").due_after(day_before) == day
        assert paris(f"{minute} {hour} * * *").due_after(day) == day_after


# Each with an hour of change of its own, the last one in the other half of the year.
ZONES = ["Europe/Paris", "America/New_York", "Australia/Sydney"]
YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
AT_A_TIME = [
    "30 2 * * *",
    "0 2 * * *",
    "0,30 2 * * *",
    "30 1,2,3 * * *",
    "45 1 * * *",
    "0 3 * * *",
    "15 2 * * 0",
    "0 22 * * 1-5",
    "0 3 1 * *",
]
ALL_THE_TIME = ["0 * * * *", "*/20 1-3 * * *", "15 */2 * * *", "*/10 2 * * *"]


def walls(expression: str) -> Iterator[datetime]:
    """What the expression says to a clock that never changes: cronsim without any zone, a day more at both ends."""
    first, last = (edge.replace(tzinfo=None) for edge in YEAR)
    slots = CronSim(expression, first - DAY)
    return takewhile(lambda slot: slot < last + DAY, slots)


def on_the_wall(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def first_shown(wall: datetime, zone: str) -> datetime:
    """When a clock on the wall first shows a time, or the next that it shows at all."""
    instant = wall.replace(tzinfo=UTC) - 15 * HOUR
    while on_the_wall(instant, zone) < wall:
        jump = wall - on_the_wall(instant, zone)
        instant += jump if on_the_wall(instant + jump, zone) <= wall else MINUTE
    return instant


def slots_of_the_year(expression: str, zone: str) -> list[datetime]:
    first, last = YEAR
    schedule, found = Cron(expression=expression, zone=zone), [first]
    while (due := schedule.due_after(found[-1])) < last:
        found.append(due)
    return found[1:]


@pytest.mark.parametrize("zone", [*ZONES, "Australia/Lord_Howe"])  # whose clocks move by half an hour
@pytest.mark.parametrize("expression", AT_A_TIME)
def test_run_at_a_time_of_day_comes_once_for_each_such_time_of_the_year(expression: str, zone: str) -> None:
    """The hour that comes twice has it once, and the hour that is left out has it as the clocks change."""
    first, last = YEAR
    expected = {first_shown(wall, zone) for wall in walls(expression)}
    assert slots_of_the_year(expression, zone) == sorted(one for one in expected if first < one < last)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", ALL_THE_TIME)
def test_run_all_the_time_comes_whenever_the_clock_on_the_wall_shows_it(expression: str, zone: str) -> None:
    """In the hour that comes twice it comes twice, and none is made up for the hour that is left out."""
    first, last = YEAR
    wanted = set(walls(expression))
    instants = (first + n * 5 * MINUTE for n in range(1, (last - first) // (5 * MINUTE)))
    assert slots_of_the_year(expression, zone) == [one for one in instants if on_the_wall(one, zone) in wanted]


@given(
    st.sampled_from(["*/15 * * * *", "7 * * * *", "0 3 * * *", "0 0 * * *", "0 4 * * 0"]),
    st.sampled_from(CHANGES),
    st.integers(-180, 180),
)
def test_cron_is_due_strictly_after_its_anchor(expression: str, change: datetime, minutes: int) -> None:
    anchor = change.replace(tzinfo=UTC) + minutes * MINUTE
    due = paris(expression).due_after(anchor)
    assert due > anchor
    assert due.utcoffset() == timedelta(0)


def test_period_counts_from_its_anchor_whatever_the_clocks_do() -> None:
    assert Every(period=DAY).due_after(utc("2026-10-24T20:00")) == utc("2026-10-25T20:00")


@pytest.mark.parametrize(
    ("expression", "zone"),
    [("61 * * * *", "UTC"), ("* * * *", "UTC"), ("0 0 31 2 *", "UTC"), ("@daily", "UTC"), ("0 1 * * *", "Paris")],
)
def test_schedule_that_means_nothing_is_refused(expression: str, zone: str) -> None:
    with pytest.raises(ValidationError):
        Cron(expression=expression, zone=zone)


@pytest.mark.parametrize(
    ("period", "accepted"),
    [(timedelta(seconds=1), True), (timedelta(0), False), (400 * DAY, True), (401 * DAY, False), (-DAY, False)],
)
def test_period_lies_between_a_second_and_400_days(period: timedelta, *, accepted: bool) -> None:
    if accepted:
        assert Every(period=period).period == period
        return
    with pytest.raises(ValidationError):
        Every(period=period)


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), 401 * DAY])
def test_grace_is_not_negative_nor_longer_than_400_days(grace: timedelta) -> None:
    with pytest.raises(ValidationError):
        JobPolicy(endpoint_id=None, job="daily", schedule=Every(period=DAY), grace=grace, since=NOW)
