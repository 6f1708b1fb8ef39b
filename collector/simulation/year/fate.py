"""What befalls a practice in a year: how often, and why so often. Faults come oftener than in life, to be counted."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from collector.model.heartbeat import Role
from collector.model.subject import PRACTICE
from collector.simulation.year.chance import Chance
from collector.simulation.year.opening import local_instant
from collector.simulation.year.plan import JobPlan, Kind, MachinePlan, PracticePlan
from collector.simulation.year.truth import Episode, Fault, Harmless

_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
# Nothing is usual before it has been seen for some time.
WARM_UP = timedelta(days=14)
# Attacks of one practice lie further apart than it takes to recover from one.
_APART = timedelta(days=45)
_EXCLUSIVE = frozenset({Fault.CREEPING, Fault.ONE_NIGHT, Fault.SILENT_FAILURE})


def draw_fate(
    seed: int, plan: PracticePlan, noise: float, density: float, common: tuple[Episode, ...]
) -> tuple[Episode, ...]:
    """What befalls it alone, beside what it has in `common` with others.

    `density` multiplies the planted faults, so that a short story holds each kind.
    """
    chance = Chance(f"{seed}/{plan.number}/fate", noise)
    episodes = [*_of_practice(chance, plan, density)]
    for machine in plan.machines:
        episodes += _of_machine(chance, plan, machine, density)
    for job in plan.jobs:
        episodes += _of_job(chance, plan, job, density)
    return tuple(sorted([*common, *_apart(episodes, common)], key=lambda one: one.begins))


def _instants(chance: Chance, plan: PracticePlan, a_year: float, warm_up: timedelta = WARM_UP) -> Iterator[datetime]:
    """Evenly over the year, as many as come by chance at this rate."""
    begin = plan.begin + warm_up
    at = begin + chance.between(0, 1) * _YEAR / a_year if a_year > 0 else plan.end
    while at < plan.end - _DAY:
        yield at.replace(microsecond=0)
        at += chance.around(1, 0.5) * _YEAR / a_year


def _of_practice(chance: Chance, plan: PracticePlan, density: float) -> Iterator[Episode]:
    # A line of a small practice fails for some hours a few times a year.
    for at in _instants(chance, plan, 6, _DAY):
        yield Episode(Harmless.LATE_UPLINK, PRACTICE, at, at + min(14.0, chance.around(2.5, 0.7)) * _HOUR)
    # A breaker that fell, a flood, a move: everything is dark for hours.
    for at in _instants(chance, plan, 0.7 * density):
        yield Episode(Fault.SILENT_PRACTICE, PRACTICE, at, at + min(60.0, chance.around(8, 0.7)) * _HOUR)


def _of_machine(chance: Chance, plan: PracticePlan, machine: MachinePlan, density: float) -> Iterator[Episode]:
    subject = machine.subject
    if machine.role is not Role.WORKSTATION:
        # Drivers, cleaners, updates out of turn; the monthly ones follow from the patches.
        for at in _instants(chance, plan, 4, _DAY):
            yield Episode(Harmless.REBOOT, subject, at, at + timedelta(seconds=chance.between(60, 240)))
        for at in _instants(chance, plan, 0.8 * density):
            yield Episode(Fault.SILENT_MACHINE, subject, at, at + min(100.0, chance.around(14, 0.8)) * _HOUR)
        if plan.jobs_of(machine):
            yield from _attacks(chance, plan, machine, density)
    if machine.role in (Role.SERVER, Role.WORKSTATION):
        for at in _instants(chance, plan, 0.4 * density):
            yield Episode(Fault.PROTECTION_OFF, subject, at, at + min(240.0, chance.around(30, 0.8)) * _HOUR)
        # What an endpoint protection finds and removes by itself: adware, a test file.
        for at in _instants(chance, plan, 1.5):
            yield Episode(Harmless.LOW_ALERT, subject, at, at + chance.between(0.1, 4) * _HOUR)


def _of_job(chance: Chance, plan: PracticePlan, job: JobPlan, density: float) -> Iterator[Episode]:
    yield from _harmless(chance, plan, job)
    if job.machine.role is Role.WORKSTATION:
        return
    subject, planted = job.subject, density
    for at in _instants(chance, plan, 1.0 * planted):
        yield Episode(Fault.MISSED, subject, at, at + chance.whole(1, 3) * job.every)
    for at in _instants(chance, plan, 1.0 * planted):
        yield Episode(Fault.FAILED, subject, at, at + chance.whole(1, 3) * job.every)
    for at in _instants(chance, plan, 0.5 * planted):
        # 0 to 1 is nothing at all, 1 to 2 almost nothing, 2 to 3 a run that is over in two seconds.
        yield Episode(Fault.SILENT_FAILURE, subject, at, at + chance.whole(1, 4) * job.every, chance.between(0, 3))
    for at in _instants(chance, plan, 0.7 * planted if job.rotates else 0):
        # Below a half nobody changes the medium any more; above, one and the same stays plugged in.
        yield Episode(Fault.ROTATION, subject, at, at + chance.between(15, 60) * _DAY, chance.between(0, 1))
    for at in _instants(chance, plan, 0.3 * planted):
        yield Episode(Fault.RESTORE_TEST, subject, at, at + chance.between(60, 110) * _DAY)


def _attacks(chance: Chance, plan: PracticePlan, machine: MachinePlan, density: float) -> Iterator[Episode]:
    """By night, when nobody looks; all data of the machine is struck."""
    for at in _instants(chance, plan, 0.2 * density):
        # The first thing that breaks decides when it is noticed: days to two weeks.
        begins, nights = _evening(chance, plan, at), chance.whole(5, 14)
        yield Episode(Fault.CREEPING, machine.subject, begins, begins + nights * _DAY, chance.between(0.03, 0.15))
    for at in _instants(chance, plan, 0.25 * density):
        begins = _evening(chance, plan, at)
        yield Episode(Fault.ONE_NIGHT, machine.subject, begins, begins + _DAY, chance.between(0.3, 1))


def _evening(chance: Chance, plan: PracticePlan, at: datetime) -> datetime:
    evening = local_instant(at.astimezone(plan.local).date(), time(19, 30), plan.local)
    return evening + timedelta(minutes=chance.whole(0, 420))


def _harmless(chance: Chance, plan: PracticePlan, job: JobPlan) -> Iterator[Episode]:
    subject = job.subject
    desk = job.machine.role is Role.WORKSTATION
    # A new x-ray device or a bought practice brings its pictures: tens of gigabytes, seldom hundreds.
    for at in _instants(chance, plan, {Kind.IMAGING: 2.5, Kind.FILES: 0.4}.get(job.kind, 0), _DAY):
        yield Episode(Harmless.IMAGING_IMPORT, subject, at, at + job.every, chance.around(45e9, 0.7))
    for at in _instants(chance, plan, 2 if job.habits.database and not desk else 0, _DAY):
        yield Episode(Harmless.COMPACTION, subject, at, at + job.every, chance.between(0.4, 0.9))
    for at in _instants(chance, plan, 0.5, _DAY):  # a full disk, a new NAS, another cloud
        yield Episode(Harmless.NEW_REPOSITORY, subject, at, at + job.every)
    for at in _instants(chance, plan, 2, _DAY):
        # Below 0.6 nobody notices; to 0.85 all is read again; above, all is stored again.
        yield Episode(Harmless.TOOL_UPGRADE, subject, at, at + job.every, chance.between(0, 1))
    for at in _instants(chance, plan, 6 if job.retries else 0, _DAY):
        yield Episode(Harmless.RETRY, subject, at, at + job.every)


def _apart(episodes: list[Episode], common: tuple[Episode, ...]) -> Iterator[Episode]:
    """Leave out attacks and silent failures that lie too near to another: which was found would be a guess."""
    taken = [one for one in common if one.kind in _EXCLUSIVE]
    for one in sorted(episodes, key=lambda one: one.begins):
        if one.kind not in _EXCLUSIVE:
            yield one
        elif all(abs(one.begins - other.begins) > _APART for other in taken):
            taken.append(one)
            yield one
