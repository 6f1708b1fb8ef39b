"""The last good backup is not like those before it: green, and yet what it says of itself cannot be right.

One finding a job: the worst. It heals with the next run that is as usual, or once the new level is the usual one.
"""

from collections.abc import Mapping
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.policy import Policy
from collector.model.reading import Level, Levels
from collector.model.rule_settings import BackupLooksWrong
from collector.model.snapshot import JobState, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import WatchedJob, endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "backup_looks_wrong"

# A new level soon becomes the usual one, unless next to nothing is left of the most there was.
_NEXT_TO_NOTHING = 0.1
# Fewer come and go.
_FEW_FILES = 10
# Seconds: a job that is always quick cannot be too quick, and no tool looks through a machine in less.
_QUICK, _LOOKED = 20, 10
# Whoever has less to write may be quicker; duration has a part that does not depend on it.
_QUICKER = 3
_MUCH_QUICKER = 0.5
# Of new data what is stored at the least; by a run before, if that one did not tell how much it holds.
_COMPRESSED = 0.25
# A database that was compacted is written anew, in as many files as before.
_COMPACTED, _SAME_FILES = 0.3, 0.9


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.state is None or job.state.levels is None:
            continue
        reason = _reason(job.state, job.state.levels, policy.rules_of(job.subject).backup_looks_wrong)
        if reason is None:
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=Severity.CRITICAL if reason == "zero_bytes" else Severity.WARNING,
                reason=reason,
                since=job.state.levels.finished_at,
                facts=_facts(job, snapshot, job.state.levels, reason),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _reason(state: JobState, levels: Levels, setting: BackupLooksWrong) -> str | None:
    """The worst that holds."""
    if _empty(levels):
        return "zero_bytes"
    if _shrunk(levels, setting):
        return "shrunk"
    if _files_lost(levels.files, setting):
        return "files_lost"
    if _points_shrunk(state, levels, setting):
        return "restore_points_shrinking"
    if _too_fast(levels, setting):
        return "too_fast"
    if _grown(levels, setting):
        return "grown"
    return "much_changed" if _much_changed(state, levels, setting) else None


def _empty(levels: Levels) -> bool:
    """Nothing in it. A tool that counts files and never their size says nothing by a zero."""
    size, files = levels.size, levels.files
    if size is None or size.value > 0:
        return files is not None and size is None and files.value == 0
    return files is None or files.value == 0 or size.usual > 0


def _off(level: Level, setting: BackupLooksWrong) -> bool:
    """Whether a figure is out of what is usual, and this is not the usual by now."""
    if level.known < setting.least_runs:
        return False
    tolerated = max(setting.least_change * level.usual, setting.deviations * level.deviation)
    settled = abs(level.value - level.lately) <= setting.least_change * level.lately
    lost = level.value < _NEXT_TO_NOTHING * level.most
    return abs(level.value - level.usual) > tolerated and (lost or not settled)


def _shrunk(levels: Levels, setting: BackupLooksWrong) -> bool:
    size = levels.size
    return size is not None and size.value < size.usual and _off(size, setting) and not _compacted(levels)


def _compacted(levels: Levels) -> bool:
    size, added, files = levels.size, levels.added, levels.files
    if size is None or added is None or files is None or size.value < _NEXT_TO_NOTHING * size.usual:
        return False
    return files.value >= _SAME_FILES * files.lately and added.value >= _COMPACTED * size.value


def _files_lost(files: Level | None, setting: BackupLooksWrong) -> bool:
    return files is not None and files.usual >= _FEW_FILES and files.value < files.usual and _off(files, setting)


def _points_shrunk(state: JobState, levels: Levels, setting: BackupLooksWrong) -> bool:
    """Fewer than retention ever left, until the runs lately have known no more: then fewer were agreed."""
    points, low = state.restore_points, levels.points_low
    if points is None or levels.points is None or levels.points_lately is None or low is None:
        return False
    return points.count < min(low, setting.shrunk_points * levels.points) <= levels.points_lately


def _too_fast(levels: Levels, setting: BackupLooksWrong) -> bool:
    duration = levels.duration
    if duration is None or duration.known < setting.least_runs or duration.usual < _QUICK:
        return False
    quick = duration.value < min(setting.too_fast * duration.usual, _MUCH_QUICKER * duration.low)
    return quick and not _little_to_do(levels, duration, setting)


def _little_to_do(levels: Levels, duration: Level, setting: BackupLooksWrong) -> bool:
    """It took the time to look, saw as much as ever, and had as little to write as it was quick."""
    size, added = levels.size, levels.added
    if duration.value < _LOOKED or size is None or added is None or _off(size, setting):
        return False
    return added.value <= _QUICKER * added.usual * duration.value / duration.usual


def _grown(levels: Levels, setting: BackupLooksWrong) -> bool:
    """Far more data than ever, and nowhere near as much came in: as of a source that is counted several times.

    What came in is an import or a new share, and as good as its backup. A job that never tells of it says nothing.
    """
    size, added = levels.size, levels.added
    if size is None or added is None or size.value < setting.grown * size.most or not _off(size, setting):
        return False
    return max(added.value, added.most) < _COMPRESSED * (size.value - size.most)


def _much_changed(state: JobState, levels: Levels, setting: BackupLooksWrong) -> bool:
    """Of a tool that tells of files alone; with data they are judged by ransomware_signature."""
    last = state.readings[-1] if state.readings else None
    if last is None or last.finished_at != levels.finished_at or last.rewritten is not None or last.excuse:
        return False
    enough = last.known >= setting.least_runs and last.share - last.usual >= setting.least_change
    return enough and last.share >= last.ceiling


def _facts(job: WatchedJob, snapshot: Snapshot, levels: Levels, reason: str) -> dict[str, str]:
    facts = endpoint_name(job, snapshot) | {"job": job.job, "run_at": levels.finished_at.isoformat()}
    told: Mapping[str, tuple[str, Level | None]] = {
        "zero_bytes": ("bytes", levels.size),
        "shrunk": ("bytes", levels.size),
        "grown": ("bytes", levels.size),
        "files_lost": ("files", levels.files),
        "too_fast": ("seconds", levels.duration),
    }
    unit, level = told.get(reason, ("", None))
    if level is not None:
        facts |= {unit: f"{level.value:.0f}", f"usual_{unit}": f"{level.usual:.0f}"}
    if reason == "restore_points_shrinking" and job.state and job.state.restore_points:
        facts |= {"restore_points": str(job.state.restore_points.count), "most_restore_points": str(levels.points)}
    return facts


BACKUP_LOOKS_WRONG = Rule(NAME, check)
