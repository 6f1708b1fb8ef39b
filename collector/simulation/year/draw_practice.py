"""A practice drawn from a seed. Beside each spread stands why it is so; none was measured against a rule."""

from datetime import date, datetime, time, timedelta

from collector.model.calendar import Calendar, Closure, Holidays
from collector.model.calendar import Hours as OpenHours
from collector.model.heartbeat import Role
from collector.simulation.year.chance import Chance
from collector.simulation.year.draw_job import draw_jobs, forgotten_job
from collector.simulation.year.plan import Hours, MachinePlan, PracticePlan

_ZONES = ("Europe/Paris", "Indian/Reunion", "America/Guadeloupe")
# Nearly all of a French provider's practices are in France proper; some are overseas, without daylight saving.
_ZONE_WEIGHTS = (88, 6, 6)
_ALSACE_MOSELLE = 0.1  # of those in France proper: its share of the population is 4%, doubled to see it often
_SYSTEMS = {
    Role.SERVER: ("Windows Server 2022", "Windows Server 2019", "Debian 12"),
    Role.WORKSTATION: ("Windows 11 Pro", "Windows 10 Pro"),
    Role.IMAGING: ("Windows 10 IoT",),
    Role.NAS: ("Synology DSM 7.2",),
}


def draw_practice(seed: int, number: int, begin: datetime, end: datetime, noise: float, density: float) -> PracticePlan:
    chance = Chance(f"{seed}/{number}/practice", noise)
    zone = chance.weighted(_ZONES, _ZONE_WEIGHTS)
    calendar = _calendar(chance, zone, begin.year, end.year)
    machines = _machines(chance)
    jobs = [job for machine in machines for job in draw_jobs(chance, machine, zone, begin)]
    if chance.happens(0.3 * density):
        jobs.append(forgotten_job(chance, machines[0], zone, begin, end))
    return PracticePlan(
        number=number,
        practice_id=chance.uuid(),
        name=f"Cabinet {number + 1:03}",
        zone=zone,
        calendar=calendar,
        machines=machines,
        jobs=tuple(jobs),
        begin=begin,
        end=end,
    )


def _calendar(chance: Chance, zone: str, first_year: int, last_year: int) -> Calendar:
    alsace = zone == "Europe/Paris" and chance.happens(_ALSACE_MOSELLE)
    return Calendar(
        week=_week(chance),
        holidays=Holidays.ALSACE_MOSELLE if alsace else Holidays.FRANCE,
        closures=tuple(one for year in range(first_year, last_year + 1) for one in _closures(chance, year)),
    )


def _week(chance: Chance) -> tuple[tuple[OpenHours, ...], ...]:
    """A third open on Saturday mornings, a third close at noon, some rest on Wednesday or Thursday."""
    opens, closes = time(chance.pick((8, 8, 9))), time(chance.pick((18, 19, 19, 20)))
    noon = (OpenHours(opens=opens, closes=time(12)), OpenHours(opens=time(14), closes=closes))
    day = noon if chance.happens(0.33) else (OpenHours(opens=opens, closes=closes),)
    saturday = (OpenHours(opens=opens, closes=time(12)),) if chance.happens(0.33) else ()
    rests = chance.pick((2, 3)) if chance.happens(0.2) else None
    return (*(() if number == rests else day for number in range(5)), saturday, ())


def _closures(chance: Chance, year: int) -> list[Closure]:
    """Most close for one to three weeks of August, many between Christmas and New Year."""
    closures = []
    if chance.happens(0.75):
        first = date(year, 8, 1) + timedelta(days=chance.whole(0, 13))
        weeks = chance.weighted((1, 2, 3), (2, 5, 3))
        closures.append(Closure(first=first, last=first + timedelta(weeks=weeks), because="summer"))
    if chance.happens(0.4):
        closures.append(Closure(first=date(year, 12, 24), last=date(year, 12, 31), because="christmas"))
    return closures


def _machines(chance: Chance) -> tuple[MachinePlan, ...]:
    """One server, one to four workstations, often a NAS or an imaging station: a practice of two to five people."""
    roles = [Role.SERVER]
    roles += [Role.NAS] if chance.happens(0.4) else []
    roles += [Role.IMAGING] if chance.happens(0.35) else []
    roles += [Role.WORKSTATION] * chance.weighted((1, 2, 3, 4), (3, 4, 2, 1))
    return tuple(_machine(chance, role, place) for place, role in enumerate(roles, start=1))


def _machine(chance: Chance, role: Role, place: int) -> MachinePlan:
    # Half of the desktops are never switched off; a third of what stands on desks is laptops.
    desk = chance.weighted((Hours.ALWAYS, Hours.OPEN, Hours.LAPTOP), (3, 4, 3))
    return MachinePlan(
        endpoint_id=chance.uuid(),
        name=f"{role.value[:3].upper()}-{place:02}",
        role=role,
        os=chance.pick(_SYSTEMS[role]),
        hours=desk if role is Role.WORKSTATION else Hours.ALWAYS,
        # Kept by NTP or a domain: seconds, seldom more; the wire tolerates five minutes.
        clock=timedelta(seconds=round(max(-120.0, min(120.0, chance.normal(0, 15))))),
        scan_at=time(chance.whole(5, 7), chance.whole(0, 59)),
    )
