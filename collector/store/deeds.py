"""What people's deeds read and write: an incident's own columns, who there is, and what came back once."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from collector.model.incident import Incident
from collector.store.connect import Connection

_PRACTICE_OF = "SELECT practice_id FROM incident WHERE incident_id = $1"
# The columns that are people's; the judge owns the others, and both hold the practice's lock.
_PUT = """
    UPDATE incident SET state = hand.state, acknowledged_at = hand.acknowledged_at,
        acknowledged_by = hand.acknowledged_by, acknowledged_until = hand.acknowledged_until,
        snoozed_until = hand.snoozed_until, snoozed_by = hand.snoozed_by, assigned_to = hand.assigned_to,
        closing = hand.closing, campaign_id = hand.campaign_id
    FROM jsonb_populate_record(NULL::incident, $3::jsonb) AS hand
    WHERE incident.practice_id = $1 AND incident.incident_id = $2
"""
_SAID_SINCE = """
    SELECT said FROM incident_event
    WHERE practice_id = $1 AND incident_id = $2 AND actor = $3 AND what = 'commented' AND at > $4
"""
_PEOPLE = """
    SELECT name FROM operator WHERE revoked_at IS NULL
    UNION
    SELECT jsonb_object_keys(body -> 'people') FROM escalation
    WHERE version = (SELECT max(version) FROM escalation) AND body ? 'people'
    ORDER BY 1
"""
_TICKET = "SELECT practice_id FROM ticket WHERE ticket_id = $1 AND channel = $2"
_OF_TICKET = """
    SELECT to_jsonb(i) - 'practice_id' AS body FROM incident AS i
    WHERE practice_id = $1 AND ticket_id = $2 ORDER BY opened_at, incident_id
"""
_ONCE = "INSERT INTO inbound (channel, event_id, taken_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1"


async def practice_of(conn: Connection, incident_id: UUID) -> UUID | None:
    practice_id: UUID | None = await conn.fetchval(_PRACTICE_OF, incident_id)
    return practice_id


async def put_deed(conn: Connection, practice_id: UUID, incident: Incident) -> None:
    """The caller holds the practice's lock, and read the incident under it."""
    await conn.execute(_PUT, practice_id, incident.incident_id, incident.model_dump_json())


async def said_since(
    conn: Connection, practice_id: UUID, incident_id: UUID, actor: str, since: datetime
) -> Collection[str]:
    """What somebody said of an incident after an instant."""
    rows = await conn.fetch(_SAID_SINCE, practice_id, incident_id, actor, since)
    return frozenset(row["said"] for row in rows)


async def people(conn: Connection) -> list[str]:
    """Whom an incident can be given to: operators, and the people of escalation.yaml, by name."""
    return [row["name"] for row in await conn.fetch(_PEOPLE)]


async def practice_of_ticket(conn: Connection, channel: str, ticket_id: UUID) -> UUID | None:
    """None if the channel has no such ticket: one ticket system cannot speak of another's."""
    practice_id: UUID | None = await conn.fetchval(_TICKET, ticket_id, channel)
    return practice_id


async def incidents_of_ticket(conn: Connection, practice_id: UUID, ticket_id: UUID) -> list[Incident]:
    """Oldest first, over or not."""
    rows = await conn.fetch(_OF_TICKET, practice_id, ticket_id)
    return [Incident.model_validate_json(row["body"]) for row in rows]


async def take_once(conn: Connection, channel: str, event_id: str, at: datetime) -> bool:
    """Whether this event had not been taken before; two that come at once wait for each other here."""
    return await conn.fetchval(_ONCE, channel, event_id, at) is not None
