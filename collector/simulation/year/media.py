"""The offline media of a job, changed every Friday by somebody who takes the last one home."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.heartbeat import Copy, Medium
from collector.simulation.year.plan import JobPlan, PracticePlan
from collector.simulation.year.runs import Ran
from collector.simulation.year.truth import Episode, Fault

_WEEK = timedelta(weeks=1)
_FRIDAY = 4
_SETS = ("A", "B", "C")


@dataclass(frozen=True)
class Rotation:
    written_at: datetime
    heard_at: datetime
    media_id: str


@dataclass(frozen=True)
class Media:
    rotations: tuple[Rotation, ...]
    clock: timedelta = timedelta(0)

    def copy_at(self, at: datetime) -> Copy | None:
        """The last medium that was written, as a look at the copies finds it."""
        index = bisect_right(self.rotations, at, key=lambda one: one.written_at) - 1
        if index < 0:
            return None
        last = self.rotations[index]
        verified_at = last.written_at + self.clock
        return Copy(medium=Medium.USB, location="usb", offline=True, media_id=last.media_id, verified_at=verified_at)


def rotate(plan: PracticePlan, job: JobPlan, runs: Sequence[Ran], episodes: Sequence[Episode]) -> Media:
    """Written by the first good run from each Friday on, the week's medium inserted or not."""
    if not job.rotates:
        return Media(())
    stops = [one for one in episodes if one.kind is Fault.ROTATION and one.subject == job.subject]
    rotations: list[Rotation] = []
    turn = 0
    for ran in runs:
        if not ran.good or (rotations and not _new_week(plan, rotations[-1].written_at, ran.ended_at)):
            continue
        stopped = next((one for one in stops if one.holds(ran.ended_at)), None)
        if stopped and stopped.amount < 0.5:
            continue
        turn += stopped is None
        rotations.append(Rotation(ran.ended_at, ran.heard_at, f"usb-{_SETS[turn % 3]}"))
    return Media(tuple(rotations), job.machine.clock)


def _new_week(plan: PracticePlan, last: datetime, now: datetime) -> bool:
    """Whether a Friday lies between."""
    return (_friday(plan, now) - _friday(plan, last)) >= _WEEK


def _friday(plan: PracticePlan, at: datetime) -> timedelta:
    day = at.astimezone(plan.local).date()
    return timedelta(days=day.toordinal() - (day.weekday() - _FRIDAY) % 7)
