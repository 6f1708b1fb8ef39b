"""Who is on call, and whom a name reaches: turns, handovers, nights of changing clocks, overrides, hours."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.escalation.oncall import Roster
from collector.escalation.shifts import Shift, shifts
from collector.model.book import Book, Override, Person, Rota
from collector.model.calendar import Calendar
from collector.model.channels import AppriseChannel
from collector.model.escalation import Action, When
from collector.model.incident import Told
from tests.factories import DAY, MINUTE

PARIS = "Europe/Paris"
TICK = MINUTE / 60
PEOPLE = {
    "anna": Person(page=("anna-sms",), notify=("anna-mail",)),
    "ben": Person(page=("ben-sms",)),
    "carl": Person(notify=("carl-mail",)),
}


def at(written: str, zone: str = PARIS) -> datetime:
    """By a zone's wall clock; the second time where it shows one twice, if `+` stands behind it."""
    local = datetime.fromisoformat(written.rstrip("+")).replace(tzinfo=ZoneInfo(zone), fold=int(written.endswith("+")))
    return local.astimezone(UTC)


def rota(*people: str, **more: object) -> Rota:
    return Rota.model_validate({"zone": PARIS, "people": people or ("anna", "ben"), "begins": date(2026, 1, 5), **more})


def roster(of: Rota | None = None, **more: object) -> Roster:
    rotas = {"on-call": of} if of else {}
    channel = AppriseChannel.model_validate({"kind": "apprise", "url": {"env": "ROOM"}})
    return Roster(Book.model_validate({"people": PEOPLE, "rotas": rotas, "channels": {"room": channel}, **more}))


def override(person: str, since: str, until: str) -> Override:
    return Override(person=person, since=at(since), until=at(until))


@pytest.mark.parametrize(
    ("instant", "person"),
    [
        ("2026-01-05T08:00", "anna"),
        ("2026-01-12T07:59:59", "anna"),
        ("2026-01-12T08:00", "ben"),
        ("2026-01-19T08:00", "carl"),
        ("2026-01-26T08:00", "anna"),
        ("2026-01-05T07:59:59", "carl"),  # before it begins the turns are counted back
        ("2025-12-29T07:59:59", "ben"),
        ("2027-01-04T12:00", "ben"),  # 52 weeks later
    ],
)
def test_people_take_turns_by_the_week(instant: str, person: str) -> None:
    assert roster(rota("anna", "ben", "carl")).on_call("on-call", at(instant)) == person


@pytest.mark.parametrize(
    ("instant", "person"),
    [
        ("2026-01-05T17:59:59", "ben"),
        ("2026-01-05T18:00", "anna"),
        ("2026-01-06T17:59:59", "anna"),
        ("2026-01-06T18:00", "ben"),
        ("2026-01-07T18:00", "anna"),
    ],
)
def test_people_take_turns_by_the_day(instant: str, person: str) -> None:
    assert roster(rota(turn="day", handover=time(18))).on_call("on-call", at(instant)) == person


def test_a_week_begins_on_the_day_of_the_week_on_which_the_rota_does() -> None:
    found = roster(rota(begins=date(2026, 1, 7)))  # a Wednesday
    assert [found.on_call("on-call", at(f"2026-01-{day}T08:00")) for day in (12, 13, 14)] == ["anna", "anna", "ben"]


@pytest.mark.parametrize(
    ("zone", "handover", "before", "after"),
    [
        (PARIS, "02:30", "2026-03-29T01:59", "2026-03-29T03:00"),  # jumped over: as the clock jumps
        (PARIS, "02:30", "2026-10-25T02:29", "2026-10-25T02:30"),  # shown twice: the first time
        (PARIS, "08:00", "2026-03-29T07:59", "2026-03-29T08:00"),
        (PARIS, "08:00", "2026-10-25T07:59", "2026-10-25T08:00"),
        ("America/New_York", "02:00", "2026-03-08T01:59", "2026-03-08T03:00"),
        ("America/New_York", "01:30", "2026-11-01T01:29", "2026-11-01T01:30"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04T01:59", "2026-10-04T02:30"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05T01:44", "2026-04-05T01:45"),
    ],
)
def test_a_handover_is_once_on_the_night_when_the_clocks_change(
    zone: str, handover: str, before: str, after: str
) -> None:
    """Every minute of that night: the old one until the handover, the new one from then on."""
    day = date.fromisoformat(before[:10])
    found = roster(rota(zone=zone, turn="day", handover=time.fromisoformat(handover), begins=day - DAY))
    minutes = [at(after, zone) + number * MINUTE for number in range(-180, 180)]
    assert found.on_call("on-call", at(before, zone)) == "anna"
    assert [found.on_call("on-call", minute) for minute in minutes] == ["anna"] * 180 + ["ben"] * 180


@pytest.mark.parametrize(
    ("instant", "person"),
    [
        ("2026-01-06T11:59:59", "anna"),
        ("2026-01-06T12:00", "ben"),
        ("2026-01-07T12:00", "carl"),  # the later of two stands above the other
        ("2026-01-07T18:00", "ben"),
        ("2026-01-08T12:00", "anna"),
    ],
)
def test_an_override_stands_above_the_turns(instant: str, person: str) -> None:
    overrides = (
        override("ben", "2026-01-06T12:00", "2026-01-08T12:00"),
        override("carl", "2026-01-07T12:00", "2026-01-07T18:00"),
    )
    assert roster(rota(overrides=overrides)).on_call("on-call", at(instant)) == person


def test_an_override_stands_above_the_hours_that_a_rota_covers() -> None:
    found = roster(rota(covers=When.AFTER_HOURS, overrides=(override("ben", "2026-01-06T10:00", "2026-01-06T11:00"),)))
    looks = [found.on_call("on-call", at(f"2026-01-06T{clock}")) for clock in ("09:59", "10:00", "10:59", "11:00")]
    assert looks == [None, "ben", "ben", None]


@pytest.mark.parametrize(
    ("instant", "in_hours"),
    [
        ("2026-04-30T07:59:59", False),
        ("2026-04-30T08:00", True),
        ("2026-04-30T18:59:59", True),
        ("2026-04-30T19:00", False),
        ("2026-05-01T00:00", False),  # a holiday, all day
        ("2026-05-01T12:00", False),
        ("2026-05-01T23:59", False),
        ("2026-05-02T12:00", False),  # Saturday
        ("2026-05-04T08:00", True),
    ],
)
def test_holidays_and_weekends_are_after_hours_all_day(instant: str, *, in_hours: bool) -> None:
    after = roster(rota(covers=When.AFTER_HOURS)).on_call("on-call", at(instant))
    within = roster(rota(covers=When.IN_HOURS)).on_call("on-call", at(instant))
    assert (after is None, within is None) == (in_hours, not in_hours)


def test_the_hours_are_the_providers_wherever_the_rota_is() -> None:
    """Somebody on Réunion stands in for the night of Paris, handing over at eight of their own clock."""
    found = roster(rota(zone="Indian/Reunion", covers=When.AFTER_HOURS))
    handover = at("2026-01-12T08:00", "Indian/Reunion")
    assert found.on_call("on-call", handover - TICK) == "anna"
    assert found.on_call("on-call", handover) == "ben"
    assert found.on_call("on-call", at("2026-01-12T08:00")) is None


TEAMS = {"all": ("on-call", "night", "room"), "night": ("carl", "all", "anna")}


@pytest.mark.parametrize(
    ("to", "action", "channels"),
    [
        (("anna",), Action.PAGE, ["anna-sms"]),
        (("anna",), Action.NOTIFY, ["anna-mail"]),
        (("ben",), Action.NOTIFY, ["ben-sms"]),  # the one way there is
        (("carl",), Action.PAGE, ["carl-mail"]),
        (("room",), Action.PAGE, ["room"]),
        (("on-call", "anna"), Action.PAGE, ["anna-sms"]),  # each once
        (("all",), Action.PAGE, ["anna-sms", "carl-mail", "room"]),  # teams within teams, and round
        (("night", "ben"), Action.PAGE, ["carl-mail", "anna-sms", "room", "ben-sms"]),
        (("whoever",), Action.PAGE, []),  # gone since the policy was copied onto an incident
    ],
)
def test_a_name_reaches_whoever_it_stands_for_each_channel_once(
    to: tuple[str, ...], action: Action, channels: list[str]
) -> None:
    reached = roster(rota(), teams=TEAMS).reached(to, action, at("2026-01-06T12:00"))
    assert sorted(one.channel for one in reached) == sorted(channels)
    assert len({one.channel for one in reached}) == len(reached)


def test_who_is_reached_by_a_rota_is_named_and_a_channel_is_nobodys() -> None:
    reached = roster(rota(), teams=TEAMS).reached(("on-call", "room"), Action.PAGE, at("2026-01-06T12:00"))
    assert reached == (Told(channel="anna-sms", person="anna"), Told(channel="room"))


@pytest.mark.parametrize(
    ("covers", "asked", "answer"),
    [
        (When.ALWAYS, "2026-01-06T12:00", "2026-01-06T12:00"),
        (When.AFTER_HOURS, "2026-01-06T12:00", "2026-01-06T19:00"),
        (When.AFTER_HOURS, "2026-01-06T19:00", "2026-01-06T19:00"),
        (When.IN_HOURS, "2026-01-06T19:00", "2026-01-07T08:00"),
        (When.IN_HOURS, "2026-04-30T19:00", "2026-05-04T08:00"),  # over 1 May and a weekend
    ],
)
def test_somebody_is_there_from_when_the_hours_begin_that_a_rota_covers(covers: When, asked: str, answer: str) -> None:
    found = roster(rota(covers=covers), teams={"team": ("on-call",)})
    for name in ("on-call", "team"):
        assert found.somebody_from((name,), Action.PAGE, at(asked)) == at(answer)


def test_somebody_is_there_as_soon_as_an_override_says_so() -> None:
    overrides = (override("ben", "2026-01-06T14:00", "2026-01-06T15:00"),)
    found = roster(rota(covers=When.AFTER_HOURS, overrides=overrides))
    assert found.somebody_from(("on-call",), Action.PAGE, at("2026-01-06T12:00")) == at("2026-01-06T14:00")


@pytest.mark.parametrize("name", ["whoever", "hollow"])
def test_somebody_who_never_comes_is_not_waited_for(name: str) -> None:
    found = roster(rota(), teams={"hollow": ("hollow",)})
    assert found.somebody_from((name,), Action.PAGE, at("2026-01-06T12:00")) is None


def test_a_provider_that_is_never_there_is_never_in_hours() -> None:
    found = roster(rota(covers=When.IN_HOURS), hours=Calendar(week=((),) * 7))
    assert found.somebody_from(("on-call",), Action.PAGE, at("2026-01-06T12:00")) is None


def told(found: Roster, since: str, count: int) -> list[tuple[str | None, datetime | None]]:
    following = shifts(found, "on-call", at(since))
    return [(one.person, one.until) for one, _ in zip(following, range(count), strict=False)]


def test_shifts_follow_one_another() -> None:
    assert told(roster(rota()), "2026-01-06T12:00", 2) == [
        ("anna", at("2026-01-12T08:00")),
        ("ben", at("2026-01-19T08:00")),
    ]


def test_a_shift_ends_with_the_hours_that_are_covered_and_with_an_override() -> None:
    overrides = (override("carl", "2026-01-07T12:00", "2026-01-07T20:00"),)
    assert told(roster(rota(covers=When.AFTER_HOURS, overrides=overrides)), "2026-01-06T20:00", 5) == [
        ("anna", at("2026-01-07T08:00")),
        (None, at("2026-01-07T12:00")),
        ("carl", at("2026-01-07T20:00")),
        ("anna", at("2026-01-08T08:00")),
        (None, at("2026-01-08T19:00")),
    ]


def test_who_is_alone_is_on_call_until_further_notice() -> None:
    found = roster(rota("anna"))
    assert list(shifts(found, "on-call", at("2026-01-06T12:00"))) == [Shift("anna", at("2026-01-06T12:00"), None)]


@given(
    minute=st.integers(0, 366 * 24 * 60),
    turn=st.sampled_from(["day", "week"]),
    covers=st.sampled_from(When),
    zone=st.sampled_from([PARIS, "America/New_York", "Australia/Lord_Howe"]),
    handover=st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    share=st.integers(0, 999),
)
def test_nothing_changes_within_a_shift_and_it_ends_when_it_says(
    minute: int, turn: str, covers: When, zone: str, handover: time, share: int
) -> None:
    found = roster(rota("anna", "ben", "carl", zone=zone, turn=turn, covers=covers, handover=handover))
    following = shifts(found, "on-call", at("2026-01-01") + minute * MINUTE)
    for shift in [next(following) for _ in range(4)]:
        assert shift.until is not None
        assert found.on_call("on-call", shift.since + (shift.until - shift.since) * share // 1000) == shift.person
        assert found.on_call("on-call", shift.until) != shift.person
