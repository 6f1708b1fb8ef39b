"""An operator's hand on an incident: found across the fleet, changed with its audit row in one transaction."""

from datetime import datetime
from uuid import UUID

from collector.model.incident import IncidentChange, IncidentState
from collector.store.audit import record_deed
from collector.store.connect import FLEET, Connection, lock_practice, set_scope
from collector.store.incident_pages import IncidentRow, incident_row
from collector.store.incidents import Event, add_events
from collector.store.wakes import wake_practice

_PRACTICE_OF = "SELECT practice_id FROM incident WHERE incident_id = $1"
_STATE = "SELECT state FROM incident WHERE practice_id = $1 AND incident_id = $2"
_ACKNOWLEDGE = """
    UPDATE incident SET state = 'acknowledged', acknowledged_at = $3, acknowledged_by = $4
    WHERE practice_id = $1 AND incident_id = $2 AND state = 'open'
"""


async def acknowledge(
    conn: Connection, incident_id: UUID, *, at: datetime, actor: str, comment: str
) -> IncidentState | None:
    """Acknowledge an open incident and give the state it was in; None if there is none of that id.

    One already acknowledged or resolved stays as it was, so that a second click changes nothing.
    """
    async with conn.transaction():
        await set_scope(conn, FLEET)
        practice_id = await conn.fetchval(_PRACTICE_OF, incident_id)
        if practice_id is None:
            return None
        await lock_practice(conn, practice_id)
        before = IncidentState(await conn.fetchval(_STATE, practice_id, incident_id))
        if before is IncidentState.OPEN:
            await conn.execute(_ACKNOWLEDGE, practice_id, incident_id, at, actor)
            event = Event(practice_id, incident_id, IncidentChange.ACKNOWLEDGED, comment)
            await add_events(conn, [event], at=at, actor=actor)
            await record_deed(
                conn, at=at, actor=actor, action="acknowledge", practice_id=practice_id,
                subject=f"incident:{incident_id}", detail={"comment": comment},
            )  # fmt: skip
            await wake_practice(conn, practice_id, at)
        return before


async def acknowledge_and_read(
    conn: Connection, incident_id: UUID, *, at: datetime, actor: str, comment: str
) -> IncidentRow | None:
    """The same, and the incident as it stands then: whoever cannot be told has changed nothing."""
    async with conn.transaction():
        before = await acknowledge(conn, incident_id, at=at, actor=actor, comment=comment)
        return await incident_row(conn, incident_id) if before else None
