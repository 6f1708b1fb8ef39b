"""The results of a job: retries within one window of its schedule count as one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from collector.model.heartbeat import RunStatus
from collector.model.history import MOST_PAST_RUNS
from collector.model.policy import Every, JobPolicy
from collector.model.rule_settings import BackupFailed, BackupWarning, Retries
from collector.model.snapshot import GOOD, Gap, PastRun, extended
from collector.rules.deadline import slot_after
from collector.rules.jobs import WatchedJob

_Window = Sequence[PastRun]  # never empty, the newest first

_BEST_FIRST = (RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED)


@dataclass(frozen=True)
class Streak:
    """The latest of enough bad results in a row, and since when it counts; `next_due` is when that may change."""

    latest: PastRun | None = None
    since: datetime | None = None
    next_due: datetime | None = None


def failures(job: WatchedJob, setting: BackupFailed, gaps: tuple[Gap, ...], now: datetime) -> Streak:
    """Healed by any run that wrote its copy."""
    return _streak(job, _Search(RunStatus.FAILED, GOOD, setting), gaps, now)


def warnings(job: WatchedJob, setting: BackupWarning, gaps: tuple[Gap, ...], now: datetime) -> Streak:
    """Healed by a success; a failure between them heals nothing, and is no warning."""
    return _streak(job, _Search(RunStatus.WARNING, (RunStatus.SUCCESS,), setting), gaps, now)


@dataclass(frozen=True)
class _Search:
    bad: RunStatus
    healed_by: tuple[RunStatus, ...]
    setting: BackupFailed | BackupWarning

    def latest(self, windows: Iterable[_Window]) -> PastRun | None:
        """The latest bad result, where there are enough of them before one that heals.

        Of a job that has been bad for as long as is remembered, nobody knows how many results it were.
        """
        latest, count, runs = None, 0, 0
        for window in windows:
            result, runs = _result(window, self.setting.retries), runs + len(window)
            if result.status in self.healed_by:
                return None
            if result.status is self.bad:
                latest, count = latest or result, count + 1
            if count == self.setting.in_a_row:
                return latest
        return latest if runs == MOST_PAST_RUNS else None


def _streak(job: WatchedJob, search: _Search, gaps: tuple[Gap, ...], now: datetime) -> Streak:
    """Where the last run heals, as nearly always, no window is looked at: their bounds are dear."""
    history, retries = job.state.history if job.state else (), search.setting.retries
    if not history or (history[-1].status in search.healed_by and retries is not Retries.WORST):
        return Streak()
    found = search.latest(_windows(history, job.policy))
    if found is None or retries is not Retries.BEST:
        return Streak(found, found.finished_at if found else None)
    decided_at = _decided_at(next(_windows(history, job.policy)), job.policy, gaps)
    before = search.latest(islice(_windows(history, job.policy), 1, None))
    if found == before:
        return Streak(before, before.finished_at)
    if decided_at <= now:
        return Streak(found, decided_at)
    return Streak(before, before.finished_at if before else None, decided_at)


def _windows(history: Sequence[PastRun], policy: JobPolicy | None) -> Iterator[_Window]:
    """The newest first."""
    window: list[PastRun] = []
    for run in reversed(history):
        if window and not _together(window[0], run, policy):
            yield window
            window = []
        window.append(run)
    yield window


def _together(newer: PastRun, older: PastRun, policy: JobPolicy | None) -> bool:
    """Whether both count for the same slot. An interval has none: there a retry is nearer than half of it."""
    if policy is None:
        return False
    if isinstance(policy.schedule, Every):
        return newer.finished_at - older.finished_at < policy.schedule.period / 2
    newer_slot, older_slot = (slot_after(policy.schedule, _began(run), run.finished_at) for run in (newer, older))
    return newer_slot == older_slot


def _began(run: PastRun) -> datetime:
    return run.finished_at - timedelta(seconds=run.duration_s or 0)


def _result(window: _Window, retries: Retries) -> PastRun:
    if retries is Retries.LAST:
        return window[0]
    best_first = sorted(window, key=lambda run: _BEST_FIRST.index(run.status))
    return best_first[0 if retries is Retries.BEST else -1]


def _decided_at(window: _Window, policy: JobPolicy | None, gaps: tuple[Gap, ...]) -> datetime:
    """Where the best of a window counts, there is time for a better one until the grace after the first is over."""
    first = window[-1].finished_at
    return extended(first, first + policy.grace, gaps) if policy else first
