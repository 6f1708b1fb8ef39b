"""When each endpoint was heard, as spans that outlive the raw heartbeats."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.snapshot import Sighting
from collector.store.connect import Connection

# As long as any instant can be rebuilt (400 days, collector/store/snapshots.py), and a month to tell how long before it
# one fell silent.
SPANS_KEPT = timedelta(days=440)

_OPEN = """
    INSERT INTO liveness_span (practice_id, endpoint_id, up_from, interval_s)
    SELECT $1, heard.* FROM unnest($2::uuid[], $3::timestamptz[], $4::int[]) AS heard (endpoint_id, at, interval_s)
    WHERE NOT EXISTS (
        SELECT FROM liveness_span AS s
        WHERE s.practice_id = $1 AND s.endpoint_id = heard.endpoint_id AND (s.up_to IS NULL OR s.up_to >= heard.at))
    ON CONFLICT DO NOTHING
"""
# An open span has the interval of now: what the fleet owes is summed over them.
_GO_ON = """
    UPDATE liveness_span
    SET interval_s = heard.interval_s, up_to = CASE WHEN silent THEN greatest(up_from, heard.at) END
    FROM unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::boolean[]) AS heard (endpoint_id, at, interval_s, silent)
    WHERE practice_id = $1 AND liveness_span.endpoint_id = heard.endpoint_id AND up_to IS NULL
        AND (silent OR liveness_span.interval_s <> heard.interval_s)
"""


async def keep_spans(
    conn: Connection, practice_id: UUID, sightings: Mapping[UUID, Sighting], silent: Collection[UUID]
) -> None:
    """Open a span for each endpoint that was heard, and end those of the silent at their last heartbeat."""
    at = [one.received_at for one in sightings.values()]
    interval_s = [one.interval_s for one in sightings.values()]
    await conn.execute(_OPEN, practice_id, list(sightings), at, interval_s)
    await conn.execute(_GO_ON, practice_id, list(sightings), at, interval_s, [one in silent for one in sightings])


_DROP = "DELETE FROM liveness_span WHERE up_to < $1"


async def drop_spans(conn: Connection, now: datetime) -> None:
    """Those that ended before any instant that can be rebuilt; an open one stays."""
    await conn.execute(_DROP, now - SPANS_KEPT)
