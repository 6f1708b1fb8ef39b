"""History played again on the command line: what other rules would have raised, and how that differs from what was."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.table import Table
from rich.text import Text

from collector import administer
from collector.administer import Deed
from collector.backtest import NOT_REPLAYED, REPLAYED, Replay, replay
from collector.cli.configuration import progress_bar
from collector.cli.words import act, out
from collector.configuration.rules import Rulebook
from collector.model.duration import write_duration
from collector.model.incident import Incident
from collector.scenario.differences import Moved, Shift, overlap
from collector.store.connect import Connection
from collector.store.practices import list_practices

_MARKS = {
    Shift.ADDED: ("+", "green"), Shift.GONE: ("-", "red"), Shift.EARLIER: ("<", "yellow"), Shift.LATER: (">", "yellow"),
    Shift.WORSE: ("!", "yellow"), Shift.MILDER: ("~", "yellow"),
}  # fmt: skip
# What was raised then, what the policies in force raise now, what the new rules would; then how these two differ.
_COLUMNS = ("live", "in force", "new", *Shift)
_ALWAYS = 3


def run_backtest(book: Rulebook, since: timedelta, practice: str | None, *, as_json: bool) -> None:
    until, replays = act(lambda conn, deed: _replays(conn, deed, book, since, practice))
    if as_json:
        out.print(json.dumps([_data(one) for one in replays], indent=2), markup=False)
        return
    _tell(replays, since, until)


async def _replays(
    conn: Connection, deed: Deed, book: Rulebook, since: timedelta, practice: str | None
) -> tuple[datetime, list[Replay]]:
    practices = [await administer.the_practice(conn, practice)] if practice else await list_practices(conn)
    replays: list[Replay] = []
    with progress_bar() as progress:
        for one in progress.track(practices, description="practices"):
            found = await replay(conn, one, book, deed.at - since, deed.at)
            replays += [found] if found else []
    return deed.at, replays


def _tell(replays: Sequence[Replay], since: timedelta, until: datetime) -> None:
    for one in replays:
        moved = one.moved()
        if moved:
            out.print(Text(one.practice.name, "bold"))
        for change in moved:
            _tell_moved(one, change)
    out.print()
    out.print(_table(replays))
    out.print(
        f"{len(replays):,} practice{'s' if len(replays) != 1 else ''}, {write_duration(since)} until "
        f"{until:%Y-%m-%d %H:%M} UTC; {', '.join(sorted(NOT_REPLAYED))} and campaigns are not played again",
        markup=False,
    )


def _tell_moved(one: Replay, moved: Moved) -> None:
    mark, style = _MARKS[moved.shift]
    incident = moved.incident
    said = [
        f"{incident.opened_at:%Y-%m-%d %H:%M:%S}",
        f"{incident.rule}, {_about(one, incident)}, {incident.reason}, {incident.severity.value}",
        _how(moved),
        _ended(incident),
        "raised live" if _was_raised(one, incident) else "",
    ]
    out.print(Text(f"  {mark} {moved.shift.value:8}", style) + Text("  ".join(part for part in said if part)))


def _how(moved: Moved) -> str:
    if moved.before is None or moved.after is None:
        return ""
    if moved.shift in (Shift.EARLIER, Shift.LATER):
        return f"{write_duration(abs(moved.after.opened_at - moved.before.opened_at))} {moved.shift.value}"
    return f"was {moved.before.severity.value}"


def _ended(incident: Incident) -> str:
    if incident.resolved_at is None:
        return "still open"
    return f"for {write_duration(incident.resolved_at - incident.opened_at)}"


def _was_raised(one: Replay, incident: Incident) -> bool:
    same = (other for other in one.live if (other.rule, other.subject) == (incident.rule, incident.subject))
    return any(overlap(other, incident) for other in same)


def _about(one: Replay, incident: Incident) -> str:
    kind, _, rest = incident.subject.partition(":")
    machine, _, of_it = rest.partition(":")
    name = next((name for key, name in one.names.items() if str(key) == machine), None)
    return " on ".join(part for part in (of_it, name) if part) or kind


def _table(replays: Sequence[Replay]) -> Table:
    """A way in which nothing differs has no column."""
    counts = _counts(replays)
    columns = [place for place in range(len(_COLUMNS)) if place < _ALWAYS or any(row[place] for row in counts.values())]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule", no_wrap=True)
    for place in columns:
        table.add_column(_COLUMNS[place], justify="right", no_wrap=True)
    for rule, row in counts.items():
        table.add_row(rule, *(str(row[place] or "·") for place in columns))
    return table


def _counts(replays: Sequence[Replay]) -> dict[str, list[int]]:
    """Of each rule that raised anything: live, in force, tried, and each way in which these two differ."""
    counted: list[Counter[str]] = [
        Counter(one.rule for replayed in replays for one in replayed.live),
        Counter(one.rule for replayed in replays for one in replayed.in_force),
        Counter(one.rule for replayed in replays for one in replayed.tried),
    ]
    moved = [one for replayed in replays for one in replayed.moved()]
    counted += [Counter(one.incident.rule for one in moved if one.shift is shift) for shift in Shift]
    rows = {rule: [counter[rule] for counter in counted] for rule in REPLAYED}
    return {rule: row for rule, row in rows.items() if any(row)}


def _data(one: Replay) -> dict[str, object]:
    return {
        "practice": one.practice.name,
        "since": one.since.isoformat(),
        "counts": {rule: dict(zip(_COLUMNS, row, strict=True)) for rule, row in _counts([one]).items()},
        "changes": [
            {
                "change": moved.shift,
                "rule": moved.incident.rule,
                "subject": moved.incident.subject,
                "reason": moved.incident.reason,
                "severity": moved.incident.severity,
                "in_force_at": moved.before.opened_at.isoformat() if moved.before else None,
                "new_at": moved.after.opened_at.isoformat() if moved.after else None,
                "raised_live": _was_raised(one, moved.incident),
            }
            for moved in one.moved()
        ],
    }
