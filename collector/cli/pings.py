"""Commands about pings: a job's URL, and what is kept of what they say."""

from typing import Annotated

import typer

from collector import administer
from collector.administer import Deed
from collector.cli.practices import OfEndpoint, PracticeName, ToldJob, job_app, practice_app
from collector.cli.words import act, out, refuse, settings, shown_once
from collector.store.connect import Connection
from collector.store.kept_logs import KeptLog

ping_app = typer.Typer(no_args_is_help=True, help="Pings: runs told by scripts that speak to Healthchecks.")

MOST_SHOWN = 20


@ping_app.callback()
def _ping() -> None:
    """A group though it has one command: its name is part of what people type."""


@ping_app.command("add")
def ping_add(practice: PracticeName, job: ToldJob, endpoint: OfEndpoint = None) -> None:
    """Give a job a URL to ping; prints it this once. Behind it go /start, /fail, /log or an exit code."""

    async def do(conn: Connection, deed: Deed) -> str:
        found = await administer.the_practice(conn, practice)
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        return str(await administer.add_ping(conn, found, on, job, deed))

    key = act(do)
    out.print(ping_url(key))
    shown_once("URL")


def ping_url(key: object) -> str:
    return f"{str(settings().collector_url).rstrip('/')}/ping/{key}"


@practice_app.command("logs")
def practice_logs(
    practice: PracticeName,
    keep: Annotated[
        bool | None, typer.Option("--keep/--discard", help="keep what pings say, or erase it and keep no more")
    ] = None,
) -> None:
    """Say whether what a practice's pings say is kept: it names files, and is discarded unless it opts in."""
    if keep is None:
        refuse("give either --keep or --discard")

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.set_keep_logs(conn, await administer.the_practice(conn, practice), deed, keep=keep)

    act(do)
    said = "is kept from now on" if keep else "is discarded, and what was kept is erased"
    out.print(f"what pings of {practice} say {said}", markup=False)


@job_app.command("log")
def job_log(practice: PracticeName, job: ToldJob) -> None:
    """Show what was kept of a job's pings, the newest first."""

    async def do(conn: Connection, _: Deed) -> list[KeptLog]:
        return await administer.logs_of(conn, await administer.the_practice(conn, practice), job, MOST_SHOWN)

    logs = act(do)
    if not logs:
        out.print("nothing was kept; 'vigie practice logs --keep' opts in")
    for kept in logs:
        out.print(f"{kept.received_at:%Y-%m-%d %H:%M:%S} UTC  {kept.log.action}", markup=False)
        out.print(_printable(kept.log.text), markup=False)


def _printable(text: str) -> str:
    """A terminal obeys control characters, and the text is anybody's."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)
