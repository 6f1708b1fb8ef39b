"""3-2-1-1-0: each digit is met or shows what there is, and what is missing is named."""

from datetime import datetime, timedelta

import pytest

from collector.model.heartbeat import Medium, RestoreLevel, RestoreStatus, RestoreTest, RunStatus
from collector.model.media import KeptCopy
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import JobState
from collector.rules.copies import Score, score, score_turns
from tests.factories import DAY, NOW, job_state, run

TICK = timedelta(microseconds=1)
RULES = RuleSettings()
IN_REACH = ("2-2-0-0-?", ["copies", "offsite", "unreachable", "proof"])
KEPT, PROVEN = RULES.offline_copy.same_medium, RULES.restore_test.again


def place(medium: Medium, **more: object) -> KeptCopy:
    fields = {"medium": medium, "location": "there", "first_at": NOW, "listed_at": NOW, "renewed_at": NOW}
    return KeptCopy.model_validate({**fields, **more})


NAS, LOCAL, CLOUD = place(Medium.NAS), place(Medium.LOCAL), place(Medium.CLOUD)
LOCKED = place(Medium.CLOUD, immutable_until=NOW + DAY, verified_at=NOW - DAY)


def disc(ago: timedelta, **more: object) -> KeptCopy:
    return place(Medium.USB, renewed_at=NOW - ago, away_at=NOW, listed_at=NOW - ago, **more)


def job(*copies: KeptCopy, last: RunStatus = RunStatus.SUCCESS, tests: dict[str, str] | None = None) -> JobState:
    proofs = {
        RestoreLevel(level): RestoreTest(
            job="daily", level=RestoreLevel(level), status=RestoreStatus(status), tested_at=NOW - DAY
        )
        for level, status in (tests or {}).items()
    }
    kept = {f"{number}": one for number, one in enumerate(copies)}
    return job_state(last_run=run(NOW, last), kept_copies=kept, restore_tests=proofs)


def scored(state: JobState) -> tuple[str, list[str]] | None:
    known: Score | None = score(state, RULES, NOW)
    return (known.text, [digit.value for digit in known.missing]) if known else None


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (job(), None),
        (job(NAS, LOCKED), ("3-2-1-1-0", [])),
        (job(LOCAL), ("2-1-0-0-?", ["copies", "media", "offsite", "unreachable", "proof"])),
        (job(NAS), IN_REACH),
        (job(NAS, CLOUD), ("3-2-1-0-?", ["unreachable", "proof"])),
        (job(NAS, disc(DAY)), ("3-2-1-1-?", ["proof"])),
        (job(NAS, disc(KEPT - TICK)), ("3-2-1-1-?", ["proof"])),
        (job(NAS, disc(KEPT)), IN_REACH),
        (job(NAS, LOCKED, CLOUD, disc(DAY)), ("3-2-1-1-0", [])),
        (job(NAS, place(Medium.CLOUD, deleted_at=NOW)), IN_REACH),
        (job(NAS, place(Medium.LOCAL, listed_at=NOW - DAY)), IN_REACH),
        (job(NAS, place(Medium.CLOUD, immutable_until=NOW)), ("3-2-1-0-?", ["unreachable", "proof"])),
        (job(NAS, place(Medium.CLOUD, immutable_until=NOW + TICK)), ("3-2-1-1-?", ["proof"])),
        (job(NAS, place(Medium.CLOUD, verified_at=NOW - PROVEN)), ("3-2-1-0-?", ["unreachable", "proof"])),
        (job(NAS, place(Medium.CLOUD, verified_at=NOW - PROVEN + TICK)), ("3-2-1-0-0", ["unreachable"])),
        (job(NAS, CLOUD, tests={"file": "success"}), ("3-2-1-0-0", ["unreachable"])),
        (job(NAS, LOCKED, tests={"file": "success", "boot": "failed"}), ("3-2-1-1-1", ["proof"])),
        (job(NAS, LOCKED, last=RunStatus.FAILED), ("3-2-1-1-1", ["proof"])),
        (job(NAS, LOCKED, last=RunStatus.WARNING), ("3-2-1-1-0", [])),
    ],
)  # fmt: skip
def test_score_of_a_job_is_what_its_copies_are(state: JobState, expected: tuple[str, list[str]] | None) -> None:
    assert scored(state) == expected


def test_score_changes_by_the_clock_at_its_turns_alone() -> None:
    state = job(disc(DAY, verified_at=NOW - 2 * DAY), LOCKED)
    turns = sorted(score_turns(state, RULES))
    assert turns == [NOW + DAY, NOW - DAY + KEPT, NOW - DAY + PROVEN]
    for before, turn in zip([NOW, *turns], turns, strict=False):
        assert score(state, RULES, before) == score(state, RULES, turn - TICK)
        assert score(state, RULES, turn - TICK) != score(state, RULES, turn) or turn == NOW + DAY


def test_pinged_job_of_whose_copies_nobody_tells_has_no_score_and_no_turns() -> None:
    proven: datetime = NOW - DAY
    told = RestoreTest(job="daily", level=RestoreLevel.FILE, status=RestoreStatus.SUCCESS, tested_at=proven)
    state = job_state(last_run=run(NOW), restore_tests={RestoreLevel.FILE: told})
    assert score(state, RULES, NOW) is None
    assert list(score_turns(state, RULES)) == []
