"""The jobs of a machine, drawn. Beside each spread stands why it is so; none was measured against a rule."""

from dataclasses import replace
from datetime import datetime, time, timedelta

from collector.model.heartbeat import Role
from collector.model.policy import Cron, Every, Schedule
from collector.simulation.year.chance import Chance
from collector.simulation.year.plan import Habits, JobPlan, Kind, MachinePlan, Tool

_GB = 1e9
_DAY = timedelta(days=1)
_VERSIONS = {Tool.RESTIC: (0, 16), Tool.BORG: (1, 2), Tool.VEEAM: (6, 1), Tool.HYPER: (4, 1), Tool.DUMP: (15, 4)}


def draw_jobs(chance: Chance, machine: MachinePlan, zone: str, begin: datetime) -> list[JobPlan]:
    """A server has its data, often an image of itself and its database apart; others have one job."""
    if machine.role is Role.SERVER:
        kinds = [Kind.FILES]
        kinds += [Kind.IMAGE] if chance.happens(0.4) else []
        kinds += [Kind.DUMP] if chance.happens(0.5) else []
    elif machine.role is Role.WORKSTATION:
        kinds = [Kind.FILES] if chance.happens(0.5) else []
    else:
        kinds = [Kind.IMAGING]
    return [_job(chance, machine, kind, zone, begin) for kind in kinds]


def forgotten_job(chance: Chance, machine: MachinePlan, zone: str, begin: datetime, end: datetime) -> JobPlan:
    """A job that is scheduled here one day, and set up at the practice days later."""
    since = (begin + (end - begin) * chance.between(0.05, 0.8)).replace(microsecond=0)
    silent = timedelta(days=chance.between(2, 12))
    job = _job(chance, machine, Kind.DUMP, zone, since)
    return replace(job, name="accounting", silent_until=(since + silent).replace(microsecond=0))


def _job(chance: Chance, machine: MachinePlan, kind: Kind, zone: str, since: datetime) -> JobPlan:
    desk = machine.role is Role.WORKSTATION
    by_interval = kind is Kind.DUMP and chance.happens(0.4)
    every = timedelta(hours=chance.pick((4, 6))) if by_interval else _DAY
    at = None if by_interval else _time(chance, desk)
    weekdays_only = not desk and not by_interval and chance.happens(0.15)
    duration = _duration(chance, kind)
    tool = _tool(chance, machine.role, kind)
    return JobPlan(
        machine=machine,
        name={Kind.FILES: "documents" if desk else "data", Kind.IMAGE: "system"}.get(kind, kind.value),
        kind=kind,
        tool=tool,
        version=_VERSIONS[tool],
        at=at,
        every=every,
        weekdays_only=weekdays_only,
        schedule=_schedule(at, every, zone, desk=desk, weekdays_only=weekdays_only),
        grace=_grace(duration, desk=desk, by_interval=by_interval),
        rpo=_rpo(chance, every, desk=desk, weekdays_only=weekdays_only),
        open_rpo=desk,
        duration=duration,
        habits=_habits(chance, kind, tool),
        retries=not desk and not by_interval and chance.happens(0.4),
        tells_start=chance.happens(0.3),  # Veeam, and scripts that ping at their start
        keeps=chance.pick((7, 14, 30, 60)) * round(_DAY / every),
        prunes_weekly=chance.happens(0.5),
        rotates=kind is Kind.FILES and not desk and chance.happens(0.3),
        immutable=_DAY * chance.pick((14, 30)) if chance.happens(0.3) else None,
        # Quarterly is the advice; who does it keeps ahead of it.
        tests_every=None if desk else _DAY * chance.between(50, 80),
        since=since,
        silent_until=since,
    )


def _time(chance: Chance, desk: bool) -> time:
    """At noon where a machine is off by night; else by night, some in the hour that the clock skips or repeats."""
    if desk:
        return time(chance.whole(12, 13), chance.whole(0, 59))
    return time(
        chance.weighted((20, 21, 22, 23, 0, 1, 2, 3), (1, 2, 4, 3, 2, 2, 3, 1)), chance.pick((0, 0, 15, 30, 45))
    )


def _schedule(at: time | None, every: timedelta, zone: str, *, desk: bool, weekdays_only: bool) -> Schedule:
    if desk or at is None:
        return Every(period=every)
    return Cron(expression=f"{at.minute} {at.hour} * * {'1-5' if weekdays_only else '*'}", zone=zone)


def _grace(duration: timedelta, *, desk: bool, by_interval: bool) -> timedelta:
    """What a provider sets: several times a usual run; a desk's holidays are watched by its RPO instead."""
    if desk:
        return 40 * _DAY
    if by_interval:
        return timedelta(hours=1)
    return timedelta(hours=max(2, round(4 * duration / timedelta(hours=1))))


def _rpo(chance: Chance, every: timedelta, *, desk: bool, weekdays_only: bool) -> timedelta:
    """A day and some hours; over the weekend where nothing runs then; open hours of a week for a desk."""
    if desk:
        return timedelta(hours=55)
    if weekdays_only:
        return timedelta(hours=chance.pick((80, 96)))
    return timedelta(hours=chance.pick((30, 36, 50))) if every == _DAY else 4 * every


def _duration(chance: Chance, kind: Kind) -> timedelta:
    """Minutes for increments; an image reads its disk, an archive walks millions of files."""
    minutes = {Kind.FILES: 18, Kind.IMAGE: 35, Kind.DUMP: 6, Kind.IMAGING: 45}[kind]
    return timedelta(minutes=max(1.5, min(90.0, chance.around(minutes, 0.5))))


def _tool(chance: Chance, role: Role, kind: Kind) -> Tool:
    if kind is Kind.IMAGE:
        return Tool.VEEAM
    if role is Role.NAS:
        return Tool.HYPER
    if kind is Kind.DUMP:
        return chance.pick((Tool.DUMP, Tool.RESTIC))
    return chance.weighted((Tool.RESTIC, Tool.BORG, Tool.VEEAM), (4, 3, 3))


def _habits(chance: Chance, kind: Kind, tool: Tool) -> Habits:
    """How the data behaves.

    - Documents: some hundred thousand files of a megabyte or two; a few in a thousand change in a day's work.
    - A disk image: page file, logs and databases rewrite some percent of the blocks every day, worked or not.
    - A dump: a few files, all new every night; into a deduplicating repository only what differs enters.
    - An archive of x-rays: large files that never change, some dozens or hundreds new on each open day.
    """
    if kind is Kind.FILES:
        total, size, changed, spread, weekend = (
            chance.around(120 * _GB, 0.8),
            1.5e6,
            chance.around(0.004, 0.6),
            0.5,
            0.15,
        )
        new, database = 0.3, chance.between(0.1, 0.45) if chance.happens(0.6) else 0.0
    elif kind is Kind.IMAGE:
        total, size, changed, spread, weekend = (
            chance.around(180 * _GB, 0.5),
            5e5,
            chance.around(0.035, 0.35),
            0.35,
            0.6,
        )
        new, database = 0.01, chance.between(0.05, 0.3)
    elif kind is Kind.DUMP:
        dedupes = tool is not Tool.DUMP
        total, size, spread, weekend = (
            chance.around(8 * _GB, 0.7),
            3e9,
            0.3 if dedupes else 0.02,
            0.5 if dedupes else 1.0,
        )
        changed, new, database = chance.around(0.05, 0.4) if dedupes else 1.0, 0.002, 0.0
    else:
        total, size, changed, spread, weekend = (
            chance.around(1_200 * _GB, 0.6),
            1.5e7,
            chance.around(0.0012, 0.5),
            0.5,
            0.05,
        )
        new, database = 1.0, 0.0
    return Habits(
        bytes_total=total,
        files_total=max(2.0, total / chance.around(size, 0.4)),
        changed=changed,
        spread=spread,
        weekend=weekend,
        compress=chance.between(0.85, 0.98) if kind is Kind.IMAGING else chance.between(0.45, 0.8),
        new_part=new,
        database=database,
        counts_files=kind is not Kind.IMAGE,
        tells_added=chance.happens(0.95),  # a script that reads the total alone
    )
