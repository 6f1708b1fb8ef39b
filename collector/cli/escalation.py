"""Commands about escalation: checked without a database, shown as it is in force."""

from typing import Annotated

import typer

from collector.administer import Deed
from collector.apply import secret_missing
from collector.cli.configuration import FileNames, progress_bar, read_or_refuse, show_lines
from collector.cli.trials import escalation_test
from collector.cli.words import act, out, refuse
from collector.configuration.escalation.plan import book_lines, idle_names, unknown_labels
from collector.configuration.plan import Line, Sign
from collector.configuration.read import missing_secrets
from collector.escalation.policies import unheard
from collector.model.book import Book
from collector.orders import roster_in_force
from collector.store.connect import Connection

escalation_app = typer.Typer(no_args_is_help=True, help="Escalation: who is told what, when and how.")
escalation_app.command("test")(escalation_test)

AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


@escalation_app.command("check")
def escalation_check(files: FileNames) -> None:
    """Find every mistake in escalation.yaml without a database; with fleet.yaml, name labels that no practice has."""
    with progress_bar() as progress:
        read = read_or_refuse(files, progress)
    if read.book is None:
        refuse(f"{', '.join(file.name for file in files)} says nothing about escalation")
    notes = [str(fault) for fault in missing_secrets(read, secret_missing)]
    labels = [one.practice.labels for one in read.practices]
    notes += [*(unknown_labels(read.book, labels) if labels else ()), *idle_names(read.book), *unheard(read.book)]
    show_lines(Line(Sign.NOTE, note) for note in notes)
    out.print(f"no mistake in {', '.join(file.name for file in files)}", style="green", markup=False)


@escalation_app.command("show")
def escalation_show(as_json: AsJson = False) -> None:
    """Say what is in force."""

    async def do(conn: Connection, _: Deed) -> Book:
        return (await roster_in_force(conn)).book

    book = act(do)
    if as_json:
        out.print(book.model_dump_json(indent=2), markup=False)
        return
    out.print(f"version {book.version}" if book.version else "as it comes: nobody ever applied an escalation.yaml")
    for line in book_lines(book):
        out.print(line, markup=False)
