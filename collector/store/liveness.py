"""When each endpoint was heard, as spans that outlive the raw heartbeats."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from collector.store.connect import Connection

_OPEN = """
    INSERT INTO liveness_span (practice_id, endpoint_id, up_from)
    SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[]) AS heard (endpoint_id, at)
    WHERE NOT EXISTS (
        SELECT FROM liveness_span AS s
        WHERE s.practice_id = $1 AND s.endpoint_id = heard.endpoint_id AND (s.up_to IS NULL OR s.up_to >= heard.at))
    ON CONFLICT DO NOTHING
"""
_CLOSE = """
    UPDATE liveness_span SET up_to = greatest(up_from, silent.at)
    FROM unnest($2::uuid[], $3::timestamptz[]) AS silent (endpoint_id, at)
    WHERE practice_id = $1 AND liveness_span.endpoint_id = silent.endpoint_id AND up_to IS NULL
"""


async def keep_spans(
    conn: Connection, practice_id: UUID, *, heard: Mapping[UUID, datetime], silent: Mapping[UUID, datetime]
) -> None:
    """Open a span for each endpoint that is heard, and end those of the silent at their last heartbeat."""
    if heard:
        await conn.execute(_OPEN, practice_id, list(heard), list(heard.values()))
    if silent:
        await conn.execute(_CLOSE, practice_id, list(silent), list(silent.values()))
