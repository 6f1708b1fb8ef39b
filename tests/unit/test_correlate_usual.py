"""What chance brings together is no campaign: trouble is weighed against what is usual and against the fleet."""

from datetime import timedelta
from random import Random

import pytest

from collector.judge import Record, judge_provider
from collector.model.campaign import PROVIDER, Fleet, Signal
from collector.model.incident import Incident, IncidentChange
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from tests.factories import DAY, HOUR, NOW
from tests.unit.troubles import LONG_AGO, RANSOM, TICK, WINDOW, correlated, counts, signal


def usually(a_day: float, signature: str) -> list[Signal]:
    """What comes to some practice of two hundred now and then, for four weeks."""
    step = DAY / a_day
    return [signal(100 + n % 97, NOW - WINDOW - n * step, signature, lasts=False) for n in range(int(28 * a_day))]


@pytest.mark.parametrize(
    ("signature", "a_day", "least"),
    [
        (RANSOM, 4, 3),
        ("alert:tampering:off", 0, 3),
        ("alert:tampering:off", 4, 13),
        ("protection_off", 0.5, 6),
        ("alert:malware:new", 0, 3),
        ("alert:malware:common", 0.25, 5),
        ("alert:malware:common", 4, 13),
        ("alert:unwanted:toolbar", 4, 13),
        ("alert:intrusion:scan", 4, 13),
        ("copy_deleted", 4, 13),
    ],
)
def test_what_is_usual_needs_more_and_what_is_dangerous_does_not(signature: str, a_day: float, least: int) -> None:
    before = usually(a_day, signature) if a_day else []
    gathered = [signal(n, signature=signature) for n in range(1, least + 1)]
    assert correlated([*before, *gathered[:-1]]).findings == ()
    assert counts(correlated([*before, *gathered])) == [str(least)]


@pytest.mark.parametrize(("users", "least"), [(0, 3), (10, 3), (11, 4), (200, 60)])
def test_a_tool_must_fail_at_three_of_ten_that_ran_it(users: int, least: int) -> None:
    fleet = Fleet(practices=200, tools={"restic": users})
    failed = [signal(n, signature="backup_failed:restic") for n in range(1, least + 1)]
    assert correlated(failed[:-1], fleet=fleet).findings == ()
    assert counts(correlated(failed, fleet=fleet)) == [str(least)]


@pytest.mark.parametrize(("practices", "least"), [(5, 3), (300, 3), (301, 4), (5_000, 50)])
def test_silence_counts_against_the_fleet(practices: int, least: int) -> None:
    fleet = Fleet(practices=practices)
    silent = [signal(n, signature="practice_silent") for n in range(1, least + 1)]
    assert correlated(silent[:-1], fleet=fleet).findings == ()
    assert counts(correlated(silent, fleet=fleet)) == [str(least)]


@pytest.mark.parametrize(("a_day", "least"), [(0.5, 3), (1.5, 4), (3, 4), (4, 5), (12, 6)])
def test_silence_is_weighed_against_how_often_practices_fall_silent_of_themselves(a_day: float, least: int) -> None:
    before = usually(a_day, "practice_silent")
    silent = [signal(n, signature="practice_silent") for n in range(1, least + 1)]
    assert correlated([*before, *silent[:-1]]).findings == ()
    assert counts(correlated([*before, *silent])) == [str(least)]


@pytest.mark.parametrize(("watched", "least"), [(3 * DAY, 12), (8 * DAY, 8), (60 * DAY, 5)])
def test_what_is_usual_counts_from_when_practices_are_watched(watched: timedelta, least: int) -> None:
    """Eight in the last two days and a half, whatever was before."""
    signals = [
        *(signal(100 + n, NOW - WINDOW - n * 6 * HOUR, "protection_off", lasts=False) for n in range(8)),
        *(signal(n, signature="protection_off") for n in range(1, least + 1)),
    ]
    signals = [one._replace(watched_since=NOW - watched) for one in signals]
    assert correlated(signals[:-1]).findings == ()
    assert counts(correlated(signals)) == [str(least)]


@pytest.mark.parametrize(
    ("signature", "watched", "found"),
    [
        ("protection_off", DAY - TICK, False),
        ("protection_off", DAY, True),
        ("ransomware_signature", timedelta(0), True),
    ],
)
def test_what_was_so_before_we_looked_is_no_campaign(signature: str, watched: timedelta, found: bool) -> None:
    signals = [signal(n, signature=signature, watched_since=NOW - watched) for n in (1, 2, 3)]
    assert bool(correlated(signals).findings) is found


class Year:
    """Signals of a fleet in the order in which they are found, correlated after each as the provider is."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.incidents: tuple[Incident, ...] = ()
        self.opened: list[Incident] = []

    def find(self, one: Signal, fleet: Fleet) -> None:
        self.signals.append(one)
        recent = [known for known in self.signals if known.found_at > one.found_at - 36 * DAY]
        policy = Policy(practice_id=PROVIDER, practice="Provider")
        record = Record(Snapshot(practice_id=PROVIDER), policy, self.incidents, ())
        verdict = judge_provider(record, recent, fleet, None, one.found_at)
        self.incidents = tuple(known for known in verdict.incidents if known.lasts)
        self.opened += [change.incident for change in verdict.changes if change.what is IncidentChange.OPENED]


@pytest.mark.parametrize("seed", range(3))
def test_a_year_of_ordinary_trouble_at_two_hundred_practices_is_no_campaign(seed: int) -> None:
    """By chance alone: a failed backup in fifty nights of each, and what protection finds once a season."""
    random, year = Random(seed), Year()  # noqa: S311 - tests repeat
    fleet = Fleet(practices=200, tools={"restic": 120, "veeam": 80})
    rates = {
        "backup_failed:restic": 2.4,
        "backup_failed:veeam": 1.6,
        "alert:malware:trojan": 0.5,
        "alert:unwanted:bar": 0.5,
    }
    rates |= {"practice_silent": 0.5, "ransomware_signature": 0.02, "protection_off": 0.02}
    at = dict.fromkeys(rates, LONG_AGO)
    while (first := min(at, key=lambda one: at[one])) and at[first] < LONG_AGO + 365 * DAY:
        year.find(signal(random.randrange(1, 201), at[first], first, lasts=False, watched_since=LONG_AGO - DAY), fleet)
        at[first] += DAY * random.expovariate(rates[first])
    assert year.opened == []
    attack = LONG_AGO + 366 * DAY
    for n in range(3):
        year.find(signal(n + 1, attack + n * HOUR), fleet)
    assert [one.facts["count"] for one in year.opened] == ["3"]
