"""The same trouble at several practices within the window is a campaign."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from collector.model.campaign import pattern_of, tool_name
from collector.model.finding import Evaluation, Severity
from collector.rules.correlate import MOST_NAMED, SILENT_WITHIN
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.unit.troubles import TICK, WINDOW, at_each, correlated, counts, signal


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


@pytest.mark.parametrize(("apart", "found"), [(SILENT_WITHIN - TICK, True), (SILENT_WITHIN, False)])
def test_silence_counts_within_minutes(apart: timedelta, found: bool) -> None:
    silent = at_each(NOW - apart, NOW, NOW, signature="practice_silent")
    assert bool(correlated(silent).findings) is found


def test_a_rule_that_is_off_finds_none() -> None:
    assert correlated(at_each(NOW, NOW, NOW), enabled=False) == Evaluation()
