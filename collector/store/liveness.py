"""When each endpoint was heard, as spans that outlive the raw heartbeats."""

from collections.abc import Collection, Mapping
from uuid import UUID

from collector.model.snapshot import Sighting
from collector.store.connect import Connection

_OPEN = """
    INSERT INTO liveness_span (practice_id, endpoint_id, up_from, interval_s)
    SELECT $1, heard.* FROM unnest($2::uuid[], $3::timestamptz[], $4::int[]) AS heard (endpoint_id, at, interval_s)
    WHERE NOT EXISTS (
        SELECT FROM liveness_span AS s
        WHERE s.practice_id = $1 AND s.endpoint_id = heard.endpoint_id AND (s.up_to IS NULL OR s.up_to >= heard.at))
    ON CONFLICT DO NOTHING
"""
_CLOSE = """
    UPDATE liveness_span SET up_to = greatest(up_from, silent.at), interval_s = silent.interval_s
    FROM unnest($2::uuid[], $3::timestamptz[], $4::int[]) AS silent (endpoint_id, at, interval_s)
    WHERE practice_id = $1 AND liveness_span.endpoint_id = silent.endpoint_id AND up_to IS NULL
"""


async def keep_spans(
    conn: Connection, practice_id: UUID, sightings: Mapping[UUID, Sighting], silent: Collection[UUID]
) -> None:
    """Open a span for each endpoint that was heard, and end those of the silent at their last heartbeat."""
    await conn.execute(_OPEN, practice_id, *_columns(sightings))
    await conn.execute(_CLOSE, practice_id, *_columns({one: at for one, at in sightings.items() if one in silent}))


def _columns(sightings: Mapping[UUID, Sighting]) -> tuple[list[UUID], list[object], list[int]]:
    heard = list(sightings.values())
    return list(sightings), [one.received_at for one in heard], [one.interval_s for one in heard]
