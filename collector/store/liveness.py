"""When each endpoint was heard, as spans that outlive the raw heartbeats."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from collector.store.connect import Connection

# As long as any instant can be rebuilt (400 days, collector/store/snapshots.py), and a month to tell how long before it
# one fell silent.
SPANS_KEPT = timedelta(days=440)

_OPEN = """
    INSERT INTO liveness_span (practice_id, endpoint_id, up_from, interval_s)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[])
        AS heard (practice_id, endpoint_id, at, interval_s)
    WHERE NOT EXISTS (
        SELECT FROM liveness_span AS s
        WHERE s.practice_id = heard.practice_id AND s.endpoint_id = heard.endpoint_id
            AND (s.up_to IS NULL OR s.up_to >= heard.at))
    ON CONFLICT DO NOTHING
"""
# An open span has the interval of now: what the fleet owes is summed over them.
_GO_ON = """
    UPDATE liveness_span
    SET interval_s = heard.interval_s, up_to = CASE WHEN silent THEN greatest(up_from, heard.at) END
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::boolean[])
        AS heard (practice_id, endpoint_id, at, interval_s, silent)
    WHERE liveness_span.practice_id = heard.practice_id AND liveness_span.endpoint_id = heard.endpoint_id
        AND up_to IS NULL
        AND (silent OR liveness_span.interval_s <> heard.interval_s)
"""


@dataclass(frozen=True)
class Heard:
    """The last sign of life of an endpoint, and whether it is too old to be one."""

    practice_id: UUID
    endpoint_id: UUID
    at: datetime
    interval_s: int
    silent: bool


async def keep_spans(conn: Connection, heard: Sequence[Heard]) -> None:
    """Open a span for each endpoint that was heard, and end those of the silent at their last heartbeat."""
    if heard:
        rows = ((one.practice_id, one.endpoint_id, one.at, one.interval_s, one.silent) for one in heard)
        practices, endpoints, at, interval_s, silent = zip(*rows, strict=True)
        await conn.execute(_OPEN, practices, endpoints, at, interval_s)
        await conn.execute(_GO_ON, practices, endpoints, at, interval_s, silent)


_DROP = "DELETE FROM liveness_span WHERE up_to < $1"


async def drop_spans(conn: Connection, now: datetime) -> None:
    """Those that ended before any instant that can be rebuilt; an open one stays."""
    await conn.execute(_DROP, now - SPANS_KEPT)
