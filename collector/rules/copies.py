"""The 3-2-1-1-0 score of a job: how far its copies would survive what destroys the original.

Three copies, the original counted; on two kinds of media; one off site; one offline or immutable; no error.
Source: the 3-2-1 rule of P. Krogh (The DAM Book), taken up by US-CERT (Data Backup Options, 2012), with Veeam's
one more out of reach and no error when read back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.heartbeat import Medium, RestoreStatus
from collector.model.media import KeptCopy
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import JobState
from collector.model.standing import Digit
from collector.model.value import latest

_COPIES, _MEDIA = 3, 2


@dataclass(frozen=True)
class Score:
    """`text` as in 3-2-1-1-0; `missing` names the digits that are not met, in their order."""

    text: str
    missing: tuple[Digit, ...]


def score(job: JobState, rules: RuleSettings, now: datetime) -> Score | None:
    """None where nobody has told of any copy: that is unknown, and not a score.

    A digit that is not met shows what there is. The last one is 1 after an error, and ? where nobody has read a copy
    back for as long as `restore_test.again`.
    """
    if not job.kept_copies:
        return None
    live = tuple(_live(job, rules, now))
    media = {Medium.LOCAL, *(one.medium for one in live)}
    apart = [one for one in live if one.medium is Medium.CLOUD or one.rotated_at]
    unreachable = [one for one in live if _unreachable(one, now)]
    errors = _errors(job, rules.restore_test.again, now)
    met = {
        Digit.COPIES: 1 + len(live) >= _COPIES,
        Digit.MEDIA: len(media) >= _MEDIA,
        Digit.OFFSITE: bool(apart),
        Digit.UNREACHABLE: bool(unreachable),
        Digit.PROOF: errors == "0",
    }
    counted = (min(1 + len(live), _COPIES), min(len(media), _MEDIA), len(apart[:1]), len(unreachable[:1]), errors)
    return Score("-".join(map(str, counted)), tuple(digit for digit, is_met in met.items() if not is_met))


def _live(job: JobState, rules: RuleSettings, now: datetime) -> Iterator[KeptCopy]:
    """What is not deleted, and listed by the last good run, or away for no longer than media are changed."""
    last_listed = max(one.listed_at for one in job.kept_copies.values())
    for copy in job.kept_copies.values():
        if copy.rotated_at is not None:
            there = now < copy.rotated_at + rules.offline_copy.same_medium
        else:
            there = copy.listed_at == last_listed
        if there and copy.deleted_at is None:
            yield copy


def _unreachable(copy: KeptCopy, now: datetime) -> bool:
    return copy.rotated_at is not None or (copy.immutable_until is not None and now < copy.immutable_until)


def _errors(job: JobState, proven_for: timedelta, now: datetime) -> str:
    failed_tests = any(test.status is RestoreStatus.FAILED for test in job.restore_tests.values())
    if failed_tests or (job.last_run is not None and not job.last_run.good):
        return "1"
    proof = _proven_at(job)
    return "0" if proof is not None and now < proof + proven_for else "?"


def _proven_at(job: JobState) -> datetime | None:
    verified = (one.verified_at for one in job.kept_copies.values() if one.deleted_at is None)
    tested = (test.tested_at for test in job.restore_tests.values() if test.status is RestoreStatus.SUCCESS)
    return latest((*verified, *tested))


def score_turns(job: JobState, rules: RuleSettings) -> Iterator[datetime]:
    """When the score could change by the clock alone."""
    for copy in job.kept_copies.values():
        if copy.rotated_at is not None:
            yield copy.rotated_at + rules.offline_copy.same_medium
        if copy.immutable_until is not None:
            yield copy.immutable_until
    if job.kept_copies and (proof := _proven_at(job)):
        yield proof + rules.restore_test.again
