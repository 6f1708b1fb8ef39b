"""Incidents that a channel was told of, and has not yet been told that they are over."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from collector.model.message import IncidentLine
from collector.store.connect import Connection


class ToldIncident(NamedTuple):
    """An incident as a message tells it, and the name of its practice."""

    practice: str
    incident: IncidentLine


_LASTING = """
    SELECT name AS practice, to_jsonb(i) AS body FROM incident AS i JOIN practice USING (practice_id)
    WHERE state <> 'resolved' AND told @> jsonb_build_array(jsonb_build_object('channel', $1::text))
    ORDER BY opened_at, incident_id
"""
_LAST_STILL = """
    SELECT incident_id FROM incident
    WHERE incident_id = ANY ($2::uuid[]) AND state <> 'resolved'
        AND told @> jsonb_build_array(jsonb_build_object('channel', $1::text))
"""


async def told_incidents(conn: Connection, channel: str) -> list[ToldIncident]:
    """Those that last, of every practice; the oldest first."""
    rows = await conn.fetch(_LASTING, channel)
    return [ToldIncident(row["practice"], IncidentLine.model_validate_json(row["body"])) for row in rows]


async def last_still(conn: Connection, channel: str, incident_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of these last still."""
    return frozenset(row["incident_id"] for row in await conn.fetch(_LAST_STILL, channel, list(incident_ids)))
