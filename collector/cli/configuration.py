"""Configuration as code: files compared with what is in force, then applied."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.progress import Progress
from rich.text import Text

from collector import apply as applying
from collector.administer import Deed
from collector.apply import Prepared
from collector.cli.words import act, err, out, refuse, settings
from collector.configuration.faults import FaultyError
from collector.configuration.plan import Line, Sign
from collector.configuration.read import Files, read_files
from collector.store.connect import Connection

FileNames = Annotated[
    list[Path], typer.Argument(help="fleet.yaml, practices.csv, rules.yaml, escalation.yaml", metavar="FILE...")
]

# Green comes, red goes, yellow changes, cyan wants to be known; what stays is dim.
_COLOURS = {Sign.NEW: "green", Sign.CHANGED: "yellow", Sign.ENDED: "red", Sign.NOTE: "cyan", Sign.SAME: "dim"}


def apply(
    files: FileNames,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan, change nothing")] = False,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="new file for the keys of new practices", metavar="FILE")
    ] = None,
) -> None:
    """Print what files of configuration would change, ask, and put all of it in force as one version."""
    with progress_bar() as progress:
        read = read_or_refuse(files, progress)
        task = progress.add_task("comparing with what is in force", total=None)
        prepared = act(lambda conn, deed: _prepared(conn, read, deed))
        progress.remove_task(task)
    show_lines(prepared.lines)
    if prepared.nothing:
        out.print("nothing to change")
        return
    if dry_run:
        return
    if not yes and not _agreed():
        refuse("nothing was changed")
    _apply(prepared, keys, f"applied {', '.join(file.name for file in files)}")


def _agreed() -> bool:
    try:
        return typer.confirm("Apply?")
    except typer.Abort:
        refuse("nobody answered, nothing was changed; --yes applies without asking")


def _apply(prepared: Prepared, keys: Path | None, summary: str) -> None:
    base_url = str(settings().public_url)
    with progress_bar() as progress:
        task = progress.add_task("applying", total=len(prepared.compiled.changes))

        async def do(conn: Connection, deed: Deed) -> int:
            return await applying.apply(
                conn, prepared, keys, base_url, deed, summary, lambda count: progress.advance(task, count)
            )

        version = act(do)
    out.print(f"version {version} is in force", style="green")
    if prepared.new:
        out.print(f"keys and status pages of {len(prepared.new):,} new practices: {keys}", markup=False)
        err.print(
            "The keys stand there alone; only their hashes are kept. Give each to its practice, then delete the file.",
            style="yellow",
        )


async def _prepared(conn: Connection, files: Files, deed: Deed) -> Prepared:
    try:
        return await applying.prepare(conn, files, deed.at)
    except FaultyError as error:
        refuse_all(error)


def read_or_refuse(files: list[Path], progress: Progress) -> Files:
    """What the files say; every mistake is printed, and then it ends."""
    task = progress.add_task("reading", total=len(files))

    def advance(file: str) -> None:
        progress.update(task, description=f"reading {file}", advance=1)

    try:
        return read_files([(str(file), _text(file)) for file in files], advance)
    except FaultyError as error:
        refuse_all(error)
    finally:
        progress.remove_task(task)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        refuse(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        refuse(f"{file} is not written in UTF-8; spreadsheets call it 'CSV UTF-8'")


def refuse_all(error: FaultyError) -> NoReturn:
    for fault in error.faults:
        err.print(str(fault), style="red", markup=False)
    count = len(error.faults)
    err.print(
        f"vigie: {count} mistake{'' if count == 1 else 's'}; nothing was changed, what is in force stays", markup=False
    )
    raise typer.Exit(1)


def show_lines(lines: Iterable[Line]) -> None:
    for line in lines:
        out.print(Text(f"{'    ' * line.depth}{line.sign} {line.said}", _COLOURS[line.sign]))


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """On a terminal alone, and gone when it is done."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        yield progress
