"""The one file that knows whether the server has TimescaleDB.

With it the series become hypertables and old data goes by the chunk; without it they stay plain tables and
old rows are deleted. Everything else in the house is the same for both.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from collector.store.accepted import keep_accepted, prepare_accepted
from collector.store.connect import Connection


@dataclass(frozen=True)
class Series:
    """An append-only table: its time column, how long its rows are kept, and the width of a chunk."""

    table: str
    time: str
    keep: timedelta
    chunk: timedelta


# Reports outlive the 400 days that can be rebuilt by how late one may come: a checkpoint builds on them.
SERIES = (
    Series("heartbeat", "received_at", keep=timedelta(days=30), chunk=timedelta(days=1)),
    Series("section", "received_at", keep=timedelta(days=440), chunk=timedelta(days=7)),
    Series("folded", "folded_at", keep=timedelta(days=440), chunk=timedelta(days=30)),
)
_OFFERED = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')"
_INSTALLED = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
_MAKE_HYPERTABLE = """
    SELECT public.create_hypertable($1::text::regclass,
        public.by_range($2::text::name, partition_interval => $3::interval),
        if_not_exists => true, create_default_indexes => false, migrate_data => true)
"""

# Dropping a chunk is the owner's right; the worker may ask for it through this function alone.
_DROP_OLDER = """
    CREATE OR REPLACE FUNCTION vigie.drop_older(series text, time_column text, before timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vigie, public, pg_temp
    AS $$
    BEGIN
        IF (series, time_column) NOT IN
            (('heartbeat', 'received_at'), ('section', 'received_at'), ('folded', 'folded_at')) THEN
            RAISE EXCEPTION 'not a series: %', series;
        END IF;
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
            PERFORM public.drop_chunks(format('vigie.%I', series)::regclass, older_than => before);
        ELSE
            EXECUTE format('DELETE FROM vigie.%I WHERE %I < $1', series, time_column) USING before;
        END IF;
    END
    $$
"""
_DROP_OLDER_RIGHTS = """
    REVOKE ALL ON FUNCTION vigie.drop_older(text, text, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION vigie.drop_older(text, text, timestamptz) TO vigie_worker
"""


async def prepare_series(conn: Connection) -> bool:
    """Make the series hypertables where the server offers it; true if they are."""
    await conn.execute(_DROP_OLDER)
    await conn.execute(_DROP_OLDER_RIGHTS)
    await prepare_accepted(conn, datetime.now(UTC))
    if not await _enabled(conn):
        return False
    for series in SERIES:
        await conn.execute(_MAKE_HYPERTABLE, f"vigie.{series.table}", series.time, series.chunk)
    return True


async def _enabled(conn: Connection) -> bool:
    """A managed server may offer the extension and still refuse to create it."""
    if await conn.fetchval(_INSTALLED):
        return True
    if not await conn.fetchval(_OFFERED):
        return False
    try:
        await conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public")
    except (asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError):
        return False
    return True


# Plain tables delete row by row; a day's worth of a large fleet may take minutes, and holds up nobody.
_DROP_TIMEOUT_S = 1_800.0
_CALL_DROP_OLDER = "SELECT vigie.drop_older($1, $2, $3)"


async def drop_expired(conn: Connection, now: datetime) -> None:
    """Retention: each series less what is older than it is kept, and resends less what cannot come again."""
    for series in SERIES:
        await conn.execute(_CALL_DROP_OLDER, series.table, series.time, now - series.keep, timeout=_DROP_TIMEOUT_S)
    await keep_accepted(conn, now)
