"""How large, how many and how long the last good run of a job was, beside those before it."""

from collections.abc import Sequence

from collector.model.baseline import LEAST_ALIKE, deviation, median, quantile
from collector.model.reading import Level, Levels
from collector.model.snapshot import PastRun

# A level that lasts is the new one: by so many runs.
_LATELY = 5
# As of weekends and closures, on which a run has little to do.
_LOW = 0.2


def levels(history: Sequence[PastRun]) -> Levels | None:
    good = [one for one in history if one.good]
    if not good:
        return None
    *before, last = good
    points = [one.restore_points for one in _in_this_place(good) if one.restore_points is not None]
    return Levels(
        finished_at=last.finished_at,
        size=_level(last, before, [one.bytes_total for one in good]),
        added=_level(last, before, [one.bytes_added for one in good]),
        files=_level(last, before, [one.files_total for one in good]),
        duration=_level(last, before, [one.duration_s for one in good]),
        points=max(points, default=None),
        points_lately=max(points[-_LATELY - 1 : -1], default=None),
        points_low=min(points[: -_LATELY - 1] or points[:-1], default=None),
    )


def _level(last: PastRun, before: Sequence[PastRun], figures: Sequence[int | None]) -> Level | None:
    *earlier, value = figures
    known = [float(one) for one in earlier if one is not None]
    if value is None:
        return None
    if not known:
        return Level(value, value, 0.0, value, value, value, 0)
    weekday = last.finished_at.weekday()
    alike = [
        float(one)
        for one, run in zip(earlier, before, strict=True)
        if one is not None and run.finished_at.weekday() == weekday
    ]
    usual = [median(known), *([median(alike)] if len(alike) >= LEAST_ALIKE else [])]
    nearest = min(usual, key=lambda one: abs(one - value))
    return Level(
        value=value,
        usual=nearest,
        deviation=deviation(known),
        lately=median(known[-_LATELY:]),
        low=quantile(known, _LOW),
        most=max(known),
        known=len(known),
    )


def _in_this_place(good: Sequence[PastRun]) -> Sequence[PastRun]:
    """Since the job last went to another repository, where it has none of its older restore points."""
    place = good[-1].repository
    others = [at for at, one in enumerate(good) if None not in (one.repository, place) and one.repository != place]
    return good[others[-1] + 1 :] if others else good
