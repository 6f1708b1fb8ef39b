"""What befalls many practices at once: our own outages, attacks on a region, a tool that fails everywhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from collector.model.heartbeat import Role
from collector.simulation.year.chance import Chance
from collector.simulation.year.fate import WARM_UP
from collector.simulation.year.opening import local_instant
from collector.simulation.year.plan import Kind, MachinePlan, PracticePlan, Tool
from collector.simulation.year.truth import Episode, Fault

_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)
_OUTAGES = 50  # a year: far more than a provider would bear, to see each kind of night
_ATTACKS = 4
_TOOL_FAILURES = 3
# From the first practice that is struck to the last.
_WAVE = timedelta(hours=3)


@dataclass(frozen=True)
class Outage:
    """None of our collectors could commit; `blind` when nobody judged either."""

    begins: datetime
    ends: datetime
    blind: bool


@dataclass(frozen=True)
class Common:
    """Something that strikes several practices; `members` are their numbers."""

    fault: Fault
    at: datetime
    episodes: dict[int, tuple[Episode, ...]]


@dataclass(frozen=True)
class FleetFate:
    outages: tuple[Outage, ...]
    common: tuple[Common, ...]

    def of(self, number: int) -> tuple[Episode, ...]:
        return tuple(one for common in self.common for one in common.episodes.get(number, ()))


def draw_fleet_fate(
    seed: int, plans: Sequence[PracticePlan], begin: datetime, end: datetime, noise: float, density: float
) -> FleetFate:
    chance = Chance(f"{seed}/fleet", noise)
    attacks = [_attack(chance, plans, at) for at in _nights(chance, begin, end, _ATTACKS * density)]
    failures = [_tool_failure(chance, plans, at) for at in _nights(chance, begin, end, _TOOL_FAILURES * density)]
    common = [one for one in (*attacks, *failures) if one is not None]
    return FleetFate(tuple(_outages(chance, begin, end)), tuple(_far_apart(common)))


def _nights(chance: Chance, begin: datetime, end: datetime, a_year: float) -> Iterator[datetime]:
    """Each in its own part of the time, so that every story of some length has one."""
    first = begin + WARM_UP
    days = (end - first) / _DAY - 4
    count = round(a_year * (end - begin) / _YEAR) if days > 0 else 0
    for number in range(count):
        day = first + _DAY * int((number + chance.between(0.1, 0.9)) * days / count)
        yield day.replace(hour=17, minute=30, second=0)


def _outages(chance: Chance, begin: datetime, end: datetime) -> Iterator[Outage]:
    """Minutes mostly, seldom a whole night: half of a deployment gone wrong, half of a network or a database."""
    count = round(_OUTAGES * (end - begin) / _YEAR)
    part = (end - begin) / max(count, 1)
    for number in range(count):
        begins = begin + part * (number + chance.between(0, 0.5))
        lasts = timedelta(minutes=min(600.0, max(0.5, chance.around(15, 1.3))))
        begins = begins.replace(microsecond=0)
        yield Outage(begins, begins + min(lasts, part / 2), chance.happens(0.5))


def _attack(chance: Chance, plans: Sequence[PracticePlan], at: datetime) -> Common | None:
    """The same evening, at practices whose next backup runs in the night that follows."""
    struck = [plan for plan in plans if at + _WAVE < _next_slot(plan, at) < at + 3 * _WAVE]
    count = chance.whole(4, 12)
    if len(struck) < 4:
        return None
    episodes: dict[int, tuple[Episode, ...]] = {}
    for plan in chance.some(struck, count):
        begins = (at + _WAVE * chance.between(0, 1)).replace(microsecond=0)
        share = chance.between(0.5, 1)
        episodes[plan.number] = (Episode(Fault.ONE_NIGHT, _server(plan).subject, begins, begins + _DAY, share),)
    return Common(Fault.REGION_ATTACK, at, episodes)


def _next_slot(plan: PracticePlan, at: datetime) -> datetime:
    """When the documents of the server are backed up next."""
    when = next(job.at for job in plan.jobs_of(_server(plan)) if job.kind is Kind.FILES) or time(0)
    today = at.astimezone(plan.local).date()
    slots = (local_instant(today + number * _DAY, when, plan.local) for number in range(-1, 3))
    return next(slot for slot in slots if slot > at)


def _server(plan: PracticePlan) -> MachinePlan:
    return next(machine for machine in plan.machines if machine.role is Role.SERVER)


def _tool_failure(chance: Chance, plans: Sequence[PracticePlan], at: datetime) -> Common | None:
    """A vendor's update, or its cloud: three of five jobs with this tool fail for one night or two."""
    tool = chance.pick((Tool.RESTIC, Tool.BORG, Tool.VEEAM))
    ends = at + _DAY * chance.whole(1, 2)
    episodes: dict[int, tuple[Episode, ...]] = {}
    for plan in plans:
        jobs = [job for job in plan.jobs if job.tool is tool and job.machine.role is not Role.WORKSTATION]
        if failing := [job for job in jobs if chance.happens(0.6)]:
            episodes[plan.number] = tuple(Episode(Fault.FAILED, job.subject, at, ends) for job in failing)
    return Common(Fault.TOOL_FAILURE, at, episodes) if len(episodes) >= 3 else None


def _far_apart(common: list[Common]) -> Iterator[Common]:
    """A practice is not struck again while it recovers."""
    last: datetime | None = None
    for one in sorted(common, key=lambda one: one.at):
        if last is None or one.at - last > 10 * _DAY:
            last = one.at
            yield one
