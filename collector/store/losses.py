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


EndpointKey = tuple[UUID, UUID]  # practice and endpoint


@dataclass(frozen=True)
class Loss:
    """`lapses_at` is when the oldest hole is older than a day."""

    lost: int
    lapses_at: datetime


# A hole lies between neighbours in `seq`. Not one: a jump by more than a day of heartbeats, which is a new count; and
# where the lower came after the higher, which is a count that began again from below. The endpoint's own clock
# is not asked.
_COUNT = """
    SELECT practice_id, endpoint_id, sum(missing)::bigint AS lost, min(at) + $4 AS lapses_at
    FROM (
        SELECT practice_id, endpoint_id, min(received_at) AS at, min(interval_s) AS interval_s,
            lead(seq) OVER following - seq - 1 AS missing, lead(min(received_at)) OVER following AS next_at
        FROM unnest($1::uuid[], $2::uuid[]) AS asked (practice_id, endpoint_id)
        CROSS JOIN LATERAL (
            SELECT seq, received_at, interval_s FROM heartbeat AS h
            WHERE h.practice_id = asked.practice_id AND h.endpoint_id = asked.endpoint_id
                AND h.received_at > $3::timestamptz - $4::interval AND h.received_at <= $3
            ORDER BY h.received_at DESC LIMIT $5
        ) AS latest
        GROUP BY practice_id, endpoint_id, seq
        WINDOW following AS (PARTITION BY practice_id, endpoint_id ORDER BY seq)
    ) AS heard
    WHERE missing BETWEEN 1 AND 86400 / interval_s AND at <= next_at
    GROUP BY practice_id, endpoint_id
"""
_BROKEN = """
    SELECT DISTINCT h.practice_id, h.endpoint_id
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[])
        AS told (practice_id, endpoint_id, received_at, id)
    JOIN heartbeat AS h ON h.practice_id = told.practice_id AND h.endpoint_id = told.endpoint_id
        AND h.received_at = told.received_at AND h.id = told.id
    LEFT JOIN LATERAL (
        SELECT seq FROM heartbeat AS b
        WHERE b.practice_id = h.practice_id AND b.endpoint_id = h.endpoint_id AND b.received_at <= h.received_at
            AND (b.received_at < h.received_at OR b.seq < h.seq)
        ORDER BY b.received_at DESC, b.seq DESC LIMIT 1
    ) AS before ON true
    WHERE before.seq IS DISTINCT FROM h.seq - 1
"""
_KEPT = """
    SELECT practice_id, endpoint_id, lost, lapses_at FROM heartbeat_loss WHERE practice_id = ANY ($1::uuid[])
"""
_FORGET = """
    DELETE FROM heartbeat_loss AS l USING unnest($1::uuid[], $2::uuid[]) AS gone (practice_id, endpoint_id)
    WHERE l.practice_id = gone.practice_id AND l.endpoint_id = gone.endpoint_id
"""
_KEEP = """
    INSERT INTO heartbeat_loss (practice_id, endpoint_id, lost, lapses_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[])
    ON CONFLICT (practice_id, endpoint_id) DO UPDATE SET lost = EXCLUDED.lost, lapses_at = EXCLUDED.lapses_at
"""


async def count_losses(
    conn: Connection, endpoints: Collection[EndpointKey], until: datetime
) -> Mapping[EndpointKey, Loss]:
    """Of each endpoint that lost any in the day up to an instant."""
    rows = await conn.fetch(_COUNT, *_columns(endpoints), until, COUNTED, MOST_COUNTED)
    return {(row["practice_id"], row["endpoint_id"]): Loss(row["lost"], row["lapses_at"]) for row in rows}


def _columns(endpoints: Collection[EndpointKey]) -> tuple[list[UUID], list[UUID]]:
    return [practice_id for practice_id, _ in endpoints], [endpoint_id for _, endpoint_id in endpoints]


async def renew_losses(
    conn: Connection, practice_ids: Collection[UUID], reports: Mapping[UUID, Sequence[Report]], now: datetime
) -> Mapping[EndpointKey, Loss]:
    """The same for all of some practices, where these reports are what is new."""
    rows = await conn.fetch(_KEPT, list(practice_ids))
    kept = {(row["practice_id"], row["endpoint_id"]): Loss(row["lost"], row["lapses_at"]) for row in rows}
    told = [
        ((practice_id, one.endpoint_id), one)
        for practice_id, some in reports.items()
        for one in some
        if one.endpoint_id is not None
    ]
    stale = {one for one, loss in kept.items() if loss.lapses_at <= now}
    stale |= {key for key, _ in told if key in kept}
    stale |= await _broken(conn, [(key, one) for key, one in told if key not in kept])
    if not stale:
        return kept
    counted = await count_losses(conn, stale, now)
    await _keep(conn, kept.keys() & stale - counted.keys(), counted)
    return {one: loss for one, loss in kept.items() if one not in stale} | dict(counted)


async def _broken(conn: Connection, told: Sequence[tuple[EndpointKey, Report]]) -> set[EndpointKey]:
    """Endpoints whose count does not go on where the heartbeat before left it."""
    if not told:
        return set()
    received, ids = [one.received_at for _, one in told], [one.heartbeat_id for _, one in told]
    rows = await conn.fetch(_BROKEN, *_columns([key for key, _ in told]), received, ids)
    return {(row["practice_id"], row["endpoint_id"]) for row in rows}


async def _keep(conn: Connection, gone: Collection[EndpointKey], counted: Mapping[EndpointKey, Loss]) -> None:
    if gone:
        await conn.execute(_FORGET, *_columns(gone))
    if counted:
        losses = counted.values()
        lost, lapses_at = [one.lost for one in losses], [one.lapses_at for one in losses]
        await conn.execute(_KEEP, *_columns(counted), lost, lapses_at)
