"""Open time: hours, public holidays and closures, on days of 23, 24 and 25 hours."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.calendar import Calendar, Closure, Holidays, Hours
from collector.model.open_time import OpenTime, open_time
from collector.model.snapshot import Gap
from tests.factories import DAY, HOUR, MINUTE, policy

TICK = timedelta(microseconds=1)
PARIS = "Europe/Paris"
ALWAYS = ((Hours(opens=time(0), closes=time(0)),),) * 7
# Each with an hour of change of its own: Lord Howe Island's clocks move by half an hour.
ZONES = [PARIS, "America/New_York", "Australia/Lord_Howe"]


def at(written: str, zone: str = PARIS) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def opened(zone: str = PARIS, **calendar: Any) -> OpenTime:
    return OpenTime(Calendar(**calendar), zone)


def closed(first: str, last: str) -> Closure:
    return Closure(first=date.fromisoformat(first), last=date.fromisoformat(last))


@pytest.mark.parametrize(
    ("instant", "is_open", "until"),
    [
        ("2026-11-20T07:59:59", False, "2026-11-20T08:00"),
        ("2026-11-20T08:00", True, "2026-11-20T19:00"),
        ("2026-11-20T18:59:59", True, "2026-11-20T19:00"),
        ("2026-11-20T19:00", False, "2026-11-23T08:00"),  # Friday to Monday
        ("2026-11-22T12:00", False, "2026-11-23T08:00"),
        ("2026-07-13T19:00", False, "2026-07-15T08:00"),  # over 14 July
        ("2026-07-14T12:00", False, "2026-07-15T08:00"),
        ("2026-12-31T19:00", False, "2027-01-04T08:00"),  # over New Year and a weekend
        ("2026-05-14T12:00", False, "2026-05-15T08:00"),  # Ascension
    ],
)
def test_practice_is_open_in_its_hours_and_closed_on_holidays(instant: str, is_open: bool, until: str) -> None:
    found = opened().opening(at(instant))
    assert (found.is_open, found.until) == (is_open, at(until))


@pytest.mark.parametrize("day", ["2026-04-03", "2025-12-26", "2027-03-26"], ids=["Good Friday", "26 December", "2027"])
def test_alsace_and_moselle_keep_two_days_more(day: str) -> None:
    noon = at(f"{day}T12:00")
    assert opened().opening(noon).is_open
    assert not opened(holidays=Holidays.ALSACE_MOSELLE).opening(noon).is_open


def test_alsace_and_moselle_keep_france_s_days_too_and_others_none() -> None:
    noon = at("2026-07-14T12:00")
    assert not opened(holidays=Holidays.ALSACE_MOSELLE).opening(noon).is_open
    assert opened(holidays=Holidays.NONE).opening(noon).is_open


@pytest.mark.parametrize(
    ("instant", "is_open", "until"),
    [
        ("2026-08-07T18:59", True, "2026-08-07T19:00"),
        ("2026-08-10T12:00", False, "2026-08-24T08:00"),
        ("2026-08-21T12:00", False, "2026-08-24T08:00"),
        ("2026-08-24T08:00", True, "2026-08-24T19:00"),
    ],
)
def test_closure_holds_for_its_days_the_last_one_included(instant: str, is_open: bool, until: str) -> None:
    found = opened(closures=(closed("2026-08-10", "2026-08-21"),)).opening(at(instant))
    assert (found.is_open, found.until) == (is_open, at(until))


@pytest.mark.parametrize(
    ("since", "amount", "reached"),
    [
        ("2026-11-20T10:00", timedelta(0), "2026-11-20T10:00"),
        ("2026-11-20T10:00", 9 * HOUR, "2026-11-20T19:00"),
        ("2026-11-20T10:00", 9 * HOUR + MINUTE, "2026-11-23T08:01"),
        ("2026-11-20T19:00", 16 * HOUR, "2026-11-24T13:00"),
        ("2026-11-21T03:00", MINUTE, "2026-11-23T08:01"),
        ("2026-07-13T18:00", 2 * HOUR, "2026-07-15T09:00"),
        ("2026-12-31T18:00", 2 * HOUR, "2027-01-04T09:00"),
    ],
)
def test_amount_of_open_time_is_reached_over_nights_and_holidays(since: str, amount: timedelta, reached: str) -> None:
    assert opened().reached(at(since), amount) == at(reached)


def test_overlapping_closures_and_our_own_outages_count_once() -> None:
    closures = (closed("2026-11-23", "2026-11-24"), closed("2026-11-24", "2026-11-25"))
    away = (Gap(start=at("2026-11-25T18:00"), end=at("2026-11-26T09:00")),)
    hours = opened(closures=closures)
    assert hours.reached(at("2026-11-20T18:00"), 2 * HOUR) == at("2026-11-26T09:00")
    assert hours.reached(at("2026-11-20T18:00"), 2 * HOUR, away) == at("2026-11-26T10:00")
    assert hours.between(at("2026-11-20T18:00"), at("2026-11-26T10:00")) == 3 * HOUR


@pytest.mark.parametrize(
    ("start", "end", "reached"),
    [
        ("2026-11-20T09:00", "2026-11-20T10:00", "2026-11-20T12:00"),  # before it began
        ("2026-11-20T09:00", "2026-11-20T11:00", "2026-11-20T13:00"),
        ("2026-11-20T12:00", "2026-11-20T13:00", "2026-11-20T12:00"),  # when it was reached
        ("2026-11-20T11:00", "2026-11-20T13:00", "2026-11-20T14:00"),
        ("2026-11-20T20:00", "2026-11-22T20:00", "2026-11-20T12:00"),
    ],
)
def test_our_own_outage_is_no_open_time_of_the_practice(start: str, end: str, reached: str) -> None:
    away = (Gap(start=at(start), end=at(end)),)
    assert opened().reached(at("2026-11-20T10:00"), 2 * HOUR, away) == at(reached)


def test_practice_that_never_opens_never_reaches_anything() -> None:
    hours = opened(week=((),) * 7)
    assert hours.reached(at("2026-11-20T10:00"), TICK) is None
    assert hours.opening(at("2026-11-20T10:00")).until is None
    assert hours.between(at("2020-11-20T10:00"), at("2026-11-20T10:00")) == timedelta(0)


def test_hours_are_those_of_the_practices_own_zone() -> None:
    assert open_time(policy(zone="Indian/Reunion")).opening(at("2026-11-20T05:00")).is_open
    assert not open_time(policy()).opening(at("2026-11-20T05:00")).is_open


def test_years_lie_between_without_a_seam() -> None:
    hours = opened(week=ALWAYS, holidays=Holidays.NONE)
    assert hours.between(at("2019-06-01T00:00"), at("2026-11-20T00:00")) == at("2026-11-20T00:00") - at(
        "2019-06-01T00:00"
    )
    assert hours.reached(at("2026-12-31T23:00"), 2 * HOUR) == at("2027-01-01T01:00")


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)])
def test_day_without_a_break_is_as_long_as_the_clocks_make_it(day: str, length: int) -> None:
    midnight = at(f"{day}T00:00")
    hours = opened(week=ALWAYS, holidays=Holidays.NONE)
    next_midnight = at(f"{date.fromisoformat(day) + DAY}T00:00")
    assert hours.between(midnight, next_midnight) == length * HOUR
    assert hours.reached(midnight, length * HOUR) == next_midnight


@pytest.mark.parametrize(
    ("hours", "day", "start", "end"),
    [
        ((1, 4), "2026-03-29", "2026-03-29T00:00Z", "2026-03-29T02:00Z"),
        ((1, 4), "2026-10-25", "2026-10-24T23:00Z", "2026-10-25T03:00Z"),
        ((2, 3), "2026-10-25", "2026-10-25T00:00Z", "2026-10-25T02:00Z"),  # its hour comes twice
    ],
)
def test_hours_across_a_change_run_from_wall_to_wall(hours: tuple[int, int], day: str, start: str, end: str) -> None:
    stretch = Hours(opens=time(hours[0]), closes=time(hours[1]))
    known = opened(week=((stretch,),) * 7, holidays=Holidays.NONE)
    began, ended = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert known.between(at(f"{day}T00:00"), at(f"{day}T12:00")) == ended - began
    assert known.reached(at(f"{day}T00:00"), TICK) == began + TICK
    assert known.reached(began, ended - began) == ended


def test_hours_that_a_change_takes_away_are_no_open_time() -> None:
    stretch = Hours(opens=time(2, 15), closes=time(2, 45))
    known = opened(week=((stretch,),) * 7, holidays=Holidays.NONE)
    assert known.between(at("2026-03-29T00:00"), at("2026-03-30T00:00")) == timedelta(0)
    assert known.between(at("2026-03-28T00:00"), at("2026-03-29T00:00")) == 30 * MINUTE


@pytest.mark.parametrize("opens", [time(0, 30), time(2, 30), time(3, 15)])
def test_hours_that_begin_in_the_hour_taken_away_begin_with_the_change(opens: time) -> None:
    known = opened(week=((Hours(opens=opens, closes=time(6)),),) * 7, holidays=Holidays.NONE)
    change, wall = at("2026-03-29T03:00"), at(f"2026-03-29T{opens}")
    began = change if opens == time(2, 30) else wall
    assert known.between(at("2026-03-29T00:00"), at("2026-03-29T12:00")) == at("2026-03-29T06:00") - began


def walls(zone: str, year: int) -> list[tuple[datetime, bool]]:
    """Each quarter of an hour of a year, and whether a wall clock there shows 8 to 19 on a weekday."""
    start, end, found = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC), []
    while start < end:
        wall = start.astimezone(ZoneInfo(zone))
        found.append((start, wall.weekday() < 5 and 8 <= wall.hour < 19))
        start += 15 * MINUTE
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_open_time_of_a_whole_year_is_what_a_clock_on_the_wall_shows(zone: str) -> None:
    hours, quarters = opened(zone, holidays=Holidays.NONE), walls(zone, 2026)
    started, passed = quarters[0][0], timedelta(0)
    for instant, is_open in quarters:
        assert hours.opening(instant).is_open == is_open
        assert hours.between(started, instant) == passed
        passed += 15 * MINUTE * is_open


MINUTES = st.integers(0, 2 * 365 * 24 * 60).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + minute * MINUTE)


@given(st.sampled_from(ZONES), MINUTES, st.integers(1, 60 * 24 * 60).map(lambda minutes: minutes * MINUTE))
@settings(max_examples=200)
def test_what_is_reached_has_just_been_open_for_so_long(zone: str, since: datetime, amount: timedelta) -> None:
    hours = opened(zone, closures=(closed("2026-08-03", "2026-08-23"), closed("2027-03-20", "2027-03-29")))
    reached = hours.reached(since, amount)
    assert reached is not None
    assert hours.between(since, reached) == amount
    assert hours.between(since, reached - TICK) == amount - TICK


@given(st.sampled_from(ZONES), st.lists(MINUTES, min_size=3, max_size=3).map(sorted))
@settings(max_examples=200)
def test_open_time_adds_up_and_is_no_longer_than_time(zone: str, instants: list[datetime]) -> None:
    first, middle, last = instants
    hours = opened(zone)
    assert hours.between(first, middle) + hours.between(middle, last) == hours.between(first, last)
    assert timedelta(0) <= hours.between(first, last) <= last - first
