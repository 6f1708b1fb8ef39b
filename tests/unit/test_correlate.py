"""The same trouble at several practices is a campaign; what chance brings together is none."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge import Record, judge_provider
from collector.model.campaign import PROVIDER, Campaign, Fleet, Signal, pattern_of, tool_name
from collector.model.finding import Evaluation, Severity
from collector.model.incident import Incident, IncidentChange
from collector.model.policy import Policy
from collector.model.rule_settings import Campaign as Setting
from collector.model.snapshot import Snapshot
from collector.rules.correlate import AT_ONCE, LONGEST, MOST_NAMED, SILENT_WITHIN, correlate
from tests.factories import DAY, HOUR, MINUTE, NOW

RANSOM = "alert:ransomware:lockbit"
WINDOW = timedelta(hours=12)
LONG_AGO = NOW - 400 * DAY
TICK = timedelta(microseconds=1)


def signal(
    practice: int,
    at: datetime = NOW,
    signature: str = RANSOM,
    *,
    found_at: datetime | None = None,
    lasts: bool = True,
    watched_since: datetime = LONG_AGO,
) -> Signal:
    found_at = found_at or at
    return Signal(UUID(int=practice), f"Cabinet {practice}", signature, at, found_at, lasts, watched_since)


def at_each(*instants: datetime, signature: str = RANSOM) -> list[Signal]:
    return [signal(n, at, signature) for n, at in enumerate(instants, 1)]


def correlated(
    signals: Iterable[Signal],
    now: datetime = NOW,
    *,
    fleet: Fleet | None = None,
    lasting: Iterable[Campaign] = (),
    **setting: object,
) -> Evaluation:
    return correlate(signals, fleet or Fleet(practices=200), Setting.model_validate(setting), lasting, now)


def counts(evaluation: Evaluation) -> list[str]:
    return [one.facts["count"] for one in evaluation.findings]


@pytest.mark.parametrize(
    ("first", "second", "third", "found"),
    [
        (NOW - WINDOW + TICK, NOW, NOW, True),
        (NOW - WINDOW, NOW, NOW, False),
        (NOW, NOW, NOW, True),
    ],
)
def test_three_practices_within_the_window_are_a_campaign(
    first: datetime, second: datetime, third: datetime, found: bool
) -> None:
    assert bool(correlated(at_each(first, second, third)).findings) is found


def test_one_practice_counts_once_however_much_it_has() -> None:
    assert correlated([signal(1), signal(1), signal(2)]).findings == ()


@pytest.mark.parametrize(("practices", "found"), [(2, True), (3, True), (4, False)])
def test_how_many_make_a_campaign_is_set(practices: int, found: bool) -> None:
    assert bool(correlated(at_each(NOW, NOW, NOW), practices=practices).findings) is found


def test_a_campaign_says_who_and_when() -> None:
    instants = [NOW - HOUR, NOW - MINUTE, NOW]
    (found,) = correlated(at_each(*instants)).findings
    assert (found.subject, found.root, found.reason) == ("campaign:ransomware",) * 2 + ("ransomware",)
    assert (found.severity, found.since) == (Severity.CRITICAL, NOW)
    assert found.facts == {
        "count": "3",
        "practices": "Cabinet 1\nCabinet 2\nCabinet 3",
        "practice_ids": ",".join(str(UUID(int=n)) for n in (1, 2, 3)),
        "began_at": instants[0].isoformat(),
        "last_at": NOW.isoformat(),
        "tickets": "parent",
    }


def test_of_thousands_the_first_are_named_and_all_are_counted() -> None:
    (found,) = correlated([signal(n) for n in range(1, 1_001)]).findings
    assert found.facts["count"] == "1000"
    assert len(found.facts["practices"].splitlines()) == MOST_NAMED


def test_encryption_is_one_attack_whether_a_backup_or_an_alert_shows_it() -> None:
    signals = [
        signal(1),
        signal(2, signature="alert:ransomware:other strain"),
        signal(3, signature="ransomware_signature"),
    ]
    assert counts(correlated(signals)) == ["3"]


@pytest.mark.parametrize(
    ("signature", "pattern"),
    [
        ("alert:ransomware:x", ("ransomware", "")),
        ("ransomware_signature", ("ransomware", "")),
        ("alert:tampering:x", ("tampering", "")),
        ("protection_off", ("tampering", "")),
        ("alert:intrusion:x", ("intrusion", "")),
        ("alert:malware:trojan:win32/x", ("alert", "malware:trojan:win32/x")),
        ("backup_failed:restic", ("backup_tool", "restic")),
        ("backup_failed:Restic 0.16.4", ("backup_tool", "restic")),
        ("practice_silent", ("silence", "")),
        ("copy_deleted", ("other", "copy_deleted")),
    ],
)
def test_what_counts_as_the_same(signature: str, pattern: tuple[str, str]) -> None:
    assert pattern_of(signature) == pattern


@pytest.mark.parametrize(
    ("tool", "name"), [("restic 0.16.4", "restic"), ("Veeam Agent", "veeam agent"), ("7zip", "7zip")]
)
def test_a_tool_is_named_without_its_version(tool: str, name: str) -> None:
    assert tool_name(tool) == name


def test_different_names_are_different_troubles() -> None:
    signals = [signal(n, signature=f"alert:malware:strain {n}") for n in (1, 2, 3)]
    assert correlated(signals).findings == ()


def test_an_attack_of_one_night_found_over_days_is_a_campaign() -> None:
    signals = [signal(n, NOW, found_at=NOW + n * DAY) for n in (1, 2, 3)]
    assert counts(correlated(signals, NOW + 3 * DAY)) == ["3"]


def test_what_happened_over_weeks_and_is_found_at_once_is_none() -> None:
    signals = [signal(n, NOW - n * DAY, found_at=NOW) for n in (1, 2, 3)]
    assert correlated(signals).findings == ()


def test_what_gathered_long_ago_opens_nothing_now() -> None:
    signals = at_each(NOW, NOW, NOW)
    assert correlated(signals, NOW + WINDOW - TICK).findings
    assert correlated(signals, NOW + WINDOW).findings == ()


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


@pytest.mark.parametrize(("apart", "found"), [(SILENT_WITHIN - TICK, True), (SILENT_WITHIN, False)])
def test_silence_counts_within_minutes(apart: timedelta, found: bool) -> None:
    silent = at_each(NOW - apart, NOW, NOW, signature="practice_silent")
    assert bool(correlated(silent).findings) is found


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


def test_a_rule_that_is_off_finds_none() -> None:
    assert correlated(at_each(NOW, NOW, NOW), enabled=False) == Evaluation()


def lasting(began_at: datetime = NOW, opened_at: datetime = NOW, **more: object) -> Campaign:
    told = {"one_ticket": True, "pages": True}
    fields = {"incident_id": UUID(int=99), "subject": "campaign:ransomware", "since": NOW, **told}
    return Campaign.model_validate({**fields, "began_at": began_at, "opened_at": opened_at, **more})


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


SIGNATURES = [RANSOM, "alert:malware:x", "backup_failed:restic", "practice_silent"]
signals_drawn = st.lists(
    st.builds(
        lambda practice, happened, late, signature, lasts: signal(
            practice, NOW - (happened + late) * MINUTE, signature, found_at=NOW - happened * MINUTE, lasts=lasts
        ),
        st.integers(1, 5),
        st.integers(0, 3 * 24 * 60),
        st.sampled_from([0, 1, 600, 3_000]),
        st.sampled_from(SIGNATURES),
        st.booleans(),
    ),
    max_size=14,
)


@given(signals_drawn, st.booleans(), st.floats(0, 1, exclude_max=True))
def test_campaigns_are_constant_until_the_next_due(signals: list[Signal], known: bool, share: float) -> None:
    campaigns = [lasting(NOW - DAY)] if known else []
    told = correlated(signals, lasting=campaigns)
    assert told.next_due is None or told.next_due > NOW
    until = told.next_due or NOW + 30 * DAY
    for at in (until - TICK, NOW + (until - TICK - NOW) * share):
        assert correlated(signals, at, lasting=campaigns).findings == told.findings


@given(signals_drawn, st.randoms(use_true_random=False))
def test_campaigns_do_not_depend_on_the_order_of_signals(signals: list[Signal], random: Random) -> None:
    turned = list(signals)
    random.shuffle(turned)
    assert {one.subject: counts(Evaluation(findings=(one,))) for one in correlated(turned).findings} == {
        one.subject: counts(Evaluation(findings=(one,))) for one in correlated(signals).findings
    }


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
