"""What is remembered of accepted heartbeats, by the week of their ids, so that a resend is known."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import asyncpg

from collector.store.connect import Connection

# A heartbeat may be resent for 35 days (collector/intake/contract.py); afterwards it is too old.
RESENDS_KEPT = timedelta(days=40)
# So long may no worker keep house before new ids fall into `accepted_other`, and must be moved out of it.
AHEAD = timedelta(weeks=3)

# A week that is made late, or an outlier of ids, may be large.
_TIMEOUT_S = 1_800.0

_MAKE_WEEK = "SELECT vigie.make_accepted_week($1)"
_DROP_WEEK = "SELECT vigie.drop_accepted_week($1)"
_FORGET_OTHER = "SELECT vigie.forget_accepted_other($1)"


async def keep_accepted(conn: Connection, now: datetime) -> None:
    """Weeks ready for the ids to come; what cannot be resent any more is gone.

    Raises asyncpg.LockNotAvailableError where a step would have held up intake: the next round takes it up.
    """
    oldest = now - RESENDS_KEPT
    await _make_weeks(conn, now)
    while await conn.fetchval(_DROP_WEEK, oldest, timeout=_TIMEOUT_S):
        pass
    await conn.execute(_FORGET_OTHER, oldest, timeout=_TIMEOUT_S)


async def prepare_accepted(conn: Connection, now: datetime) -> None:
    """The weeks alone, for a new database; on a busy one they may be left to the worker."""
    try:
        await _make_weeks(conn, now)
    except asyncpg.LockNotAvailableError:
        return


async def _make_weeks(conn: Connection, now: datetime) -> None:
    for monday in mondays(now - RESENDS_KEPT, now + AHEAD):
        await conn.execute(_MAKE_WEEK, monday, timeout=_TIMEOUT_S)


def mondays(since: datetime, until: datetime) -> Iterator[date]:
    """The Mondays, in UTC, of the weeks between two instants, both included."""
    monday = since.astimezone(UTC).date() - timedelta(days=since.astimezone(UTC).weekday())
    while monday <= until.astimezone(UTC).date():
        yield monday
        monday += timedelta(weeks=1)
