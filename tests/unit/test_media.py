"""What is remembered of copies: which medium was renewed when, whose lock was moved back, what was deleted."""

from datetime import datetime, timedelta

import pytest

from collector.judge import learn
from collector.model import media
from collector.model.heartbeat import Sections
from collector.model.media import SHORTENED_TOLERATED, KeptCopy
from collector.model.report import Report
from collector.model.snapshot import Snapshot
from collector.model.subject import job_subject
from tests.factories import DAY, ENDPOINT, HOUR, NOW, PRACTICE, backup, report

TICK = timedelta(microseconds=1)
LOCK = NOW + 30 * DAY
_Copy = dict[str, object]


def disc(name: str | None = "A", *, offline: bool = True, **more: object) -> _Copy:
    return {"medium": "usb", "location": "E:", "media_id": name, "offline": offline, **more}


def cloud(**more: object) -> _Copy:
    return {"medium": "cloud", "location": "s3:backup", **more}


def told(at: datetime, *copies: _Copy, ended: datetime | None = None, status: str = "success") -> Report:
    """The last run as it is told `at`; it ended then unless it is said again."""
    run = backup(finished_at=ended or at).model_dump(mode="json") | {"status": status, "copies": copies}
    return report(at, sections=Sections.model_validate({"backups": (run,)}, strict=False))


def kept(*reports: Report) -> dict[str, KeptCopy]:
    known = learn(Snapshot(practice_id=PRACTICE), reports).jobs[job_subject(ENDPOINT, "daily")].kept_copies
    return {one.name: one for one in known.values()}


@pytest.mark.parametrize(
    ("copies", "renewed_at"),
    [
        ([disc("A")], NOW),
        ([disc("A"), disc("A")], NOW),
        ([disc("A"), disc("A", offline=False)], NOW + DAY),
        ([disc(None), disc(None)], NOW + DAY),
        ([disc("A"), disc("A", verified_at=NOW + HOUR)], NOW + HOUR),
        ([disc("A", immutable_until=LOCK), disc("A", immutable_until=LOCK)], NOW),
        ([disc("A", immutable_until=LOCK), disc("A", immutable_until=LOCK + TICK)], NOW + DAY),
        ([disc("A"), disc("B"), disc("A")], NOW + 2 * DAY),
    ],
    ids=["first", "away", "attached", "nameless", "verified", "same-lock", "lock-moved-on", "back-again"],
)
def test_copy_is_renewed_by_what_shows_that_something_new_was_put_on_it(
    copies: list[_Copy], renewed_at: datetime
) -> None:
    known = kept(*(told(NOW + day * DAY, copy) for day, copy in enumerate(copies)))
    assert known[str(copies[-1]["media_id"] or "E:")].renewed_at == renewed_at


def test_run_that_is_only_told_again_renews_nothing() -> None:
    known = kept(told(NOW, disc(None)), told(NOW + 9 * DAY, disc(None), ended=NOW))
    assert (known["E:"].renewed_at, known["E:"].listed_at) == (NOW, NOW + 9 * DAY)


def test_failed_run_adds_no_copy_and_renews_none() -> None:
    known = kept(told(NOW, cloud()), told(NOW + DAY, cloud(), disc("B"), status="failed"))
    assert known["s3:backup"].renewed_at == NOW
    assert "B" not in known


def test_failed_run_between_makes_no_medium_come_back() -> None:
    known = kept(told(NOW, disc("A")), told(NOW + DAY, status="failed"), told(NOW + 2 * DAY, disc("A")))
    assert known["A"].renewed_at == NOW


def test_disc_that_is_listed_only_while_attached_is_known_to_have_been_away_once_it_is_back() -> None:
    week = [told(NOW + day * DAY, cloud(), *([disc("A", offline=False)] if day == 0 else [])) for day in range(7)]
    assert kept(*week)["A"].rotated_at is None
    assert kept(*week, told(NOW + 7 * DAY, cloud(), disc("A", offline=False)))["A"].rotated_at == NOW + 7 * DAY


def test_disc_that_stays_attached_holds_nothing_out_of_reach_since() -> None:
    known = kept(told(NOW, disc("A")), *(told(NOW + day * DAY, disc("A", offline=False)) for day in range(1, 9)))
    assert (known["A"].renewed_at, known["A"].rotated_at) == (NOW + 8 * DAY, NOW)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (LOCK - SHORTENED_TOLERATED, False),
        (LOCK - SHORTENED_TOLERATED - TICK, True),
        (LOCK + DAY, False),
        (None, False),
    ],
)
def test_lock_that_ends_more_than_a_day_earlier_was_shortened(after: datetime | None, found: bool) -> None:
    known = kept(told(NOW, cloud(immutable_until=LOCK)), told(NOW + DAY, cloud(immutable_until=after)))
    assert bool(known["s3:backup"].shortened) is found


def test_shortening_stands_until_it_is_put_right() -> None:
    short, later = LOCK - 20 * DAY, LOCK - 19 * DAY
    locks = [LOCK, short, later]
    reports = [told(NOW + day * DAY, cloud(immutable_until=lock)) for day, lock in enumerate(locks)]
    shortened = kept(*reports)["s3:backup"].shortened
    assert shortened is not None
    assert (shortened.at, shortened.before, shortened.after) == (NOW + DAY, LOCK, short)
    assert kept(*reports, told(NOW + 3 * DAY, cloud(immutable_until=LOCK)))["s3:backup"].shortened is None


def test_lock_that_was_over_is_not_shortened() -> None:
    over = NOW + HOUR
    known = kept(told(NOW, cloud(immutable_until=over)), told(NOW + DAY, cloud(immutable_until=over - 9 * DAY)))
    assert known["s3:backup"].shortened is None


def test_clock_that_is_off_shortens_nothing() -> None:
    off = told(NOW - 9 * DAY, cloud(immutable_until=LOCK - 9 * DAY)).model_copy(
        update={"received_at": NOW + DAY, "skew": 10 * DAY}
    )
    assert kept(told(NOW, cloud(immutable_until=LOCK)), off)["s3:backup"].shortened is None


def test_deletion_is_known_from_failed_runs_too_and_over_once_a_copy_is_there_again() -> None:
    gone = told(NOW + DAY, cloud(deleted_at=NOW + HOUR), status="failed")
    assert kept(told(NOW, cloud()), gone)["s3:backup"].deleted_at == NOW + HOUR
    assert kept(told(NOW, cloud()), gone, told(NOW + 2 * DAY, cloud()))["s3:backup"].deleted_at is None


def test_media_listed_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MOST_COPIES", 2)
    assert kept(*(told(NOW + day * DAY, disc(name)) for day, name in enumerate("ABC"))).keys() == {"B", "C"}


def test_report_folded_twice_changes_nothing() -> None:
    reports = [
        told(NOW, disc("A"), cloud(immutable_until=LOCK)),
        told(NOW + DAY, disc("B"), cloud(immutable_until=NOW)),
    ]
    assert kept(*reports) == kept(*reports, reports[-1])
