"""How commands speak: durations as people write them, refusals in a sentence, and the database as its owner."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from collector.administer import Deed, NotDoneError
from collector.config import Settings, SettingsError, read_settings
from collector.deeds import COMMAND_LINE
from collector.model.duration import parse_duration
from collector.model.policy import Zone
from collector.model.value import EARLIEST, LATEST
from collector.store.connect import AWAY, Connection, StoreAwayError, connect

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Result = TypeVar("Result")
_zone: TypeAdapter[str] = TypeAdapter(Zone)


def refuse(message: str) -> NoReturn:
    err.print(f"vigie: {message}", style="red", markup=False)
    raise typer.Exit(2)


def settings() -> Settings:
    try:
        return read_settings()
    except SettingsError as error:
        refuse(str(error))


def act(do: Callable[[Connection, Deed], Awaitable[Result]]) -> Result:
    """Do something to the database as its owner, in the name of whoever is at the keyboard."""
    url = settings().database_url.get_secret_value()

    async def connected() -> Result:
        conn = await connect(url)
        try:
            return await do(conn, Deed(actor=f"{COMMAND_LINE}{getpass.getuser()}", at=datetime.now(UTC)))
        finally:
            await conn.close()

    try:
        return asyncio.run(connected())
    except ValidationError as error:
        refuse(_first(error))
    except (NotDoneError, StoreAwayError) as error:
        refuse(str(error))
    except AWAY as error:
        refuse(f"the database is not ready ({error or type(error).__name__}); has 'vigie migrate' been run?")


def _first(error: ValidationError) -> str:
    """The first thing wrong, with its field and without the library's phrases."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(step) for step in first["loc"] if step not in ("every", "cron", "schedule"))
    return f"{field}: {first['msg']}".removeprefix(": ").replace("Value error, ", "")


def duration(text: str) -> timedelta:
    """A length of time as people write it."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def instant(text: str, zone: str) -> datetime:
    """By the clock of a zone, unless it has an offset."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        refuse(f"{text!r} is no instant; write it as in 2026-11-21T02:00")
    if not EARLIEST.year < written.year < LATEST.year:
        refuse(f"{text!r} must lie between the years {EARLIEST.year} and {LATEST.year}")
    return (written if written.tzinfo else written.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def known_zone(zone: str) -> str:
    try:
        return _zone.validate_python(zone)
    except ValidationError:
        refuse(f"unknown time zone {zone!r}; write it as in Europe/Paris")


def shown_once(what: str) -> None:
    err.print(f"The {what} is shown this once; only its hash is kept.", style="yellow")
