"""Commands about the ways out: how each stands, and whether it works."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector.administer import Deed
from collector.cli.words import act, err, out, refuse, settings
from collector.config import Settings
from collector.delivery.channel import Channel, DeliveryError
from collector.delivery.channels import Outfit, TicketReceiver, UnopenedError, open_channel, open_channels
from collector.delivery.remotes import RememberedRemotes
from collector.delivery.trial import send_trial, trial_notices, trial_tickets
from collector.delivery.written import Templates
from collector.model.book import TICKETS, Book
from collector.model.channels import TICKET_KINDS
from collector.orders import roster_in_force
from collector.store.channel_errors import last_errors
from collector.store.connect import Connection
from collector.store.dead_letters import Queue, queues

channel_app = typer.Typer(no_args_is_help=True, help="Ways out: ticket systems, people's phones, boards.")

_WIDE = 240
READY = "ready"
UNKNOWN = "not configured: what waits for it stays"


@channel_app.command("list")
def channel_list() -> None:
    """Name every channel: its kind, whether it can be used here, what waits, what was given up, the last error."""
    read = settings()

    async def do(conn: Connection, _: Deed) -> tuple[Book, list[Queue], Mapping[str, str]]:
        return (await roster_in_force(conn)).book, await queues(conn), await last_errors(conn)

    book, waiting, errors = act(do)
    by_name = {queue.channel: queue for queue in waiting}
    states = asyncio.run(_states(book, read)) | {name: ("", UNKNOWN) for name in by_name if name not in book.channels}
    if read.ticket_webhook_url:
        states |= {TICKETS: ("webhook", READY)} if TICKETS not in book.channels else {}
    table = Table("channel", "kind", "state", "waiting", "dead", "last error", box=None, pad_edge=False)
    for name, (kind, state) in sorted(states.items()):
        queue = by_name.get(name)
        counts = (f"{queue.waiting:,}", f"{queue.dead:,}") if queue else ("0", "0")
        table.add_row(Text(name), kind, Text(state), *counts, Text(errors.get(name, "")))
    (out if out.is_terminal else Console(file=out.file, width=_WIDE)).print(table)


async def _states(book: Book, read: Settings) -> dict[str, tuple[str, str]]:
    """The kind of each channel of the book, and whether it can be opened on this machine."""
    states: dict[str, tuple[str, str]] = {}
    async with httpx.AsyncClient() as client:
        outfit = _outfit(client, RememberedRemotes(), read, book)
        for name, spec in book.channels.items():
            try:
                open_channel(name, spec, outfit)
                states[name] = (spec.kind, READY)
            except UnopenedError as error:
                states[name] = (spec.kind, f"left out: {error}")
    return states


@channel_app.command("test")
def channel_test(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Send a marked test through a channel: a ticket that opens and closes at once, or a notice and its end."""
    read = settings()

    async def do(conn: Connection, _: Deed) -> Book:
        return (await roster_in_force(conn)).book

    book = act(do)
    try:
        asyncio.run(_try(name, book, read))
    except (UnopenedError, DeliveryError) as error:
        err.print(f"vigie: {name} did not take it: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    out.print(f"{name} works", style="green", markup=False)


async def _try(name: str, book: Book, read: Settings) -> None:
    remotes = RememberedRemotes()
    async with httpx.AsyncClient() as client:
        outfit = _outfit(client, remotes, read, book)
        channel, tells_tickets = _the_channel(name, book, outfit, read)
        now = datetime.now(UTC)
        messages = trial_tickets(now) if tells_tickets else trial_notices(now)
        async for line in send_trial(channel, messages, remotes):
            out.print(line, markup=False)


def _the_channel(name: str, book: Book, outfit: Outfit, read: Settings) -> tuple[Channel, bool]:
    """With whether it takes tickets. Raises UnopenedError."""
    if spec := book.channels.get(name):
        return open_channel(name, spec, outfit), spec.kind in TICKET_KINDS
    receiver = TicketReceiver.of(read.ticket_webhook_url, read.ticket_webhook_secret, read.ticket_timeout)
    of_settings = open_channels(Book(), outfit, receiver)
    if name not in of_settings:
        known = ", ".join(sorted({*book.channels, *of_settings})) or "none"
        refuse(f"no channel is called {name!r}; those there are: {known}")
    return of_settings[name], True


def _outfit(client: httpx.AsyncClient, remotes: RememberedRemotes, read: Settings, book: Book) -> Outfit:
    return Outfit(client, remotes, str(read.public_url), book.zone, Templates(read.templates))
