"""Commands about the keys that practices report with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector import administer
from collector.administer import Deed
from collector.cli.practices import PracticeName
from collector.cli.words import act, duration, out, shown_once
from collector.model.credential import Holder
from collector.store.connect import Connection
from collector.store.practice_keys import KeyListing

key_app = typer.Typer(no_args_is_help=True, help="Keys that practices report with.")

ForScripts = Annotated[bool, typer.Option("--script", help="for pings of scripts; without it, for agents")]

# Where nobody looks a table may be as wide as it is: nothing of it is cut for a program.
_WIDE = 240


@key_app.command("add")
def key_add(practice: PracticeName, script: ForScripts = False) -> None:
    """Give a practice another key; prints it this once. Those it has stay valid until revoked."""

    async def do(conn: Connection, deed: Deed) -> str:
        found = await administer.the_practice(conn, practice)
        return str(await administer.add_key(conn, found, _holder(script), deed))

    out.print(act(do))
    shown_once("key")


@key_app.command("list")
def key_list(practice: PracticeName) -> None:
    """Name a practice's keys: whose each is, when it was made and last used, whether it is valid."""

    async def do(conn: Connection, _: Deed) -> list[KeyListing]:
        return await administer.keys_of(conn, await administer.the_practice(conn, practice))

    keys, now = act(do), datetime.now(UTC)
    table = Table("key", "for", "made (UTC)", "last used (UTC)", "state", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for key in keys:
        used = _minute(key.used_at) if key.used_at else "never"
        table.add_row(key.key_id, Text(_whose(key)), _minute(key.created_at), used, _state(key, now))
    (out if out.is_terminal else Console(file=out.file, width=_WIDE)).print(table)


@key_app.command("rotate")
def key_rotate(
    practice: PracticeName,
    script: ForScripts = False,
    overlap: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="how long the old key stays valid; 7d unless set"),
    ] = None,
) -> None:
    """Give a practice a new key in place of the one it has, which stays valid for the overlap."""

    async def do(conn: Connection, deed: Deed) -> str:
        found = await administer.the_practice(conn, practice)
        within = administer.DEFAULT_OVERLAP if overlap is None else overlap
        return str(await administer.rotate_key(conn, found, _holder(script), within, deed))

    out.print(act(do))
    shown_once("key")


@key_app.command("revoke")
def key_revoke(
    key: Annotated[str, typer.Argument(help="as 'vigie key list' names it, or the key itself", metavar="KEY")],
) -> None:
    """End a key; within a second no collector takes it any more."""
    key_id = act(lambda conn, deed: administer.revoke_key(conn, key, deed))
    out.print(f"key {key_id} is revoked", markup=False)


def _holder(script: bool) -> Holder:
    return Holder.SCRIPT if script else Holder.PRACTICE


def _whose(key: KeyListing) -> str:
    if key.holder is Holder.JOB:
        return f"job {key.job} on {key.endpoint}" if key.endpoint else f"job {key.job}"
    return "scripts" if key.holder is Holder.SCRIPT else "agents"


def _state(key: KeyListing, now: datetime) -> Text:
    """Green is good, yellow ends by itself, what is over is dim, red was ended by somebody."""
    if key.revoked_at:
        return Text(f"revoked {_minute(key.revoked_at)}", "red")
    if key.expires_at is None:
        return Text("valid", "green")
    if now < key.expires_at:
        return Text(f"valid until {_minute(key.expires_at)}", "yellow")
    return Text(f"expired {_minute(key.expires_at)}", "dim")


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"
