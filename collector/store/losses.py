"""How many heartbeats of its last day each endpoint lost on the way, counted by the holes in `seq`.

Counted here and not by collectors: what one of two behind a load balancer lacks has come to the other. Reading a day
of an endpoint costs a thousand scattered rows, so it is done only where there is a reason:
1. A hole makes a collector store every section again, and so wake the worker (collector/intake/changes.py): only
   an endpoint that reported can have lost more, and only if what came before it does not precede it in `seq`.
2. One that lacks some is counted anew when it reports, and when its oldest hole has passed out of the day.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.report import Report
from collector.store.connect import Connection

COUNTED = timedelta(days=1)
# Of each endpoint, the latest: a day of one that reports every five seconds. A key that floods must not make the
# judging of its own practice slow.
MOST_COUNTED = 20_000


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
        FROM unnest($2::uuid[]) AS asked (endpoint_id)
        CROSS JOIN LATERAL (
            SELECT seq, received_at, interval_s FROM heartbeat AS h
            WHERE h.practice_id = $1 AND h.endpoint_id = asked.endpoint_id
                AND h.received_at > $3::timestamptz - $4::interval AND h.received_at <= $3
            ORDER BY h.received_at DESC LIMIT $5
        ) AS latest
        GROUP BY endpoint_id, seq
        WINDOW following AS (PARTITION BY endpoint_id ORDER BY seq)
    ) AS heard
    WHERE missing BETWEEN 1 AND 86400 / interval_s AND at <= next_at
    GROUP BY endpoint_id
"""
_BROKEN = """
    SELECT DISTINCT h.endpoint_id
    FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[]) AS told (endpoint_id, received_at, id)
    JOIN heartbeat AS h ON h.practice_id = $1 AND h.endpoint_id = told.endpoint_id
        AND h.received_at = told.received_at AND h.id = told.id
    LEFT JOIN LATERAL (
        SELECT seq FROM heartbeat AS b
        WHERE b.practice_id = $1 AND b.endpoint_id = h.endpoint_id AND b.received_at <= h.received_at
            AND (b.received_at < h.received_at OR b.seq < h.seq)
        ORDER BY b.received_at DESC, b.seq DESC LIMIT 1
    ) AS before ON true
    WHERE before.seq IS DISTINCT FROM h.seq - 1
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
    rows = await conn.fetch(_COUNT, practice_id, list(endpoints), until, COUNTED, MOST_COUNTED)
    return {row["endpoint_id"]: Loss(row["lost"], row["lapses_at"]) for row in rows}


async def renew_losses(
    conn: Connection, practice_id: UUID, reports: Sequence[Report], now: datetime
) -> Mapping[UUID, Loss]:
    """The same for all of a practice, where these reports are what is new."""
    kept = {row["endpoint_id"]: Loss(row["lost"], row["lapses_at"]) for row in await conn.fetch(_KEPT, practice_id)}
    stale = {one for one, loss in kept.items() if loss.lapses_at <= now}
    stale |= {one.endpoint_id for one in reports if one.endpoint_id in kept}
    stale |= await _broken(conn, practice_id, [one for one in reports if one.endpoint_id not in kept])
    if not stale:
        return kept
    counted = await count_losses(conn, practice_id, stale, now)
    await _keep(conn, practice_id, kept.keys() & stale - counted.keys(), counted)
    return {one: loss for one, loss in kept.items() if one not in stale} | dict(counted)


async def _broken(conn: Connection, practice_id: UUID, reports: Sequence[Report]) -> set[UUID]:
    """Endpoints whose count does not go on where the heartbeat before left it."""
    told = [(one.endpoint_id, one.received_at, one.heartbeat_id) for one in reports if one.endpoint_id is not None]
    if not told:
        return set()
    endpoints, received, ids = zip(*told, strict=True)
    return {row["endpoint_id"] for row in await conn.fetch(_BROKEN, practice_id, endpoints, received, ids)}


async def _keep(conn: Connection, practice_id: UUID, gone: Collection[UUID], counted: Mapping[UUID, Loss]) -> None:
    if gone:
        await conn.execute(_FORGET, practice_id, list(gone))
    if counted:
        losses = counted.values()
        lost, lapses_at = [one.lost for one in losses], [one.lapses_at for one in losses]
        await conn.execute(_KEEP, practice_id, list(counted), lost, lapses_at)
