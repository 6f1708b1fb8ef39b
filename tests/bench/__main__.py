"""`make bench`: real services, real load, figures on the screen and in `build/bench.json`."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from deploy.local import local_services
from tests.bench.figure import RESULTS, Figure, write_figures
from tests.bench.ground import Ground, console, prepare_ground
from tests.bench.heartbeat_bytes import measure_bytes
from tests.bench.intake_batch import measure_batch
from tests.bench.intake_overload import SECONDS, measure_overload
from tests.bench.intake_single import measure_single
from tests.bench.judging import measure_due, measure_idle, measure_practice
from tests.bench.storm import measure_storm
from tests.bench.ticket_latency import measure_ticket_latency


class Bench(StrEnum):
    """In their order."""

    HEARTBEAT_BYTES = "heartbeat_bytes"
    INTAKE_SINGLE = "intake_single"
    INTAKE_BATCH = "intake_batch"
    INTAKE_OVERLOAD = "intake_overload"
    EVALUATE_PRACTICE = "evaluate_practice"
    EVALUATE_DUE = "evaluate_due"
    EVALUATE_IDLE = "evaluate_idle"
    TICKET_LATENCY = "ticket_latency"
    STORM = "storm"


_BENCHES: dict[Bench, tuple[str, Callable[[Ground], list[Figure]]]] = {
    Bench.HEARTBEAT_BYTES: ("A bare heartbeat on disk: half a minute", measure_bytes),
    Bench.INTAKE_SINGLE: ("Intake, one heartbeat a request: about a minute and a half", measure_single),
    Bench.INTAKE_BATCH: ("Intake, batches of 500: about a minute and a half", measure_batch),
    Bench.INTAKE_OVERLOAD: (f"Intake at ten times what it sustains: {SECONDS} s", measure_overload),
    Bench.EVALUATE_PRACTICE: ("One practice of 20 machines, folded and judged", measure_practice),
    Bench.EVALUATE_DUE: ("5,000 practices fall due in one second: a minute", measure_due),
    Bench.EVALUATE_IDLE: ("Nothing happens: 1,000, 10,000 and 100,000 jobs, five minutes", measure_idle),
    Bench.TICKET_LATENCY: (
        "Fifty deadlines a second among 100,000 jobs, each a ticket: three minutes",
        measure_ticket_latency,
    ),
    Bench.STORM: (
        "5,000 practices miss at once, each a ticket and a page, and how soon they are seen: three minutes",
        measure_storm,
    ),
}


def main(only: Annotated[list[Bench] | None, typer.Option(help="one of them, or several; else all")] = None) -> None:
    """Measure, print, and write `build/bench.json`."""
    figures: list[Figure] = []
    with TemporaryDirectory() as room, local_services(say=console.print) as services:
        ground = prepare_ground(services, Path(room))
        for bench in only or list(Bench):
            title, measure = _BENCHES[bench]
            console.print(title)
            figures += measure(ground)
    write_figures(figures)
    console.print(_table(figures))
    console.print(f"written to {RESULTS}")


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "target", "holds")
    for figure in figures:
        target = f"{figure.target.bound} {figure.target.value:g}" if figure.target else "none"
        holds = {True: "yes", False: "NO", None: ""}[figure.target.holds(figure.value) if figure.target else None]
        table.add_row(figure.name, f"{figure.value:.3f}", figure.unit, target, holds)
    return table


if __name__ == "__main__":
    typer.run(main)
