"""`make bench`: real services, real load, figures on the screen and in `build/bench.json`."""

import asyncio
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from collector.administer import Deed, enrol_practice
from collector.store.connect import connect
from collector.store.migrate import apply_migrations, prepare
from deploy.local import fetch_program, local_services
from tests.bench.figure import RESULTS, Figure, write_figures
from tests.bench.intake import measure_intake

console = Console(highlight=False)


def main() -> None:
    with local_services(say=console.print) as services:
        apply_migrations(services.database_url)
        key = asyncio.run(_prepare(services.database_url))
        console.print("Intake, one heartbeat a request: about a minute and a half")
        figures = measure_intake(services.database_url, key, fetch_program("wrk", say=console.print))
    write_figures(figures)
    console.print(_table(figures))
    console.print(f"written to {RESULTS}")


async def _prepare(database_url: str) -> str:
    await prepare(database_url)
    conn = await connect(database_url)
    try:
        deed = Deed(actor="bench", at=datetime.now(UTC))
        return str((await enrol_practice(conn, "Bench", "Europe/Paris", deed)).key)
    finally:
        await conn.close()


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "target")
    for figure in figures:
        target = f"{figure.target.bound} {figure.target.value:g}" if figure.target else "none yet"
        table.add_row(figure.name, f"{figure.value:.3f}", figure.unit, target)
    return table


if __name__ == "__main__":
    main()
