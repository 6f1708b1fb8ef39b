"""Jobs of several shapes, night after night for a year: what ordinary life does to them, and what attacks do."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from collector.model.figures import figures_after
from collector.model.heartbeat import RunStatus
from collector.model.history import MOST_PAST_RUNS
from collector.model.snapshot import JobState, PastRun
from tests.factories import ENDPOINT

GIB = 2**30
BEGIN = datetime(2026, 1, 5, 21, 30, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shape:
    """A kind of job: its size, what an ordinary night writes of it, and which figures its tool tells."""

    size: int
    files: int | None
    changed: float
    written: float
    growth: float
    tool: str = "restic 0.16.4"
    tells_changed: bool = True
    tells_data: bool = True
    every: timedelta = DAY
    weekends: bool = True
    full_on: int | None = None
    seconds: int = 900


SHAPES: Mapping[str, Shape] = {
    "server": Shape(80 * GIB, 120_000, 0.003, 0.004, 0.0004),
    "documents": Shape(6 * GIB, 5_000, 0.012, 0.01, 0.0005, weekends=False, seconds=120),
    "imaging": Shape(400 * GIB, 40_000, 0.001, 0.001, 0.0015, seconds=1_800),
    "borg": Shape(50 * GIB, 60_000, 0.003, 0.008, 0.0004, tool="borg 1.2.4", tells_changed=False),
    "rsync": Shape(50 * GIB, 60_000, 0.004, 0.008, 0.0004, tool="rsync", tells_data=False),
    "disk image": Shape(120 * GIB, None, 0.0, 0.03, 0.0003, tool="Veeam Agent 6.1", tells_changed=False),
    "dump": Shape(4 * GIB, 3, 1.0, 1.0, 0.0005, tool="pg_dump", seconds=60),
    "every six hours": Shape(80 * GIB, 120_000, 0.001, 0.0015, 0.0001, every=timedelta(hours=6)),
}


@dataclass(frozen=True)
class Night:
    """What is so in one run; an event changes it. Parts are of all data and all files."""

    at: datetime
    size: float
    files: float
    written: float
    changed: float
    new_data: float
    new_files: float
    points: int
    tool: str
    place: int
    seconds: float


Event = Callable[[Night, Random], Night]


def imaging_import(night: Night, random: Random) -> Night:
    """Years of another practice's images."""
    data, files = random.uniform(0.1, 0.9), random.uniform(0.05, 0.6)
    return replace(night, new_data=night.new_data + data, new_files=night.new_files + files)


def compaction(night: Night, random: Random) -> Night:
    """The database is written anew and smaller."""
    return replace(night, written=random.uniform(0.1, 0.35), new_data=-random.uniform(0.0, 0.1))


def new_repository(night: Night, random: Random) -> Night:
    return replace(night, written=random.uniform(0.5, 1.0), changed=1.0, points=1, place=night.place + 1)


def repository_begun_again(night: Night, random: Random) -> Night:
    return replace(night, written=random.uniform(0.5, 1.0), changed=1.0, points=1)


def tool_upgrade(night: Night, random: Random) -> Night:
    return replace(night, written=random.uniform(0.5, 1.0), changed=random.choice((0.003, 1.0)), tool=night.tool + ".1")


def pruning(night: Night, random: Random) -> Night:
    return replace(night, points=round(night.points * random.uniform(0.6, 0.9)))


def files_moved(night: Night, _: Random) -> Night:
    """A folder got another name: every file is new, and no data."""
    return replace(night, changed=0.6)


HARD_NEGATIVES: tuple[Event, ...] = (
    imaging_import, compaction, new_repository, repository_begun_again, tool_upgrade, pruning, files_moved,
)  # fmt: skip


def encryption(part: float) -> Event:
    def encrypt(night: Night, random: Random) -> Night:
        written, changed = part * random.uniform(0.9, 1.05), part * random.uniform(0.9, 1.05)
        return replace(night, written=night.written + written, changed=night.changed + changed)

    return encrypt


def runs(
    shape: Shape, random: Random, *, days: int = 365, noise: float = 1.0, events: Mapping[float, Event] | None = None
) -> Iterator[PastRun]:
    """An event comes with the first run at or after its day; two closures of a fortnight, one with the machine off."""
    due = dict(events or {})
    size, files, points, place, tool = float(shape.size), float(shape.files or 0), 1, 1, shape.tool
    number = 0
    while number * shape.every < timedelta(days=days):
        at = BEGIN + number * shape.every + timedelta(minutes=random.uniform(0, 40))
        day, number = number * shape.every / DAY, number + 1
        if (at.weekday() >= 5 and not shape.weekends) or 215 <= day < 229:
            continue
        busy = _busy(at, day) * random.lognormvariate(0, 0.25 * noise)
        night = Night(
            at=at, size=size, files=files, points=min(points + 1, 60), tool=tool, place=place,
            written=_part(shape.written * busy * random.lognormvariate(0, 0.2 * noise)),
            changed=_part(shape.changed * busy * random.lognormvariate(0, 0.2 * noise)),
            new_data=shape.growth * busy, new_files=shape.growth * busy, seconds=shape.seconds * (0.4 + 0.6 * busy),
        )  # fmt: skip
        if shape.full_on == at.weekday() or number == 1:
            night = replace(night, written=1.0, changed=1.0)
        for event_day in [one for one in due if one <= day]:
            night = due.pop(event_day)(night, random)
        points, place, tool = night.points, night.place, night.tool
        yield _told(shape, night)
        size, files = size * (1 + night.new_data), files * (1 + night.new_files)


def _busy(at: datetime, day: float) -> float:
    """Weekends and a closure over New Year are calm, Mondays are not."""
    if at.weekday() >= 5 or day >= 350:
        return 0.1
    return 1.8 if at.weekday() == 0 else 1.0


def _part(part: float) -> float:
    return min(1.0, part)


def _told(shape: Shape, night: Night) -> PastRun:
    size, files = night.size * (1 + night.new_data), night.files * (1 + night.new_files)
    changed = min(files, night.files * (night.changed + max(0.0, night.new_files)))
    added = min(size, night.size * (night.written + max(0.0, night.new_data)))
    return PastRun(
        finished_at=night.at,
        status=RunStatus.SUCCESS,
        duration_s=round(night.seconds),
        bytes_total=round(size) if shape.tells_data else None,
        bytes_added=round(added) if shape.tells_data else None,
        files_total=round(files) if shape.files else None,
        files_changed=round(changed) if shape.tells_changed and shape.files else None,
        restore_points=night.points,
        tool=night.tool,
        repository=night.place,
    )


def followed(past: Iterator[PastRun]) -> Iterator[JobState]:
    """The job after each of its runs, as fold keeps it."""
    state = JobState(endpoint_id=ENDPOINT, job="daily", tool=None, as_of=BEGIN, first_seen_at=BEGIN)
    for run in past:
        history = (*state.history, run)[-MOST_PAST_RUNS:]
        state = state.model_copy(update=dict(figures_after(state, history)))
        yield state
