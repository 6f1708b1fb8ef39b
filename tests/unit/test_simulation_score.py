"""The score counts what it should, and a small fleet reaches what a year of a large one must."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.model.finding import Severity
from collector.model.subject import PRACTICE, Subject
from collector.simulation.year.campaigns import CampaignFound
from collector.simulation.year.fleet_fate import Common
from collector.simulation.year.play import Raised
from collector.simulation.year.result import fault_rows, harmless_rows
from collector.simulation.year.score import Score, score_practice
from collector.simulation.year.score_campaigns import score_campaigns
from collector.simulation.year.simulate import Story, simulate
from collector.simulation.year.truth import Decoy, Episode, Excuse, Fault, Harmless, Label, Truth, label

NOW = datetime(2026, 5, 5, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
JOB, OTHER = Subject("job:-:data"), Subject("job:-:other")


def missed(due: datetime = NOW, subject: Subject = JOB, by: datetime | None = None) -> Label:
    return label(Fault.MISSED, {subject}, {"backup_missed"}, due, due + 12 * HOUR, by)


def raised(at: datetime, rule: str = "backup_missed", subject: Subject = JOB, until: datetime | None = None) -> Raised:
    return Raised(rule, subject, "not_run", Severity.CRITICAL, at, at, until)


def score(truth: Truth, *found: Raised) -> Score:
    return score_practice(7, truth, found)


def test_one_found_one_not_and_one_false_finding() -> None:
    truth = Truth((missed(), missed(subject=OTHER)), (), (Decoy(Harmless.CLOSURE, None, NOW, NOW + 100 * HOUR),))
    result = score(truth, raised(NOW + 3 * SECOND), raised(NOW + 50 * HOUR, "ransomware_signature"))
    row = fault_rows(result)[0]
    assert (row.fault, row.injected, row.found, row.false, row.delay_s_p50, row.delay_s_max) == (
        "missed", 2, 1, 0, 3.0, 3.0,
    )  # fmt: skip
    assert [(one.what, one.subject) for one in result.missed] == [("missed", OTHER)]
    assert [(one.practice, one.what, one.decoy) for one in result.false] == [
        (7, "ransomware_signature", Harmless.CLOSURE)
    ]
    assert {row.fault for row in fault_rows(result) if row.false} == {"creeping_encryption", "one_night_encryption"}
    assert {row.harmless for row in harmless_rows(result) if row.false} == {"closure"}


@pytest.mark.parametrize(
    ("at", "found"),
    [(NOW - 301 * SECOND, 0), (NOW - 300 * SECOND, 1), (NOW, 1), (NOW + HOUR, 1), (NOW + HOUR + SECOND, 0)],
)
def test_found_from_the_tolerance_of_clocks_until_it_is_too_late(at: datetime, found: int) -> None:
    result = score(Truth((missed(by=NOW + HOUR),), (), ()), raised(at))
    assert result.faults[Fault.MISSED].found == found


def test_what_already_lasts_rightly_has_found_it() -> None:
    excuse = Excuse(frozenset({"backup_missed"}), frozenset({JOB}), NOW - 3 * HOUR, NOW - HOUR)
    lasting = raised(NOW - 2 * HOUR)
    assert score(Truth((missed(),), (excuse,), ()), lasting).faults[Fault.MISSED].delays == [0.0]
    over = replace(lasting, until=NOW - HOUR)
    assert score(Truth((missed(),), (excuse,), ()), over).faults[Fault.MISSED].found == 0
    assert score(Truth((missed(),), (), ()), lasting).faults[Fault.MISSED].found == 0  # it is a false one itself


def test_a_false_finding_is_laid_to_the_narrowest_hard_negative_about_its_subject() -> None:
    decoys = (
        Decoy(Harmless.CLOSURE, None, NOW - 100 * HOUR, NOW + 100 * HOUR),
        Decoy(Harmless.COMPACTION, JOB, NOW - HOUR, NOW + HOUR),
        Decoy(Harmless.IMAGING_IMPORT, OTHER, NOW, NOW),
        Decoy(Harmless.PATCH_DAY, JOB, NOW, NOW, frozenset({"patches_overdue"})),
    )
    result = score(Truth((), (), decoys), raised(NOW), raised(NOW, subject=PRACTICE))
    assert [one.decoy for one in result.false] == [Harmless.COMPACTION, Harmless.CLOSURE]


def attack(*numbers: int) -> Common:
    return Common(
        Fault.REGION_ATTACK,
        NOW - 5 * HOUR,
        {number: (Episode(Fault.ONE_NIGHT, JOB, NOW - 5 * HOUR, NOW, 1.0),) for number in numbers},
    )


def night(due: datetime) -> tuple[Label, ...]:
    """Struck two nights before the backup that carries it."""
    return (label(Fault.ONE_NIGHT, {JOB}, {"ransomware_signature"}, due, due + 100 * HOUR, due, due - 48 * HOUR),)


TRUTHS = {number: night(NOW + number * HOUR) for number in range(5)}


@pytest.mark.parametrize(("at", "found"), [(NOW + HOUR, 1), (NOW + 2 * HOUR, 1), (NOW + 2 * HOUR + SECOND, 0)])
def test_a_region_wide_attack_must_be_found_by_its_third_practice(at: datetime, found: int) -> None:
    campaign = CampaignFound("ransomware", "", at, frozenset({0, 1, 2}))
    result = score_campaigns([attack(0, 1, 2, 3, 4)], TRUTHS, [campaign])
    assert (result.faults[Fault.REGION_ATTACK].found, result.false) == (found, [])


def test_a_campaign_of_practices_that_nothing_befell_is_false() -> None:
    campaign = CampaignFound("ransomware", "", NOW, frozenset({0, 1, 2}))
    assert [one.what for one in score_campaigns([], {}, [campaign]).false] == ["campaign"]
    assert score_campaigns([], TRUTHS, [replace(campaign, at=NOW + 3 * HOUR)]).false == []  # struck, each by its own


@pytest.mark.parametrize(("late", "found"), [(0 * SECOND, 1), (SECOND, 0)])
def test_a_campaign_that_lasts_finds_an_attack_as_it_takes_in_who_was_struck(late: timedelta, found: int) -> None:
    due = NOW + 2 * HOUR
    campaign = CampaignFound("ransomware", "", NOW - 50 * HOUR, frozenset({7, 8, 9}))
    joined = campaign.joined(frozenset({0, 1, 6, 7}), NOW).joined(frozenset({2, 6}), due + late)
    assert joined.came == ((0, NOW), (1, NOW), (6, NOW), (2, due + late))
    assert score_campaigns([attack(0, 1, 2)], TRUTHS, [joined]).faults[Fault.REGION_ATTACK].found == found


@pytest.mark.parametrize(("reason", "of"), [("ransomware", ""), ("backup_tool", "pg_dump")])
def test_a_campaign_that_names_two_who_were_struck_has_found_no_attack_and_is_false(reason: str, of: str) -> None:
    campaign = CampaignFound(reason, of, NOW, frozenset({0, 1, 7}))
    result = score_campaigns([attack(0, 1, 2)], TRUTHS, [campaign])
    assert (result.faults[Fault.REGION_ATTACK].found, len(result.false)) == (0, 1)


def test_a_campaign_of_another_kind_has_found_no_attack_and_is_not_right_by_it() -> None:
    campaign = CampaignFound("tampering", "", NOW, frozenset({0, 1, 2}))
    result = score_campaigns([attack(0, 1, 2)], TRUTHS, [campaign])
    assert (result.faults[Fault.REGION_ATTACK].found, [one.reason for one in result.false]) == (0, ["3 practices"])
    assert score_campaigns([], TRUTHS, [replace(campaign, at=NOW + 3 * HOUR)]).false  # struck, and this is not it


def test_dumps_that_fail_at_practices_that_were_struck_are_no_false_campaign_and_find_nothing() -> None:
    campaign = CampaignFound("backup_tool", "pg_dump", NOW, frozenset({0, 1, 2}))
    result = score_campaigns([attack(0, 1, 2)], TRUTHS, [campaign])
    assert (result.faults[Fault.REGION_ATTACK].found, result.false) == (0, [])


@pytest.mark.parametrize(("early", "false"), [(48 * HOUR, 0), (48 * HOUR + SECOND, 1)])
def test_an_alert_may_tell_that_three_were_struck_by_chance_from_when_the_third_was(
    early: timedelta, false: int
) -> None:
    campaign = CampaignFound("ransomware", "", NOW + 2 * HOUR - early, frozenset({0, 1, 2}))
    assert len(score_campaigns([], TRUTHS, [campaign]).false) == false


@pytest.mark.parametrize(
    ("creeps_from", "late", "false"),
    [
        (HOUR, 48 * HOUR, 0),
        (HOUR, 72 * HOUR, 0),
        (HOUR, 72 * HOUR + SECOND, 1),
        (25 * HOUR, 48 * HOUR, 0),
        (25 * HOUR + SECOND, 48 * HOUR, 1),
    ],
)
def test_a_creep_joins_what_struck_others_the_day_it_began_once_it_is_found(
    creeps_from: timedelta, late: timedelta, false: int
) -> None:
    due = NOW + creeps_from
    creep = label(Fault.CREEPING, {JOB}, {"ransomware_signature"}, due, due + 900 * HOUR, due + 48 * HOUR, due - HOUR)
    campaign = CampaignFound("ransomware", "", due + late, frozenset({0, 1, 2}))
    truths = {0: night(NOW), 1: night(NOW + HOUR), 2: (creep,)}
    assert len(score_campaigns([], truths, [campaign]).false) == false


def test_an_attack_that_reaches_fewer_than_three_practices_is_none() -> None:
    assert score_campaigns([attack(0, 1)], TRUTHS, []).faults == {}


def test_a_small_fleet_misses_nothing_that_falls_due_by_the_clock() -> None:
    done: list[None] = []
    result = simulate(Story(1, practices=6, days=60, density=4), 1, lambda: done.append(None))
    rows = {row.fault: row for row in fault_rows(result)}
    for fault in (
        Fault.MISSED,
        Fault.FAILED,
        Fault.NEVER_REPORTED,
        Fault.SILENT_MACHINE,
        Fault.SILENT_PRACTICE,
        Fault.RPO,
    ):
        row = rows[fault.value]
        assert row.injected >= 3, fault
        assert (row.recall, row.false, row.delay_s_max) == (1.0, 0, 0.0), fault
    assert len(done) == 6


def test_processes_change_nothing() -> None:
    story = Story(2, practices=3, days=15, density=4)
    alone, together = (simulate(story, processes, lambda: None) for processes in (1, 2))
    assert (fault_rows(alone), harmless_rows(alone)) == (fault_rows(together), harmless_rows(together))
    assert alone == together
