"""The runs of one job over the year: when each began and ended, what it measured, and when we heard of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from collector.model.heartbeat import Role, RunStatus
from collector.simulation.year.chance import Chance
from collector.simulation.year.figures import Data, Figures
from collector.simulation.year.opening import Opening, Span, local_instant
from collector.simulation.year.plan import JobPlan, Kind, PracticePlan
from collector.simulation.year.presence import Presence
from collector.simulation.year.truth import Episode, Fault, Harmless

_DAY = timedelta(days=1)
_FRIDAY = 4
_WARNING = 0.012  # a file that was open: a few times a year
_DATA = frozenset(
    {
        Harmless.IMAGING_IMPORT, Harmless.COMPACTION, Harmless.NEW_REPOSITORY, Harmless.TOOL_UPGRADE,
        Fault.CREEPING, Fault.ONE_NIGHT, Fault.SILENT_FAILURE,
    }
)  # fmt: skip
_ATTACKS = frozenset({Fault.CREEPING, Fault.ONE_NIGHT})


@dataclass(frozen=True)
class Points:
    count: int
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True)
class Ran:
    """One run by our clock; `sent_at` is the heartbeat that tells of it, `heard_at` when that arrives.

    `befell` is what shows in its figures.
    """

    job: JobPlan
    number: int
    status: RunStatus
    began_at: datetime
    ended_at: datetime
    sent_at: datetime
    heard_at: datetime
    start_heard_at: tuple[datetime, datetime] | None  # sent, heard
    figures: Figures
    tool: str
    repository: int
    points: Points
    befell: tuple[Episode, ...]

    @property
    def good(self) -> bool:
        return self.status in (RunStatus.SUCCESS, RunStatus.WARNING)


class JobLife:
    """One job, run after run."""

    def __init__(
        self, chance: Chance, plan: PracticePlan, job: JobPlan, opening: Opening, presence: Presence,
        episodes: Sequence[Episode], dark: Sequence[Span],
    ) -> None:  # fmt: skip
        self._chance = chance
        self._plan = plan
        self._job = job
        self._opening = opening
        self._presence = presence
        self._about = [one for one in episodes if one.subject in (job.subject, job.machine.subject)]
        # What creeps through documents leaves alone the files that a running database holds.
        untouched = _ATTACKS if job.kind is Kind.DUMP else frozenset()
        self._pending = [one for one in self._about if one.kind in _DATA - untouched]
        self._dark = dark
        self._data = Data(chance, job)
        self._points = job.keeps
        self._repository = 0
        self._minor = job.version[1]
        self._worked_until = plan.begin
        self._ran = 0

    def runs(self) -> Iterator[Ran]:
        for slot in _slots(self._plan, self._job, self._presence):
            runs = slot >= self._job.silent_until and self._presence.up_at(slot) is not None
            if runs and not self._holds(Fault.MISSED, slot):
                yield from self._at(slot)

    def _holds(self, kind: Fault | Harmless, at: datetime) -> bool:
        return any(one.kind is kind and one.holds(at) for one in self._about)

    def _at(self, slot: datetime) -> Iterator[Ran]:
        # Schedulers start within the minute; some spread their load on purpose.
        began = slot + timedelta(seconds=round(min(240.0, self._chance.around(8, 0.8))))
        if self._holds(Fault.FAILED, slot) or self._cannot_dump(began):
            yield from self._ended(began, RunStatus.FAILED, Figures(seconds=self._chance.between(3, 200)), ())
            return
        if self._holds(Harmless.RETRY, slot):
            yield from self._ended(began, RunStatus.FAILED, Figures(seconds=self._chance.between(30, 300)), ())
            began += timedelta(minutes=self._chance.whole(15, 30))
        yield from self._good(began)

    def _cannot_dump(self, at: datetime) -> bool:
        """A database whose files are encrypted does not start."""
        struck = (one for one in self._about if one.kind is Fault.ONE_NIGHT and one.begins <= at)
        return self._job.kind is Kind.DUMP and any(not self._restored(one, at) for one in struck)

    def _good(self, began: datetime) -> Iterator[Ran]:
        befell = self._befell(began)
        figures = self._data.run(_work(self._plan, self._job, self._opening, self._worked_until, began), befell)
        self._worked_until = began
        status = RunStatus.WARNING if self._chance.mishap(_WARNING) else RunStatus.SUCCESS
        if figures.anew:
            self._points, self._repository = 0, self._repository + 1
        if any(one.kind is Harmless.TOOL_UPGRADE for one in befell):
            self._minor += 1
        yield from self._ended(began, status, figures, tuple(befell))

    def _befell(self, began: datetime) -> list[Episode]:
        """What happened since the last run, once; a creep goes on from night to night."""
        now = [one for one in self._pending if one.begins <= began]
        lasting = [one for one in now if one.kind in (Fault.CREEPING, Fault.SILENT_FAILURE) and began < one.ends]
        self._pending = [one for one in self._pending if one.begins > began or one in lasting]
        once = [one for one in now if one.kind not in (Fault.SILENT_FAILURE, Fault.CREEPING)]
        return [one for one in (*lasting, *once) if not self._restored(one, began)]

    def _restored(self, attack: Episode, now: datetime) -> bool:
        """Whether the machine was taken away since, and came back with its data as before."""
        struck = attack.kind in _ATTACKS
        return struck and any(attack.begins < first <= now for first, _ in self._dark)

    def _ended(
        self, began: datetime, status: RunStatus, figures: Figures, befell: tuple[Episode, ...]
    ) -> Iterator[Ran]:
        seconds = figures.seconds
        if seconds is None:
            seconds = self._job.duration.total_seconds() * self._chance.around(1, 0.2) * figures.slower
        began, ended = began.replace(microsecond=0), began + timedelta(seconds=max(1, round(seconds)))
        span = self._presence.up_at(began)
        if span is None or ended >= span[1]:
            return  # the machine went down under it
        sent = self._presence.next_beat(ended)
        heard = self._presence.heard_at(sent) if sent else None
        if sent is None or heard is None or heard >= self._plan.end:
            return
        self._ran += 1
        yield Ran(
            self._job, self._ran, status, began, ended, sent, heard, self._start(began, sent), figures,
            f"{self._job.tool.value} {self._job.version[0]}.{self._minor}", self._repository,
            self._keep(status, began, ended), befell,
        )  # fmt: skip

    def _start(self, began: datetime, ended_sent: datetime) -> tuple[datetime, datetime] | None:
        sent = self._presence.next_beat(began) if self._job.tells_start else None
        heard = self._presence.heard_at(sent) if sent else None
        return (sent, heard) if sent and heard and sent < ended_sent else None

    def _keep(self, status: RunStatus, began: datetime, ended: datetime) -> Points:
        """Retention removes what is over: with every run, or on Fridays."""
        self._points += status is not RunStatus.FAILED
        if not self._job.prunes_weekly or began.astimezone(self._plan.local).weekday() == _FRIDAY:
            self._points = min(self._points, self._job.keeps)
        return Points(self._points, ended - self._job.every * max(self._points - 1, 0), ended)


def _work(plan: PracticePlan, job: JobPlan, opening: Opening, since: datetime, now: datetime) -> float:
    """Days of work between two runs: a Monday is a quarter busier, a day of rest does little."""
    first, last = since.astimezone(plan.local).date(), now.astimezone(plan.local).date()
    if first == last:
        return _day_of_work(job, opening, last) * ((now - since) / _DAY)
    days = min((last - first).days, 30)
    return sum(_day_of_work(job, opening, last - _DAY * back) for back in range(days))


def _day_of_work(job: JobPlan, opening: Opening, day: date) -> float:
    if day not in opening.open_days:
        return job.habits.weekend
    return 1.25 if day.weekday() == 0 else 1.0


def _slots(plan: PracticePlan, job: JobPlan, presence: Presence) -> Iterator[datetime]:
    """When the practice's own scheduler starts the job; a desk's waits until the machine is on."""
    if job.at is None:
        yield from _by_interval(plan, job)
        return
    day = plan.begin.astimezone(plan.local).date()
    last = plan.end.astimezone(plan.local).date()
    while day <= last:
        slot = local_instant(day, job.at, plan.local)
        if job.machine.role is Role.WORKSTATION:
            slot = _when_on(presence, slot) or plan.end
            if slot.astimezone(plan.local).date() != day:
                slot = plan.end
        if plan.begin <= slot < plan.end and not (job.weekdays_only and day.weekday() > 4):
            yield slot
        day += _DAY


def _by_interval(plan: PracticePlan, job: JobPlan) -> Iterator[datetime]:
    at = plan.begin + job.every / 2
    while at < plan.end:
        yield at
        at += job.every


def _when_on(presence: Presence, slot: datetime) -> datetime | None:
    """At once if the machine is on, else ten minutes after it is."""
    if presence.up_at(slot):
        return slot
    beat = presence.next_beat(slot)
    return beat + timedelta(minutes=10) if beat else None
