"""A practice's year put together: its machines' presence, its jobs' runs, and all that they tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from operator import attrgetter

from collector.model.policy import Policy
from collector.model.report import Report
from collector.simulation.year.chance import Chance
from collector.simulation.year.configured import policy_of
from collector.simulation.year.fate import draw_fate
from collector.simulation.year.fleet_fate import Outage
from collector.simulation.year.media import Media, rotate
from collector.simulation.year.opening import Opening, Span, local_instant
from collector.simulation.year.patching import Release, releases
from collector.simulation.year.plan import JobPlan, MachinePlan, PracticePlan
from collector.simulation.year.presence import Presence, presence_of
from collector.simulation.year.runs import JobLife, Ran
from collector.simulation.year.telling import SCANNED, Teller, Told
from collector.simulation.year.truth import Episode, Fault

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class JobYear:
    job: JobPlan
    runs: tuple[Ran, ...]
    media: Media
    tested: tuple[Told, ...]


@dataclass(frozen=True)
class MachineYear:
    machine: MachinePlan
    presence: Presence
    releases: tuple[Release, ...]
    scans: tuple[Told, ...]
    jobs: tuple[JobYear, ...]


@dataclass(frozen=True)
class Life:
    plan: PracticePlan
    policy: Policy
    opening: Opening
    outages: tuple[Outage, ...]
    episodes: tuple[Episode, ...]
    machines: tuple[MachineYear, ...]
    reports: tuple[Report, ...]


def live(
    seed: int,
    plan: PracticePlan,
    outages: tuple[Outage, ...],
    common: tuple[Episode, ...],
    noise: float = 1.0,
    density: float = 1.0,
) -> Life:
    """The same for the same seed, whoever lives beside it."""
    first, last = plan.begin.date() - 2 * _DAY, plan.end.date() + 45 * _DAY
    opening = Opening(plan.calendar, plan.local, first, last)
    return lived(seed, plan, opening, outages, draw_fate(seed, plan, noise, density, common), noise)


def lived(
    seed: int,
    plan: PracticePlan,
    opening: Opening,
    outages: tuple[Outage, ...],
    episodes: tuple[Episode, ...],
    noise: float,
) -> Life:
    """The same with what befalls it given."""
    machines, reports = [], []
    for machine in plan.machines:
        chance = Chance(f"{seed}/{plan.number}/{machine.name}", noise)
        dark = _taken_away(chance, plan, machine, episodes)
        presence = presence_of(chance, plan, machine, opening, episodes, outages, dark)
        year, told = _machine(chance, plan, machine, opening, presence, episodes, dark)
        machines.append(year)
        reports += told
    reports.sort(key=attrgetter("received_at"))
    return Life(plan, policy_of(plan), opening, outages, episodes, tuple(machines), tuple(reports))


def _machine(
    chance: Chance,
    plan: PracticePlan,
    machine: MachinePlan,
    opening: Opening,
    presence: Presence,
    episodes: Sequence[Episode],
    dark: Sequence[Span],
) -> tuple[MachineYear, list[Report]]:
    teller = Teller(chance, plan, machine, presence, episodes)
    patched = releases(chance, plan, presence) if machine.role in SCANNED else []
    scans = list(teller.scans(patched))
    told = [*scans, *teller.protections(), *teller.alerts()]
    jobs = []
    for job in plan.jobs_of(machine):
        runs = tuple(JobLife(chance, plan, job, opening, presence, episodes, dark).runs())
        media = rotate(plan, job, runs, episodes)
        tested = tuple(teller.tests(job, _tested(chance, plan, job, episodes)))
        jobs.append(JobYear(job, runs, media, tested))
        told += [*teller.runs(runs, media), *tested]
    year = MachineYear(machine, presence, tuple(patched), tuple(scans), tuple(jobs))
    return year, list(teller.reports(told))


def _tested(chance: Chance, plan: PracticePlan, job: JobPlan, episodes: Sequence[Episode]) -> list[datetime]:
    """Restore tests of a job, the first before the story begins unless the job is younger."""
    if job.tests_every is None:
        return []
    stops = [one for one in episodes if one.kind is Fault.RESTORE_TEST and one.subject == job.subject]
    before = job.since == job.silent_until
    at = job.since - job.tests_every * chance.between(0, 0.8) if before else job.silent_until + 7 * _DAY
    tested = []
    while at < plan.end:
        if not any(one.holds(at) for one in stops):
            tested.append(at.replace(microsecond=0))
        at += job.tests_every * max(0.5, min(1.12, chance.normal(1, 0.05)))
    return tested


def _taken_away(chance: Chance, plan: PracticePlan, machine: MachinePlan, episodes: Sequence[Episode]) -> list[Span]:
    """After an attack the machine is off for days, from when somebody comes in and has seen it.

    The first backup after a night's encryption has run by then.
    """
    spans = []
    for one in episodes:
        if one.subject != machine.subject or one.kind not in (Fault.ONE_NIGHT, Fault.CREEPING):
            continue
        noticed = (
            one.ends if one.kind is Fault.CREEPING else max(_morning(plan, one.begins), _carried(plan, machine, one))
        )
        spans.append((noticed, noticed + chance.between(1, 4) * _DAY))
    return [(first.replace(microsecond=0), last.replace(microsecond=0)) for first, last in spans]


def _morning(plan: PracticePlan, at: datetime) -> datetime:
    return local_instant((at + _DAY / 4).astimezone(plan.local).date() + _DAY, time(8, 30), plan.local)


def _carried(plan: PracticePlan, machine: MachinePlan, attack: Episode) -> datetime:
    """When each job of the machine has run once since, at the latest."""
    ends = [attack.begins]
    for job in plan.jobs_of(machine):
        day = attack.begins.astimezone(plan.local).date()
        slots = [local_instant(day + number * _DAY, job.at, plan.local) for number in range(4)] if job.at else []
        if job.weekdays_only:
            slots = [slot for slot in slots if slot.astimezone(plan.local).weekday() < 5]
        ends += [slot + 8 * job.duration + _DAY / 48 for slot in slots if slot > attack.begins][:1]
    return max(ends)
