"""Copies within an attacker's reach: the worst that is so, from its instant on and as long as it is news."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Medium
from collector.model.media import KeptCopy, Shortened
from collector.model.rule_settings import OfflineCopy
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.offline_copy import check
from tests.factories import DAY, ENDPOINT, NOW, endpoint_state, job_state, policy, snapshot

TICK = timedelta(microseconds=1)
SET = OfflineCopy()


def disc(name: str, renewed: timedelta, **more: object) -> KeptCopy:
    """A disc that was away since it was renewed."""
    at = NOW - renewed
    fields = {"medium": Medium.USB, "location": "E:", "media_id": name, "first_at": at, "listed_at": NOW}
    return KeptCopy.model_validate({**fields, "renewed_at": at, "away_at": NOW, **more})


def cloud(until: datetime | None = None, **more: object) -> KeptCopy:
    fields = {"medium": Medium.CLOUD, "location": "s3:backup", "first_at": NOW - 90 * DAY, "listed_at": NOW}
    return KeptCopy.model_validate({**fields, "renewed_at": NOW, "immutable_until": until, **more})


def shortened(ago: timedelta) -> Shortened:
    return Shortened(at=NOW - ago, before=NOW + 30 * DAY, after=NOW + 20 * DAY)


def found(*copies: KeptCopy, required: bool = False, retired: Mapping[str, str] | None = None) -> Finding | None:
    state = job_state(kept_copies={f"{place}": one for place, one in enumerate(copies)})
    configured = policy(rules={"offline_copy": {"required": required}}, retired=retired or {})
    findings = check(snapshot([endpoint_state()], [state]), configured, NOW).findings
    return findings[0] if findings else None


FAR = NOW + 30 * DAY
FRESH = disc("B", DAY)


@pytest.mark.parametrize(
    ("copies", "reason"),
    [
        ([], None),
        ([cloud()], None),
        ([disc("A", SET.rotation - TICK)], None),
        ([disc("A", SET.rotation)], "rotation_overdue"),
        ([disc("A", SET.rotation), FRESH], None),
        ([disc("A", DAY, away_at=NOW - SET.rotation)], "rotation_overdue"),
        ([disc("A", 9 * DAY, away_at=None)], None),
        ([disc("A", DAY), disc("B", SET.same_medium - TICK)], None),
        ([disc("A", DAY), disc("B", SET.same_medium)], "same_medium"),
        ([disc("A", DAY, first_at=NOW - SET.same_medium)], "same_medium"),
        ([disc("A", DAY, first_at=NOW - SET.same_medium, media_id=None)], None),
        ([cloud(NOW + SET.immutable_for + TICK)], None),
        ([cloud(NOW + SET.immutable_for)], "immutability_ending"),
        ([cloud(NOW + SET.immutable_for), cloud(FAR)], None),
        ([cloud(FAR, shortened=shortened(SET.kept - TICK))], "immutability_shortened"),
        ([cloud(FAR, shortened=shortened(SET.kept))], None),
        ([cloud(FAR, deleted_at=NOW - SET.kept + TICK)], "copy_deleted"),
        ([cloud(FAR, deleted_at=NOW - SET.kept)], None),
        ([cloud(FAR, deleted_at=NOW - DAY), cloud(FAR, shortened=shortened(DAY))], "copy_deleted"),
        ([disc("A", SET.rotation), cloud(FAR, shortened=shortened(DAY))], "immutability_shortened"),
        ([disc("A", DAY, first_at=NOW - SET.same_medium), cloud(NOW + SET.immutable_for)], "immutability_ending"),
    ],
)  # fmt: skip
def test_worst_of_what_is_wrong_with_the_copies_is_found(copies: list[KeptCopy], reason: str | None) -> None:
    one = found(*copies)
    assert (one.reason if one else None) == reason


@pytest.mark.parametrize(
    ("copies", "severity", "signature"),
    [
        ([cloud(deleted_at=NOW)], Severity.CRITICAL, "copy_deleted"),
        ([cloud(FAR, shortened=shortened(DAY))], Severity.CRITICAL, "immutability_shortened"),
        ([disc("A", SET.rotation)], Severity.WARNING, None),
        ([disc("A", DAY), disc("B", SET.same_medium)], Severity.WARNING, None),
        ([disc("A", DAY, first_at=NOW - SET.same_medium)], Severity.NOTICE, None),
    ],
    ids=["deleted", "shortened", "not-rotated", "rotation-stopped", "never-more-than-one"],
)
def test_what_an_attacker_does_is_critical_and_what_people_forget_is_not(
    copies: list[KeptCopy], severity: Severity, signature: str | None
) -> None:
    one = found(*copies)
    assert one is not None
    assert (one.severity, one.signature) == (severity, signature)


@pytest.mark.parametrize(
    ("copies", "is_found"),
    [
        ([], True),
        ([cloud()], True),
        ([cloud(FAR)], False),
        ([disc("A", DAY)], False),
        ([disc("A", DAY, deleted_at=NOW - 90 * DAY)], True),
    ],
    ids=["nothing-told", "in-reach", "locked", "away", "deleted"],
)
def test_job_without_any_copy_out_of_reach_is_found_where_one_is_required(
    copies: list[KeptCopy], is_found: bool
) -> None:
    one = found(*copies, required=True)
    assert (one.reason if one else None) == ("no_offline_copy" if is_found else None)
    assert found(*copies) is None


def test_finding_says_which_medium_and_since_when() -> None:
    one = found(disc("A", SET.rotation + DAY))
    assert one is not None
    assert one.since == NOW - DAY
    assert one.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "medium": "A",
        "rotated_at": (NOW - SET.rotation - DAY).isoformat(),
    }


@pytest.mark.parametrize(
    ("copy", "due"),
    [
        (disc("A", DAY), NOW - DAY + SET.rotation),
        (cloud(FAR), FAR - SET.immutable_for),
        (cloud(deleted_at=NOW - DAY), NOW - DAY + SET.kept),
        (cloud(FAR, shortened=shortened(DAY)), NOW - DAY + SET.kept),
    ],
)
def test_what_will_be_wrong_or_no_longer_news_is_looked_at_then(copy: KeptCopy, due: datetime) -> None:
    seen = snapshot([endpoint_state(NOW + 90 * DAY)], [job_state(kept_copies={"0": copy})])
    assert check(seen, policy(), NOW).next_due == due


@pytest.mark.parametrize("retired", [job_subject(ENDPOINT, "daily"), endpoint_subject(ENDPOINT)])
def test_retired_job_owes_no_copy(retired: str) -> None:
    assert found(cloud(deleted_at=NOW), retired={retired: "replaced"}) is None
