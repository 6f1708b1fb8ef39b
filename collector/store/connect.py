"""Pools of connections, each bound to the database role of its process."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Line = asyncpg.Connection[asyncpg.Record]  # one outside every pool
    Connection = Line | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Line = asyncpg.Connection
    Connection = asyncpg.Connection

# jsonb columns arrive as text on purpose: pydantic reads text faster than Python objects.

COMMAND_TIMEOUT_S = 10.0
CLOSE_S = 2.0
FLEET = "fleet"


class Role(StrEnum):
    """What a process may do in the database; its login must be a member."""

    INTAKE = "vigie_intake"
    WORKER = "vigie_worker"
    API = "vigie_api"


class StoreAwayError(Exception):
    """The database cannot be reached or is not ready; the same call may go through later."""


class UnstorableError(Exception):
    """The database refuses this value for good; sending it again cannot help."""


# A database that `vigie migrate` has not prepared yet; a role that is missing is refused at connection.
_NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidParameterValueError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)

# The server itself cannot be reached: what fails for one fails for all.
GONE = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError)

# What asyncpg and the operating system raise when a server is away, starting, stopping, full or read-only.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    *_NOT_MIGRATED,
)


@asynccontextmanager
async def open_pool(url: str, role: Role, size: int) -> AsyncIterator[Pool]:
    """A pool that acts as `role`.

    Its statements time out: a stuck server is an error. It connects when first asked, so that a process
    starts while its database is away; and it does not wait long for a server that is gone when it closes.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=COMMAND_TIMEOUT_S,
        server_settings=_settings(role),
    )
    try:
        yield pool
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await pool.close()


@asynccontextmanager
async def borrowed(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for whoever has a deadline: over a dead line it is dropped, where the pool would wait for it.

    asyncpg takes a connection back only once the statement on it is cancelled, ten seconds later over a dead line.
    Those that lie in the pool are then as dead, and made anew.
    """
    conn = await pool.acquire()
    try:
        yield conn
    except (TimeoutError, asyncio.CancelledError):
        conn.terminate()
        await pool.expire_connections()
        raise
    finally:
        await pool.release(conn)


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection as the owner, for the command line."""
    try:
        return await asyncpg.connect(url, timeout=COMMAND_TIMEOUT_S, server_settings={"search_path": "vigie, public"})
    except AWAY as error:
        raise StoreAwayError(f"the database does not answer: {error or type(error).__name__}") from error


async def connect_as(url: str, role: Role, name: str) -> Line:
    """One connection outside every pool, for whoever must keep it; the server lists it by this name.

    It stores nothing: what it tells others (NOTIFY) is a commit all the same, and need not wait for the disk.
    """
    settings = _settings(role) | {"application_name": name, "synchronous_commit": "off"}
    return await asyncpg.connect(
        url, timeout=COMMAND_TIMEOUT_S, command_timeout=COMMAND_TIMEOUT_S, server_settings=settings
    )


def _settings(role: Role) -> dict[str, str]:
    return {
        "application_name": role.value,
        "role": role.value,
        "search_path": "vigie, public",
        "timezone": "UTC",
        "jit": "off",
    }


_SET_SCOPE = "SELECT set_config('vigie.scope', $1, true)"


async def set_scope(conn: Connection, scope: str) -> None:
    """What row security lets this transaction read: `FLEET`, or one practice's id."""
    await conn.execute(_SET_SCOPE, scope)


_LOCK_PRACTICE = "SELECT pg_advisory_xact_lock(hashtextextended('vigie:' || $1, 0))"
_TRY_LOCK_PRACTICES = """
    SELECT practice_id FROM unnest($1::uuid[]) AS practice_id
    WHERE pg_try_advisory_xact_lock(hashtextextended('vigie:' || practice_id, 0))
"""


async def lock_practice(conn: Connection, practice_id: object) -> None:
    """Until the transaction ends, nobody else judges this practice or touches its incidents. Intake never asks."""
    await conn.execute(_LOCK_PRACTICE, str(practice_id))


async def try_lock_practices(conn: Connection, practice_ids: Collection[UUID]) -> list[UUID]:
    """The same for several without waiting; those that nobody else holds."""
    return [row["practice_id"] for row in await conn.fetch(_TRY_LOCK_PRACTICES, list(practice_ids))]
