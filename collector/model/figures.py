"""How a job's history becomes readings. Computed when a run enters: rules look far more often than runs end.

1. Only good runs count, each against those before it.
2. Runs out of the ordinary are left out of what later ones are measured by, so that nobody's encryption becomes usual.
3. A run that is told of late changes the readings of those after it, as far as history reaches; older readings stay.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from collector.model.levels import levels
from collector.model.ordinary import (
    CEILING,
    CREEPS_OVER,
    LEAST_KNOWN,
    LEAST_SHARE,
    OUT_OF_ORDINARY,
    Ordinary,
    never_ordinary,
)
from collector.model.reading import Excuse, Reading
from collector.model.shares import SIZE_REMEMBERED, Share, shares_of
from collector.model.snapshot import JobState, PastRun

# A full is written again after an absence that outlasts a long weekend by far.
_PAUSE = timedelta(days=7)
_PAUSED_INTERVALS = 3.0
_FULL = 0.9
# Of a disk, since what is stored anew is compressed: to the half, and a little further where much of it is alike.
_FULL_COMPRESSED = 0.35
# The same full again, by so many points of its share: each week, or on the first Saturday of each month.
_HABIT_SHARE = 0.3
_HABIT_CLOSE = 0.05
_HABIT_DAYS = (7, 28, 35)
# One restore point is left, or the next was just added.
_RESTARTED_POINTS = 2
# Of those before; ordinary retention takes fewer at once.
_POINTS_LEFT = 0.4
# How long readings are kept beyond the history: a late report can still arrive.
_KEPT = timedelta(days=35)
_MOST_READINGS = 40


class Crept(NamedTuple):
    """What the last runs wrote beyond the usual: together, how many of them without a break, the calmest, the first."""

    sum: float
    beyond: int
    each: float
    first: int


def figures_after(job: JobState, history: tuple[PastRun, ...]) -> Mapping[str, object]:
    """The fields of a job that follow from a history which was another one before."""
    if history == job.history:
        return {}
    return {
        "history": history,
        "readings": _readings_after(job.readings, job.history, history),
        "levels": levels(history),
    }


def _readings_after(
    known: tuple[Reading, ...], before: Sequence[PastRun], history: Sequence[PastRun]
) -> tuple[Reading, ...]:
    changed_at = _first_change(before, history)
    kept = [one for one in known if one.finished_at < changed_at]
    good = [one for one in history if one.good]
    for at, run in enumerate(good):
        strange = {one.finished_at for one in kept}
        if run.finished_at >= changed_at and (found := read(good[: at + 1], strange)):
            kept.append(found)
    oldest = history[-1].finished_at - _KEPT
    return tuple(one for one in kept[-_MOST_READINGS:] if one.finished_at >= oldest)


def _first_change(before: Sequence[PastRun], history: Sequence[PastRun]) -> datetime:
    """From when on a history tells of something else; what fell off its beginning does not count."""
    known = set(before)
    changed = [one.finished_at for one in history if one not in known]
    return min(changed, default=history[-1].finished_at)


def read(good: Sequence[PastRun], strange: Collection[datetime]) -> Reading | None:
    """What the last of these runs says; none if it is like the others, or too little is known."""
    if len(good) <= LEAST_KNOWN or shares_of(good[-1 - SIZE_REMEMBERED :])[-1].most <= LEAST_SHARE:
        return None
    seen, last = Ordinary.before(good, strange), len(good) - 1
    share = seen.parts[last]
    if share is None or len(seen.known) < LEAST_KNOWN:
        return None
    spread, intervals = seen.spread(last), seen.intervals(last)
    ordinary = share <= _gate(seen, last)
    if ordinary and share - spread.typical * intervals <= LEAST_SHARE:
        return None
    crept = _crept(seen, last)
    if ordinary and crept.each <= LEAST_SHARE:
        return None
    before = crept.first if crept.each > LEAST_SHARE else last
    clean = next((one for one in reversed(good[:before]) if one.finished_at not in strange), None)
    return Reading(
        finished_at=good[last].finished_at,
        share=round(share, 4),
        usual=round(spread.typical * intervals, 4),
        ceiling=round(min(spread.beyond(CEILING) * intervals, never_ordinary(spread.typical)), 4),
        crept=round(crept.sum, 4),
        beyond=crept.beyond,
        alone=seen.alone(last),
        known=len(seen.known),
        rewritten=seen.shares[last].rewritten,
        changed=seen.shares[last].changed,
        excuse=_excuse(seen, last),
        points_gone=_points_gone(good),
        clean_at=clean.finished_at if clean else None,
        files_untold=seen.files_untold(last),
        each=round(crept.each, 4),
    )


def _gate(seen: Ordinary, at: int) -> float:
    spread, intervals = seen.spread(at), seen.intervals(at)
    out = max(LEAST_SHARE, spread.beyond(OUT_OF_ORDINARY) * intervals)
    return min(out, never_ordinary(spread.typical))


def _crept(seen: Ordinary, last: int) -> Crept:
    """Of the last runs that tell anything, and have no excuse."""
    told = (at for at in range(last, 0, -1) if seen.parts[at] is not None)
    lately = [at for at in islice(told, CREEPS_OVER) if _excuse(seen, at) is None]
    parts = [seen.parts[at] or 0.0 for at in lately]
    above = [part - seen.spread(at).typical * seen.intervals(at) for at, part in zip(lately, parts, strict=True)]
    strange = [part > _gate(seen, at) for at, part in zip(lately, parts, strict=True)]
    return Crept(
        sum=sum(max(0.0, one) for one in above),
        beyond=[*strange, False].index(False),
        each=max(0.0, min(above)) if len(above) == CREEPS_OVER else 0.0,
        first=min(lately, default=last),
    )


def _excuse(seen: Ordinary, at: int) -> Excuse | None:
    runs, run = seen.runs[: at + 1], seen.runs[at]
    fresh = _fresh(runs)
    if fresh and (fresh is not Excuse.TOOL or _stored_anew(run, seen.shares[at])):
        return fresh
    gap = run.finished_at - runs[-2].finished_at
    if gap > _PAUSE and seen.intervals(at) > _PAUSED_INTERVALS and (seen.parts[at] or 0.0) >= _FULL:
        return Excuse.PAUSE
    return Excuse.HABIT if any(_same_again(seen, earlier, at) for earlier in range(1, at)) else None


def _stored_anew(run: PastRun, share: Share) -> bool:
    """Whether it wrote all there is, as far as it tells: a version that cuts data otherwise does so everywhere."""
    if run.files_changed is not None:
        return run.files_total is None or run.files_changed >= _FULL * run.files_total
    return share.rewritten is None or share.rewritten >= _FULL_COMPRESSED


def _fresh(runs: Sequence[PastRun]) -> Excuse | None:
    """Why the last run has nothing to build upon."""
    *earlier, run = runs
    if _unseen(run.repository, [one.repository for one in earlier]):
        return Excuse.REPOSITORY
    if _restarted(run, earlier):
        return Excuse.RESTARTED
    return Excuse.TOOL if _unseen(run.tool, [one.tool for one in earlier]) else None


def _restarted(run: PastRun, earlier: Sequence[PastRun]) -> bool:
    """Whether this run is the first since the older points went: the next finds a full there."""
    known = [one.restore_points for one in earlier if one.restore_points is not None]
    if run.restore_points is None or not known:
        return False
    return run.restore_points <= _RESTARTED_POINTS < max(known) and run.restore_points <= known[-1]


def _points_gone(runs: Sequence[PastRun]) -> bool:
    """Whether most restore points went between two of the last runs, and not with their repository."""
    return any(_fewer_points(runs[: at + 1]) for at in range(max(1, len(runs) - CREEPS_OVER), len(runs)))


def _fewer_points(runs: Sequence[PastRun]) -> bool:
    points, before = runs[-1].restore_points, runs[-2].restore_points
    return points is not None and before is not None and points < _POINTS_LEFT * before and _fresh(runs) is None


def _unseen(value: object, earlier: Sequence[object]) -> bool:
    known = [one for one in earlier if one is not None]
    return value is not None and bool(known) and value not in known


def _same_again(seen: Ordinary, earlier: int, at: int) -> bool:
    """Whether an earlier run was such a full, a week or a month ago, and not for a passing reason."""
    if not _a_period_apart(seen.runs[earlier].finished_at, seen.runs[at].finished_at):
        return False
    part, full = seen.parts[at] or 0.0, seen.parts[earlier]
    return (
        part >= _HABIT_SHARE
        and full is not None
        and abs(part - full) <= _HABIT_CLOSE
        and _fresh(seen.runs[: earlier + 1]) is None
    )


def _a_period_apart(first: datetime, again: datetime) -> bool:
    """A week, the same weekday of the month, or the same day of it."""
    apart = again - first
    days = round(apart / timedelta(days=1))
    return days in _HABIT_DAYS or (first.day == again.day and days in range(28, 32))
