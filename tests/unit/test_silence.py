"""What a silence covers, and when it holds: once or every week, on the wall clock of its zone."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from collector.model.silence import LONGEST, Scope, Weekly
from collector.model.subject import Subject, alert_subject, endpoint_subject, job_subject
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, silence

TICK = timedelta(microseconds=1)
OTHER = UUID(int=2)
SUNDAY = 6
JOB = job_subject(ENDPOINT, "daily")


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({"practice_id": PRACTICE}, True),
        ({"practice_id": OTHER}, False),
        ({"rule": "backup_missed"}, True),
        ({"rule": "backup_failed"}, False),
        ({"labels": {"city": "Bordeaux"}}, True),
        ({"labels": {"city": "Bordeaux", "size": "small"}}, False),
        ({"labels": {"city": "Paris"}}, False),
        ({"practice_id": PRACTICE, "endpoint_id": ENDPOINT}, True),
        ({"practice_id": PRACTICE, "endpoint_id": OTHER}, False),
        ({"practice_id": PRACTICE, "rule": "backup_missed", "endpoint_id": ENDPOINT}, True),
        ({"practice_id": OTHER, "rule": "backup_missed"}, False),
    ],
)
def test_a_silence_covers_what_fits_all_that_it_names(scope: dict[str, object], covered: bool) -> None:
    of = Scope.model_validate(scope)
    assert of.covers(PRACTICE, {"city": "Bordeaux", "x": "y"}, "backup_missed", JOB) is covered


@pytest.mark.parametrize(
    ("subject", "covered"),
    [
        (endpoint_subject(ENDPOINT), True),
        (alert_subject(ENDPOINT, "7"), True),
        (endpoint_subject(OTHER), False),
        (job_subject(None, "daily"), False),
        (Subject("practice"), False),
    ],
)
def test_maintenance_on_one_machine_silences_that_alone(subject: Subject, covered: bool) -> None:
    of = Scope(practice_id=PRACTICE, endpoint_id=ENDPOINT)
    assert of.covers(PRACTICE, {}, "any", subject) is covered


@pytest.mark.parametrize(
    ("now", "until", "begins"),
    [
        (NOW - TICK, None, NOW),
        (NOW, NOW + HOUR, None),
        (NOW + HOUR - TICK, NOW + HOUR, None),
        (NOW + HOUR, None, None),
    ],
)
def test_a_silence_holds_from_its_beginning_to_its_end(
    now: datetime, until: datetime | None, begins: datetime | None
) -> None:
    one = silence()
    assert (one.holds_until(now), None if until else one.begins(now)) == (until, begins)


def test_one_that_was_ended_holds_no_longer() -> None:
    ended = silence(ended_at=NOW + MINUTE, ended_by="ada")
    assert [ended.holds_until(at) for at in (NOW, NOW + MINUTE)] == [NOW + MINUTE, None]
    assert ended.begins(NOW + MINUTE) is None
    assert silence(since=NOW + HOUR, until=NOW + 2 * HOUR, ended_at=NOW).begins(NOW) is None


def at(day: int, hour: int, minute: int = 0, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def weekly(opens: str, lasts: timedelta, *days: int) -> Weekly:
    return Weekly(zone="Europe/Paris", days=frozenset(days), opens=time.fromisoformat(opens), lasts=lasts)


# Sunday 22 November 2026; Paris is an hour ahead of UTC in winter, two in summer.
@pytest.mark.parametrize(
    ("now", "until"),
    [
        (at(22, 20, 59), None),
        (at(22, 21), at(23, 5)),
        (at(23, 4, 59), at(23, 5)),
        (at(23, 5), None),
        (at(23, 21), None),
    ],
    ids=["before", "opens", "after-midnight", "closes", "another-day"],
)
def test_a_window_of_every_week_goes_on_over_midnight(now: datetime, until: datetime | None) -> None:
    window = weekly("22:00", 8 * HOUR, SUNDAY)
    one = silence(since=at(1, 0), until=at(30, 0), weekly=window)
    assert one.holds_until(now) == until
    if until is None:
        assert one.begins(now) == (at(22, 21) if now < at(22, 21) else at(29, 21))


@pytest.mark.parametrize(
    ("opens", "now", "until"),
    [
        # 29 March 2026: at 01:00 UTC two o'clock becomes three.
        ("02:30", at(29, 0, 59, month=3), None),
        ("02:30", at(29, 1, month=3), at(29, 2, month=3)),
        ("02:30", at(29, 1, 59, month=3), at(29, 2, month=3)),
        ("03:00", at(29, 1, month=3), at(29, 2, month=3)),
        ("01:30", at(29, 1, 15, month=3), at(29, 1, 30, month=3)),
        # 25 October 2026: at 01:00 UTC three o'clock becomes two again.
        ("02:30", at(25, 0, 29, month=10), None),
        ("02:30", at(25, 0, 30, month=10), at(25, 1, 30, month=10)),
        ("02:30", at(25, 1, 30, month=10), None),
        ("03:00", at(25, 1, 59, month=10), None),
        ("03:00", at(25, 2, month=10), at(25, 3, month=10)),
    ],
)
def test_in_the_nights_of_the_clocks_a_window_opens_once_and_lasts_as_long(
    opens: str, now: datetime, until: datetime | None
) -> None:
    assert weekly(opens, HOUR, SUNDAY).until(now) == until


def test_a_window_of_a_whole_day_lasts_so_when_the_next_day_is_short() -> None:
    """Saturday 23:30 to Sunday's 24 hours later: a day of 23 hours ends before."""
    saturday = weekly("23:30", DAY, 5)
    assert saturday.until(at(29, 22, 15, month=3)) == at(29, 22, 30, month=3)


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Los_Angeles", "Pacific/Kiritimati"])
@pytest.mark.parametrize("day", range(7))
def test_a_window_opens_next_within_a_week_and_a_day(zone: str, day: int) -> None:
    window = weekly("22:00", HOUR, day).model_copy(update={"zone": zone})
    opens = window.opens_after(NOW)
    assert NOW < opens <= NOW + 7 * DAY + HOUR
    assert (window.until(opens - TICK), window.until(opens)) == (None, opens + HOUR)
    assert window.opens_after(opens) - opens == 7 * DAY


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": Scope.model_construct()},
        {"scope": {"endpoint_id": ENDPOINT, "rule": "x"}},
        {"until": NOW},
        {"until": NOW + LONGEST + TICK},
        {"reason": ""},
        {"by": "ada", "approved_by": "ada"},
        {"by": "ada", "approved_by": "Ada"},
        {"weekly": {"zone": "Europe/Paris", "days": [], "opens": "22:00", "lasts": "PT1H"}},
        {"weekly": {"zone": "Europe/Paris", "days": [0], "opens": "22:00", "lasts": "PT25H"}},
    ],
    ids=[
        "everything",
        "nobodys-endpoint",
        "no-end",
        "too-long",
        "no-reason",
        "one-person",
        "one-person-in-capitals",
        "no-day",
        "over-a-day",
    ],
)
def test_a_silence_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        silence(**{name: one.model_dump() if isinstance(one, Scope) else one for name, one in wrong.items()})
