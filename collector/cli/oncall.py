"""Who is on call, now or at any instant: by what is in force, or by a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from collector.cli.configuration import progress_bar, read_or_refuse
from collector.cli.words import act, instant, known_zone, out, refuse
from collector.configuration.faults import did_you_mean
from collector.escalation.oncall import Roster
from collector.escalation.shifts import Shift, shifts
from collector.model.book import Person
from collector.model.escalation import When
from collector.orders import roster_in_force

oncall_app = typer.Typer(no_args_is_help=True, help="On call: who is, until when, and who is next.")

# Between two people's shifts there is one of nobody at most.
_NEAR = 3


@dataclass(frozen=True)
class Duty:
    """A rota at an instant: its shift then, and the next one that somebody has."""

    rota: str
    now: Shift
    following: Shift | None
    person: Person | None


@oncall_app.command("show")
def oncall_show(
    rota: Annotated[str | None, typer.Argument(help="one rota; without it, all", metavar="ROTA")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="an instant, by the clock of the zone unless it has an offset")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="the zone of what is shown; the provider's unless set")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="an escalation.yaml in place of what is in force", metavar="FILE")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Say who is on call, until when, by which channels, who is next, and whether somebody is at work."""
    roster = _of_file(file) if file else act(lambda conn, _: roster_in_force(conn))
    shown_in = known_zone(zone) if zone else roster.book.zone
    then = instant(at, shown_in) if at else datetime.now(UTC)
    duties = [_duty(roster, name, then) for name in _wanted(roster, rota)]
    if as_json:
        out.print(json.dumps(_data(roster, duties, then, shown_in), indent=2), markup=False)
    else:
        _tell(roster, duties, then, shown_in)


def _of_file(file: Path) -> Roster:
    with progress_bar() as progress:
        read = read_or_refuse([file], progress)
    if read.book is None:
        refuse(f"{file} says nothing about escalation")
    return Roster(read.book)


def _wanted(roster: Roster, rota: str | None) -> list[str]:
    rotas = list(roster.book.rotas)
    if rota is None:
        return rotas
    if rota not in rotas:
        known = did_you_mean(rota, rotas) or (f"known are {', '.join(rotas)}" if rotas else "there is none")
        refuse(f"no rota is called {rota!r}; {known}")
    return [rota]


def _duty(roster: Roster, rota: str, at: datetime) -> Duty:
    now, *later = islice(shifts(roster, rota, at), _NEAR)
    following = next((one for one in later if one.person), None)
    return Duty(rota, now, following, roster.book.people.get(now.person or ""))


def _tell(roster: Roster, duties: list[Duty], at: datetime, zone: str) -> None:
    is_open, until = _opening(roster, at)
    ends = f" until {_wall(until, zone)}" if until else ""
    part = "in hours" if is_open else "after hours"
    local = at.astimezone(ZoneInfo(zone))
    out.print(f"{local:%A %d %B %Y %H:%M}, {zone}: {part}{ends}", style="bold", markup=False)
    if not duties:
        out.print("no rota is configured: pages go to whom the policies name", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("rota", "on call", "until", "by", "next"):
        table.add_column(column)
    for one in duties:
        table.add_row(*_row(one, zone))
    out.print(table)


def _row(duty: Duty, zone: str) -> Iterator[str]:
    yield duty.rota
    yield duty.now.person or "nobody"
    yield _wall(duty.now.until, zone) if duty.now.until else "further notice"
    yield ", ".join(dict.fromkeys((*duty.person.page, *duty.person.notify))) if duty.person else "-"
    yield f"{duty.following.person} from {_wall(duty.following.since, zone)}" if duty.following else "-"


def _opening(roster: Roster, at: datetime) -> tuple[bool, datetime | None]:
    """Whether somebody is at work, and when that next changes."""
    is_open = roster.fits(When.IN_HOURS, at)
    return is_open, roster.next_fit(When.AFTER_HOURS if is_open else When.IN_HOURS, at)


def _wall(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M}"


def _data(roster: Roster, duties: list[Duty], at: datetime, zone: str) -> dict[str, object]:
    is_open, until = _opening(roster, at)
    return {
        "at": _iso(at, zone),
        "version": roster.book.version,
        "in_hours": is_open,
        "until": _iso(until, zone),
        "rotas": [
            {
                "rota": one.rota,
                "person": one.now.person,
                "until": _iso(one.now.until, zone),
                "page": list(one.person.page) if one.person else [],
                "notify": list(one.person.notify) if one.person else [],
                "next": one.following and {"person": one.following.person, "since": _iso(one.following.since, zone)},
            }
            for one in duties
        ],
    }


def _iso(at: datetime | None, zone: str) -> str | None:
    return at.astimezone(ZoneInfo(zone)).isoformat() if at else None
