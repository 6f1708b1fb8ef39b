"""Commands about pings: a job's URL."""

import typer

from collector import administer
from collector.administer import Deed
from collector.cli.practices import OfEndpoint, PracticeName, ToldJob
from collector.cli.words import act, out, settings, shown_once
from collector.store.connect import Connection

ping_app = typer.Typer(no_args_is_help=True, help="Pings: runs told by scripts that speak to Healthchecks.")


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
