"""What a practice's past is played again from: signs of life, policies, and what was raised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from collector.model.incident import Incident, IncidentState
from collector.model.policy import Policy
from collector.store.connect import Connection


@dataclass(frozen=True)
class LiveSpan:
    """An endpoint was heard from one instant to another, at least once in each interval."""

    endpoint_id: UUID
    up_from: datetime
    up_to: datetime
    interval_s: int


# An open span has lasted until the last heartbeat; the last one before the beginning says since when one is silent.
_SPANS = """
    SELECT endpoint_id, up_from, interval_s, least($3, coalesce(up_to, (
        SELECT max(received_at) FROM heartbeat AS h
        WHERE h.practice_id = $1 AND h.endpoint_id = s.endpoint_id AND h.received_at <= $3), up_from)) AS up_to
    FROM liveness_span AS s
    WHERE practice_id = $1 AND up_from <= $3 AND (up_to IS NULL OR up_to >= $2 OR NOT EXISTS (
        SELECT FROM liveness_span AS later
        WHERE later.practice_id = $1 AND later.endpoint_id = s.endpoint_id AND later.up_from > s.up_from
            AND later.up_from <= $2))
    ORDER BY endpoint_id, up_from
"""
_POLICIES = """
    SELECT applied_at, body FROM policy JOIN configuration USING (version)
    WHERE practice_id = $1 AND applied_at <= $3 AND version >= coalesce((
        SELECT max(version) FROM policy JOIN configuration USING (version)
        WHERE practice_id = $1 AND applied_at <= $2), 0)
    ORDER BY version
"""
# An incident that opened again was raised each time; what it was the last time stands for all.
_RAISED = """
    SELECT to_jsonb(i) - 'practice_id' AS body, raised.at AS raised_at, raised.said AS reason, (
        SELECT min(at) FROM incident_event AS o
        WHERE o.practice_id = $1 AND o.incident_id = i.incident_id AND o.event_id > raised.event_id
            AND o.what = 'resolved') AS over_at
    FROM incident AS i JOIN incident_event AS raised USING (practice_id, incident_id)
    WHERE practice_id = $1 AND raised.what IN ('opened', 'reopened') AND raised.at <= $3
        AND (i.resolved_at IS NULL OR i.resolved_at > $2)
    ORDER BY raised.at, i.incident_id
"""


async def live_spans(conn: Connection, practice_id: UUID, since: datetime, until: datetime) -> list[LiveSpan]:
    """Of every endpoint, in order; those that ended before the beginning are left out, but for the last."""
    return [LiveSpan(**dict(row)) for row in await conn.fetch(_SPANS, practice_id, since, until)]


async def policies_between(
    conn: Connection, practice_id: UUID, since: datetime, until: datetime
) -> Sequence[tuple[datetime, Policy]]:
    """The one that was in force at the beginning, and those after it, with when each was applied."""
    rows = await conn.fetch(_POLICIES, practice_id, since, until)
    return [(row["applied_at"], Policy.model_validate_json(row["body"])) for row in rows]


async def raised_between(conn: Connection, practice_id: UUID, since: datetime, until: datetime) -> tuple[Incident, ...]:
    """Each time that an incident lasted at some instant between, in the order of their beginning."""
    rows = await conn.fetch(_RAISED, practice_id, since, until)
    return tuple(_raised(row) for row in rows if row["over_at"] is None or row["over_at"] > since)


def _raised(row: Record) -> Incident:
    """As if it had never reopened, which a replay does not."""
    incident, over_at = Incident.model_validate_json(row["body"]), row["over_at"]
    update: dict[str, object] = {"opened_at": row["raised_at"], "reopened_at": None, "reason": row["reason"]}
    if over_at:
        update |= {"state": IncidentState.RESOLVED, "resolved_at": over_at}
    return incident.model_copy(update=update)
