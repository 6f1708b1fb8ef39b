"""The simulated year: what is found of what was planted, and how much besides."""

import json
import os
from collections.abc import Iterable
from itertools import groupby
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from collector.cli.words import err, out
from collector.simulation.year.result import FaultRow, HarmlessRow, fault_rows, harmless_rows
from collector.simulation.year.score import Score, Stray
from collector.simulation.year.simulate import Story
from collector.simulation.year.simulate import simulate as run

# Of each rule; more lines nobody looks at.
_MOST_STRAYS = 10


def simulate(
    days: Annotated[int, typer.Option(min=1, max=730, help="how long the story is")] = 365,
    practices: Annotated[int, typer.Option(min=1, max=100_000, help="how many practices live in it")] = 200,
    seed: Annotated[int, typer.Option(help="the same seed tells the same story")] = 1,
    noise: Annotated[float, typer.Option(min=0.1, max=10, help="widens every spread")] = 1.0,
    processes: Annotated[int, typer.Option(min=1, help="how many at once")] = os.cpu_count() or 1,
    score: Annotated[bool, typer.Option("--score", help="say what was found of what was planted")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: a list of faults")] = False,
) -> None:
    """Simulate practices with known faults, judge them as they would be judged, and score it; no database."""
    story = Story(seed=seed, practices=practices, days=days, noise=noise)
    result = _simulated(story, processes)
    if as_json:
        out.print_json(json.dumps([row._asdict() for row in fault_rows(result)]))
        return
    if score:
        out.print(_faults(fault_rows(result)))
        out.print(_harmless(harmless_rows(result)))
        _strays("not found", result.missed)
        _strays("found, and nothing was wrong", result.false)
    out.print(_size(story, result))


def _simulated(story: Story, processes: int) -> Score:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("practices"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("simulating", total=story.practices)
        return run(story, processes, lambda: progress.advance(task))


def _faults(rows: Iterable[FaultRow]) -> Table:
    table = Table(title="What was planted", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("fault", no_wrap=True)
    for name in ("planted", "found", "recall", "false", "precise", "p50", "max"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.fault.replace("_", " "),
            str(row.injected),
            str(row.found),
            _share(row.recall),
            f"[{'green' if row.false == 0 else 'red'}]{row.false}",
            _share(row.precision),
            _seconds(row.delay_s_p50),
            _seconds(row.delay_s_max),
        )
    return table


def _harmless(rows: Iterable[HarmlessRow]) -> Table:
    table = Table(
        title="What only looks like a fault", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=0
    )
    table.add_column("harmless", no_wrap=True)
    table.add_column("happened", justify="right")
    table.add_column("false", justify="right")
    for row in rows:
        false = f"[{'green' if row.false == 0 else 'red'}]{row.false}"
        table.add_row(row.harmless.replace("_", " "), str(row.happened), false)
    return table


def _share(part: float | None) -> str:
    """Never rounded up to 100%: one that was not found must show."""
    if part is None:
        return "[dim]-"
    colour = "green" if part == 1 else "yellow" if part >= 0.9 else "red"
    return f"[{colour}]{int(part * 1_000) / 10:g}%"


def _seconds(delay: float | None) -> str:
    if delay is None:
        return "[dim]-"
    said = f"{delay:.0f} s" if delay < 600 else f"{delay / 3600:.1f} h"
    return f"[{'green' if delay < 1 else 'yellow'}]{said}"


def _strays(title: str, strays: list[Stray]) -> None:
    """By rule or fault, with the practice and the instant, to look at."""
    if not strays:
        return
    out.print(f"{title}: {len(strays)}", style="bold")
    by_what = groupby(sorted(strays, key=lambda one: (one.what, one.at)), key=lambda one: one.what)
    for what, alike in ((what, list(some)) for what, some in by_what):
        out.print(f"  {what}: {len(alike)}")
        for one in alike[:_MOST_STRAYS]:
            where = f"practice {one.practice}" if one.practice >= 0 else "fleet"
            on = f", {one.decoy.value.replace('_', ' ')}" if one.decoy else ""
            out.print(f"    {one.at:%Y-%m-%d %H:%M:%S} {where}{on} [dim]{one.reason} {one.subject}[/]")


def _size(story: Story, result: Score) -> str:
    ransomware = result.false_by({"ransomware_signature"})
    return (
        f"seed {story.seed}, noise {story.noise:g}: {result.practice_days:,.0f} practice-days, "
        f"{result.reports:,} reports, {result.judgements:,} judgements, {ransomware} false ransomware findings"
    )
