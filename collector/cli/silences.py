"""Commands about silences: do not notify, for a while, for a reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import typer

from collector import administer, silences
from collector.administer import Deed
from collector.cli.words import act, duration, instant, known_zone, out, refuse
from collector.deeds import Hand
from collector.model.silence import LONGEST, Scope, Silence, Weekly
from collector.silences import RULE_NAMES, Answer, SilenceRefusal, Weighed
from collector.store.connect import Connection
from collector.store.escalation import load_book, newest_book_version
from collector.store.silences import lasting_silences, names_within

silence_app = typer.Typer(no_args_is_help=True, help="Silences and maintenance windows.")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_REFUSALS = {
    SilenceRefusal.NO_PRACTICE: "no such practice is watched",
    SilenceRefusal.NO_ENDPOINT: "the practice has no such machine",
    SilenceRefusal.NO_RULE: f"--rule: must be one of {', '.join(RULE_NAMES)}",
    SilenceRefusal.NEVER_OPENS: "--for: the silence is over before its weekly window opens; let it last longer",
    SilenceRefusal.OVER: "the silence is over, or would be; nothing was changed",
    SilenceRefusal.ANOTHER: "there is another silence of this id",
}

SilenceId = Annotated[UUID, typer.Argument(help="as 'vigie silence list' has it", metavar="SILENCE")]


@dataclass(frozen=True)
class _Asked:
    """What was said on the command line, read as far as it can be without the database."""

    practice: str | None
    machine: str | None
    labels: Mapping[str, str]
    rule: str | None
    begins: str | None
    lasts: timedelta
    days: frozenset[int]
    opens: time | None
    window: timedelta | None
    tz: str | None
    because: str


@silence_app.command("add")
def silence_add(
    because: Annotated[str, typer.Option("--because", help="the reason, shown on what it holds")],
    lasts: Annotated[
        timedelta, typer.Option("--for", parser=duration, metavar="DURATION", help="how long: 4h, 3d; at most 366d")
    ],
    practice: Annotated[str | None, typer.Option(help="a practice's name or id")] = None,
    machine: Annotated[str | None, typer.Option(help="a machine of the practice, by its name or id")] = None,
    rule: Annotated[str | None, typer.Option(help="findings of one rule alone, as in backup_missed")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="practices with this label")] = None,
    begins: Annotated[
        str | None, typer.Option("--from", help="when it begins, on the clock of --tz; now unless it is said")
    ] = None,
    days: Annotated[str | None, typer.Option(help="only on these days of each week: sat,sun")] = None,
    opens: Annotated[str | None, typer.Option(metavar="HH:MM", help="with --days: from then")] = None,
    window: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="DURATION", help="with --days: for so long, up to 24h")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="zone of --from and --opens; the provider's by default")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it would hold now, and change nothing")] = False,
) -> None:
    """Notify nobody of what it covers; say what it holds now, and what takes a second person."""
    asked = _Asked(
        practice, machine, _labels(label or []), rule, begins, lasts, _days(days), _opens(opens), window, tz, because
    )

    async def do(conn: Connection, deed: Deed) -> Answer:
        silence = await _silence(conn, asked, deed)
        if dry_run:
            return await silences.preview(conn, silence, deed.at)
        return await silences.begin(conn, silence, Hand(deed.actor, deed.at))

    weighed = _done(act(do), asked.because)
    if not dry_run:
        out.print(f"silence {weighed.silence.silence_id} until {weighed.silence.until:%Y-%m-%d %H:%M} UTC")
    _tell(weighed)


@silence_app.command("list")
def silence_list() -> None:
    """Show the silences that run or will, a line each."""

    async def do(conn: Connection, deed: Deed) -> tuple[tuple[Silence, ...], Mapping[UUID, str]]:
        found = await lasting_silences(conn, deed.at)
        return found, await names_within(conn, found)

    found, names = act(do)
    for one in found:
        approved = f"approved by {one.approved_by}" if one.approved_by else "not approved"
        times = f"{one.since:%Y-%m-%d %H:%M} to {one.until:%Y-%m-%d %H:%M} UTC"
        times += ", weekly" if one.weekly else ""
        line = f"{one.silence_id}  {times}  {_about(one.scope, names)}  {one.by}, {approved}: {one.reason}"
        out.print(line, markup=False)


@silence_app.command("end")
def silence_end(silence: SilenceId) -> None:
    """End it before its time: what still burns notifies."""
    _done(act(lambda conn, deed: silences.end(conn, silence, Hand(deed.actor, deed.at))), str(silence))
    out.print(f"{silence} has ended", markup=False)


async def _silence(conn: Connection, asked: _Asked, deed: Deed) -> Silence:
    practice = await administer.the_practice(conn, asked.practice) if asked.practice else None
    if asked.machine and practice is None:
        refuse("--machine: a machine belongs to a practice; name it with --practice")
    endpoint_id = await administer.the_endpoint(conn, practice, asked.machine) if practice and asked.machine else None
    zone = known_zone(asked.tz) if asked.tz else (await load_book(conn, await newest_book_version(conn))).zone
    since = instant(asked.begins, zone) if asked.begins else deed.at
    if asked.lasts > LONGEST:
        refuse(f"--for: a silence lasts at most {LONGEST.days}d; it can be renewed")
    return Silence(
        silence_id=uuid4(),
        scope=Scope(
            practice_id=practice.practice_id if practice else None,
            labels=asked.labels,
            rule=asked.rule,
            endpoint_id=endpoint_id,
        ),
        since=since,
        until=since + asked.lasts,
        weekly=_weekly(asked, zone),
        reason=asked.because,
        by=deed.actor,
    )


def _weekly(asked: _Asked, zone: str) -> Weekly | None:
    if not asked.days and asked.opens is None and asked.window is None:
        return None
    if not asked.days or asked.opens is None or asked.window is None:
        refuse("a weekly window needs --days, --opens and --window")
    return Weekly(zone=zone, days=asked.days, opens=asked.opens, lasts=asked.window)


def _labels(written: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in written]
    if not all(name and value for name, _, value in pairs):
        refuse("--label: write it as NAME=VALUE")
    labels = {name: value for name, _, value in pairs}
    if len(labels) < len(pairs):
        refuse("--label: name each label once; what it covers must fit them all")
    return labels


def _days(written: str | None) -> frozenset[int]:
    named = [one.strip().lower() for one in (written or "").split(",") if one.strip()]
    if unknown := [one for one in named if one not in _DAYS]:
        refuse(f"--days: {unknown[0]!r} is no day; write them as in {','.join(_DAYS)}")
    return frozenset(_DAYS.index(one) for one in named)


def _opens(written: str | None) -> time | None:
    try:
        return time.fromisoformat(written).replace(tzinfo=None) if written else None
    except ValueError:
        refuse(f"--opens: {written!r} is no time of day; write it as in 22:00")


def _about(scope: Scope, names: Mapping[UUID, str]) -> str:
    practice = names.get(scope.practice_id, str(scope.practice_id)) if scope.practice_id else "all practices"
    machine = [names.get(scope.endpoint_id, str(scope.endpoint_id))] if scope.endpoint_id else []
    labels = [f"{name}={value}" for name, value in scope.labels.items()]
    return " · ".join([practice, *machine, *labels, *([scope.rule] if scope.rule else [])])


def _done(done: Answer, which: str) -> Weighed:
    if done is None:
        refuse(f"there is no silence {which}")
    if isinstance(done, SilenceRefusal):
        refuse(_REFUSALS[done])
    return done


def _tell(weighed: Weighed) -> None:
    held, beyond = weighed.covered.held, weighed.covered.beyond
    out.print(f"it holds {len(held)} of the incidents that last")
    if beyond:
        out.print(f"it cannot hold {len(beyond)}: they take two operators, who ask and approve on the page")
    for one in beyond:
        out.print(f"  {one.practice}: {one.incident.rule}", markup=False)
