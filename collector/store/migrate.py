"""Brings a database to the newest schema: plain numbered SQL files, applied once each by yoyo."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations

from collector.store.connect import connect
from collector.store.timescale import prepare_series

_LOCK = "SELECT pg_advisory_lock(hashtextextended('vigie:migrate', 0))"

MIGRATIONS = Path(__file__).parent / "migrations"


def apply_migrations(database_url: str) -> list[str]:
    """Apply what is missing, each file in one transaction, one migrator at a time; the names of what was applied."""
    with psycopg.connect(database_url, autocommit=True) as guard:
        # Not yoyo's own lock: that is a row, which a killed migrator would leave behind for ever.
        guard.execute(_LOCK)
        backend = get_backend(_for_yoyo(database_url))
        try:
            missing = backend.to_apply(read_migrations(str(MIGRATIONS)))
            backend.apply_migrations(missing)
            return [migration.id for migration in missing]
        finally:
            backend.connection.close()


def _for_yoyo(database_url: str) -> str:
    """yoyo's own tables stay in `public`: a login named like our schema would find that one first."""
    parts = urlsplit(database_url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"the database URL must begin with postgresql://, not {parts.scheme}://")
    query = f"{parts.query}&schema=public".lstrip("&")
    return urlunsplit(parts._replace(scheme="postgresql+psycopg", query=query))


async def prepare(database_url: str) -> bool:
    """What the server's own abilities decide, after the migrations; true where series became hypertables."""
    conn = await connect(database_url)
    try:
        await conn.execute(_LOCK)
        return await prepare_series(conn)
    finally:
        await conn.close()
