"""What is remembered of patches and protection beyond the last scan."""

from datetime import datetime

import pytest

from collector.judge import learn
from collector.model import scans
from collector.model.heartbeat import PatchSeverity, ProtectionMode, Sections
from collector.model.report import Report
from collector.model.snapshot import PatchState, ProtectionState, Snapshot
from tests.factories import DAY, ENDPOINT, HOUR, NOW, PRACTICE, report


def scan(at: datetime, *undated: str, **released: datetime) -> Report:
    missing = [{"id": one, "severity": "low"} for one in undated]
    missing += [{"id": one, "severity": "low", "released_at": when.isoformat()} for one, when in released.items()]
    sections = {"patches": {"scanned_at": at.isoformat(), "missing": missing}}
    return report(at, sections=Sections.model_validate(sections, strict=False))


def patches(*reports: Report) -> PatchState:
    known = learn(Snapshot(practice_id=PRACTICE), reports).endpoints[ENDPOINT].patches
    assert known is not None
    return known


def oldest(*reports: Report) -> datetime | None:
    return patches(*reports).missing[PatchSeverity.LOW].oldest_at


def test_patch_without_a_release_counts_from_when_it_was_first_missing() -> None:
    assert oldest(scan(NOW, "a"), scan(NOW + DAY, "a", "b")) == NOW


def test_machine_that_installs_what_it_lacks_is_never_old() -> None:
    assert oldest(scan(NOW, "a"), scan(NOW + DAY, "b"), scan(NOW + 2 * DAY, "c")) == NOW + 2 * DAY


def test_patch_that_is_missing_again_counts_anew() -> None:
    assert oldest(scan(NOW, "a"), scan(NOW + DAY, "b"), scan(NOW + 2 * DAY, "a")) == NOW + 2 * DAY


def test_release_counts_where_it_is_known() -> None:
    assert oldest(scan(NOW, "a", b=NOW - 9 * DAY)) == NOW - 9 * DAY
    assert patches(scan(NOW, b=NOW - 9 * DAY)).undated == ()


def test_patches_missing_longest_are_remembered_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "MOST_UNDATED", 2)
    known = patches(scan(NOW, "z"), scan(NOW + DAY, "a", "b", "z"))
    assert [(one.since, one.ids) for one in known.undated] == [(NOW, ("z",)), (NOW + DAY, ("a",))]
    assert known.missing[PatchSeverity.LOW].count == 3


def test_instants_of_a_clock_that_is_off_are_by_ours() -> None:
    theirs = NOW - 10 * DAY
    section = {"scanned_at": theirs.isoformat(), "reboot_required_since": (theirs - DAY).isoformat()}
    told = report(theirs, received_at=NOW, sections=Sections.model_validate({"patches": section}, strict=False))
    assert patches(told).reboot_required_since == NOW - DAY


def guard(at: datetime, mode: str = "active", *, tamper: bool | None = True, real_time: bool = True) -> Report:
    product = {"product": "Defender", "mode": mode, "real_time": real_time, "tamper_protected": tamper}
    return report(at, sections=Sections.model_validate({"protection": [product]}, strict=False))


def protection(*reports: Report) -> ProtectionState:
    known = learn(Snapshot(practice_id=PRACTICE), reports).endpoints[ENDPOINT].protection
    assert known is not None
    return known


WELL = guard(NOW)
LATER = NOW + HOUR


@pytest.mark.parametrize(
    ("then", "disarmed"),
    [
        (guard(LATER), False),
        (guard(LATER, tamper=None), False),
        (guard(LATER, tamper=False), True),
        (guard(LATER, "off"), True),
        (guard(LATER, "passive"), True),
        (guard(LATER, real_time=False), True),
    ],
    ids=["as-before", "unsaid", "laid-open", "off", "passive", "blind"],
)
def test_protection_that_was_active_is_disarmed_by_switching_it_off_or_laying_it_open(
    then: Report, disarmed: bool
) -> None:
    assert protection(WELL, then).disarmed_at == (LATER if disarmed else None)


@pytest.mark.parametrize("first", [guard(NOW, "off"), guard(NOW, tamper=False), guard(NOW, tamper=None)])
def test_protection_that_was_never_armed_is_not_disarmed(first: Report) -> None:
    assert protection(first, guard(LATER, tamper=False)).disarmed_at is None


def test_disarmed_stands_until_it_is_armed_again() -> None:
    off = [WELL, guard(LATER, "off"), guard(LATER + HOUR, "off")]
    known = protection(*off)
    assert (known.disarmed_at, known.since, known.mode) == (LATER, LATER, ProtectionMode.OFF)
    assert protection(*off, guard(LATER + DAY)).disarmed_at is None


def test_protection_folded_twice_changes_nothing() -> None:
    assert protection(WELL, guard(LATER, "off")) == protection(WELL, guard(LATER, "off"), guard(LATER, "off"))
