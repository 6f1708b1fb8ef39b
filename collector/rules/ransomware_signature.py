"""A backup wrote far more anew than its data grew by, in far more files than usual: encryption looks like that.

Encrypted data compare with nothing that the backup has, and cannot be compressed: the part that was encrypted is
stored again, while there are no more files and no more data than before. What merely looks similar:
- an import adds files and data: what was added is taken off on both sides (collector/model/shares.py);
- a database that is compacted stores much anew in very few files;
- another tool, a new repository, a full after weeks of absence or as each week has one: an excuse, unless there is an
  alert of ransomware nearby, or another backup of the machine is suspicious (collector/model/figures.py).
A tool that tells only of data or only of files must show more; one that tells neither shows nothing.

What creeps encrypts every night: ordinary weeks have a busy night or two, and a calm one among any three. So the
calmest of three runs says most, even of a disk image that wavers. And it takes what all jobs save: one that is
suspicious by itself is a trace that lets the others need less. Where it saves the same machine, whose image wavers
too much to tell by itself, no more is needed than that the other wrote more than ordinary runs do as well.

The runs of one attack are one finding, which begins with the first of them and stays for a while after the last.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.reading import Reading
from collector.model.rule_settings import RansomwareSignature
from collector.model.snapshot import Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule
from collector.rules.traces import Left, Trace, near, traces

NAME = "ransomware_signature"

# Where data alone tell of files: a database of this size is rewritten at times, and is few of them.
_DATABASE = 0.4
_RAISED = 0.5
_NO_EXCUSE = frozenset({Trace.RANSOMWARE_ALERT, Trace.SAME_MACHINE})
# One busy night is none; where only one measure tells, two are not enough.
_NIGHTS, _NIGHTS_ALONE = 2, 3
# Times as much where data alone tell, as of disk images: they waver most.
_CREEPING_OF_DATA, _EACH_OF_DATA = 2.0, 4.0
# Of a daily job: with less than two weeks nobody knows how its days and weeks differ.
_TWO_WEEKS = 12
# Of the usual: a job that always writes much is by as much the more above it for three nights, too.
_BUSIER = 0.5


class Suspicion(NamedTuple):
    """A run that looks like encryption, and what raised it."""

    reading: Reading
    reason: str
    raised_by: frozenset[Trace]


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job, suspicions in _suspected(snapshot, policy):
        setting = policy.rules_of(job.subject).ransomware_signature
        attack = _last_attack(suspicions, setting.kept)
        if not attack or attack[-1].reading.finished_at + setting.kept <= now:
            continue
        root = root_of(job, snapshot, now)
        dues += [root.next_due, attack[-1].reading.finished_at + setting.kept]
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.CRITICAL,
                reason=attack[0].reason,
                since=attack[0].reading.finished_at,
                facts=_facts(job, snapshot, attack[0]) | _enough(attack[0], setting),
                signature=NAME,
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _suspected(snapshot: Snapshot, policy: Policy) -> Iterator[tuple[WatchedJob, list[Suspicion]]]:
    """What is suspicious of one job by itself is a trace for the others, and not for itself."""
    jobs = [job for job in watched_jobs(snapshot, policy) if job.state and job.state.readings]
    left = traces(snapshot) if jobs else ()
    found = {job.subject: _suspicions(job, policy, left) for job in jobs}
    for job in jobs:
        others = tuple(_left_by(other, job, found[other.subject]) for other in jobs if other is not job)
        traced = tuple(chain.from_iterable(others))
        yield job, _suspicions(job, policy, (*left, *traced)) if traced else found[job.subject]


def _left_by(other: WatchedJob, job: WatchedJob, suspicions: Sequence[Suspicion]) -> Iterator[Left]:
    same = job.endpoint_id is not None and other.endpoint_id == job.endpoint_id
    trace = Trace.SAME_MACHINE if same else Trace.OTHER_JOB
    return (Left(one.reading.finished_at, trace) for one in suspicions)


def _suspicions(job: WatchedJob, policy: Policy, left: tuple[Left, ...]) -> list[Suspicion]:
    setting = policy.rules_of(job.subject).ransomware_signature
    if job.state is None or not setting.enabled:
        return []
    found = []
    for reading in job.state.readings:
        raised_by = near(left, reading.finished_at, setting.nearby)
        if reading.points_gone:
            raised_by |= {Trace.RESTORE_POINTS_GONE}
        if reason := _reason(reading, setting, raised_by):
            found.append(Suspicion(reading, reason, raised_by))
    return found


def _reason(reading: Reading, setting: RansomwareSignature, raised_by: frozenset[Trace]) -> str | None:
    if reading.known < setting.least_runs or (reading.excuse and not raised_by & _NO_EXCUSE):
        return None
    weight, beyond = _weight(raised_by), reading.share - reading.usual
    if beyond >= _at_once(reading, setting) * weight and reading.share >= reading.ceiling:
        return "at_once"
    if _creeps(reading, setting, weight):
        return "creeping"
    return "same_machine" if Trace.SAME_MACHINE in raised_by else None


def _weight(raised_by: frozenset[Trace]) -> float:
    return _RAISED if raised_by else 1.0


def _creeps(reading: Reading, setting: RansomwareSignature, weight: float) -> bool:
    """Whether none of three runs was calm, or those out of the ordinary wrote much together."""
    if reading.known < _TWO_WEEKS:
        return False
    if reading.each >= _each(reading, setting) * weight:
        return True
    nights = _NIGHTS_ALONE if reading.alone else _NIGHTS
    return reading.beyond >= nights and reading.crept >= _together(reading, setting) * weight


def _each(reading: Reading, setting: RansomwareSignature) -> float:
    return max(setting.each * (_EACH_OF_DATA if _of_data(reading) else 1.0), _BUSIER * reading.usual)


def _together(reading: Reading, setting: RansomwareSignature) -> float:
    return setting.creeping * (_CREEPING_OF_DATA if _of_data(reading) else 1.0)


def _of_data(reading: Reading) -> bool:
    return reading.alone and reading.rewritten is not None


def _at_once(reading: Reading, setting: RansomwareSignature) -> float:
    if reading.files_untold:
        return max(setting.alone, _DATABASE)
    return setting.alone if reading.alone else setting.rewritten


def _last_attack(suspicions: Sequence[Suspicion], kept: timedelta) -> list[Suspicion]:
    """Suspicious runs, each found while the one before still is."""
    attack: list[Suspicion] = []
    for one in suspicions:
        if attack and one.reading.finished_at >= attack[-1].reading.finished_at + kept:
            attack = []
        attack.append(one)
    return attack


def _facts(job: WatchedJob, snapshot: Snapshot, first: Suspicion) -> dict[str, str]:
    reading = first.reading
    facts = endpoint_name(job, snapshot) | {
        "job": job.job,
        "run_at": reading.finished_at.isoformat(),
        "usual": f"{reading.usual:.1%}",
    }
    if reading.rewritten is not None:
        facts["data_rewritten"] = f"{reading.rewritten:.0%}"
    if reading.changed is not None:
        facts["files_changed"] = f"{reading.changed:.0%}"
    if reading.clean_at is not None:
        facts["last_clean_at"] = reading.clean_at.isoformat()
    if first.raised_by:
        facts["raised_by"] = ", ".join(sorted(first.raised_by))
    return facts


def _enough(first: Suspicion, setting: RansomwareSignature) -> dict[str, str]:
    """From how much on it was suspicious, and the figure of a creep that was as much."""
    reading, weight = first.reading, _weight(first.raised_by)
    if first.reason == "at_once":
        return {"enough": f"{max(reading.usual + _at_once(reading, setting) * weight, reading.ceiling):.1%}"}
    if first.reason == "same_machine":
        return {}
    each = _each(reading, setting) * weight
    if reading.each >= each:
        return {"each_beyond_usual": f"{reading.each:.1%}", "enough": f"{each:.1%}"}
    return {"in_three_runs": f"{reading.crept:.1%}", "enough": f"{_together(reading, setting) * weight:.1%}"}


RANSOMWARE_SIGNATURE = Rule(NAME, check)
