"""How many heartbeats of its last day each endpoint lost on the way, counted by the holes in `seq`.

Counted here and not by collectors: what one of two behind a load balancer lacks has come to the other. A hole makes a
collector store every section again, and so wake the worker (collector/intake/changes.py): only an endpoint that
reported has to be counted anew, and one whose oldest hole has passed out of the day.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from collector.store.connect import Connection

COUNTED = timedelta(days=1)


@dataclass(frozen=True)
class Loss:
    """`lapses_at` is when the oldest hole is older than a day."""

    lost: int
    lapses_at: datetime


# A hole lies between neighbours in `seq`. Not one: a jump by more than a day of heartbeats, which is a new count; and
# where the lower came after the higher, which is a count that began again from below. The endpoint's own clock
# is not asked.
_COUNT = """
    SELECT endpoint_id, sum(missing)::bigint AS lost, min(at) + $4 AS lapses_at
    FROM (
        SELECT endpoint_id, min(received_at) AS at, min(interval_s) AS interval_s,
            lead(seq) OVER following - seq - 1 AS missing, lead(min(received_at)) OVER following AS next_at
        FROM heartbeat
        WHERE practice_id = $1 AND endpoint_id = ANY ($2::uuid[]) AND received_at > $3::timestamptz - $4::interval
            AND received_at <= $3
        GROUP BY endpoint_id, seq
        WINDOW following AS (PARTITION BY endpoint_id ORDER BY seq)
    ) AS heard
    WHERE missing BETWEEN 1 AND 86400 / interval_s AND at <= next_at
    GROUP BY endpoint_id
"""
_KEPT = "SELECT endpoint_id, lost, lapses_at FROM heartbeat_loss WHERE practice_id = $1"
_FORGET = "DELETE FROM heartbeat_loss WHERE practice_id = $1 AND endpoint_id = ANY ($2::uuid[])"
_KEEP = """
    INSERT INTO heartbeat_loss (practice_id, endpoint_id, lost, lapses_at)
    SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[])
    ON CONFLICT (practice_id, endpoint_id) DO UPDATE SET lost = EXCLUDED.lost, lapses_at = EXCLUDED.lapses_at
"""


async def count_losses(
    conn: Connection, practice_id: UUID, endpoints: Collection[UUID], until: datetime
) -> Mapping[UUID, Loss]:
    """Of each endpoint that lost any in the day up to an instant."""
    rows = await conn.fetch(_COUNT, practice_id, list(endpoints), until, COUNTED)
    return {row["endpoint_id"]: Loss(row["lost"], row["lapses_at"]) for row in rows}


async def renew_losses(
    conn: Connection, practice_id: UUID, reported: Collection[UUID], now: datetime
) -> Mapping[UUID, Loss]:
    """The same for all of a practice, where only those in `reported` may have changed but by the clock."""
    kept = {row["endpoint_id"]: Loss(row["lost"], row["lapses_at"]) for row in await conn.fetch(_KEPT, practice_id)}
    stale = {*reported, *(one for one, loss in kept.items() if loss.lapses_at <= now)}
    if not stale:
        return kept
    counted = await count_losses(conn, practice_id, stale, now)
    if gone := [one for one in stale if one in kept and one not in counted]:
        await conn.execute(_FORGET, practice_id, gone)
    if changed := {one: loss for one, loss in counted.items() if kept.get(one) != loss}:
        losses = list(changed.values())
        await conn.execute(
            _KEEP, practice_id, list(changed), [one.lost for one in losses], [one.lapses_at for one in losses]
        )
    return {**{one: loss for one, loss in kept.items() if one not in stale}, **counted}
