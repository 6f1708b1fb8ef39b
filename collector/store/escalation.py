"""What escalation.yaml said last: who is told what, when and how."""

from collections.abc import Mapping
from uuid import UUID

from collector.model.book import Book
from collector.store.connect import Connection

_NEWEST = "SELECT coalesce(max(version), 0) FROM escalation"
_BOOK = "SELECT body FROM escalation WHERE version = $1"
_PUT = "INSERT INTO escalation (version, body) VALUES ($1, $2::jsonb)"
_OPEN_TICKETS = "SELECT channel, count(*) AS tickets FROM ticket WHERE state = 'open' GROUP BY channel"
_CONCERNED = "SELECT DISTINCT practice_id FROM incident WHERE state <> 'resolved'"


async def newest_book_version(conn: Connection) -> int:
    """0 where nobody ever said anything."""
    return int(await conn.fetchval(_NEWEST))


async def load_book(conn: Connection, version: int) -> Book:
    """The book as it comes for version 0."""
    body = await conn.fetchval(_BOOK, version)
    return Book.model_validate_json(body).model_copy(update={"version": version}) if body else Book()


async def put_book(conn: Connection, version: int, book: Book) -> None:
    """The caller holds the transaction that made the version."""
    await conn.execute(_PUT, version, book.model_copy(update={"version": version}).model_dump_json())


async def open_tickets_by_channel(conn: Connection) -> Mapping[str, int]:
    """How many each ticket system has of ours that are still to be closed."""
    return {row["channel"]: row["tickets"] for row in await conn.fetch(_OPEN_TICKETS)}


async def practices_with_incidents(conn: Connection) -> list[UUID]:
    """Those whose incidents last: a new book may take them further, or to somebody else."""
    return [row["practice_id"] for row in await conn.fetch(_CONCERNED)]
