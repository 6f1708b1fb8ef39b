"""`/v1/incidents`: what is or was wrong, and all that happened to it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.contract import IncidentAnswer, Page, problems
from api.cursor import from_cursor, to_cursor
from api.deed_contract import IncidentDetail
from api.deeds import unknown
from api.desk import AtDesk
from api.operator import SignedOperator
from api.practices import After, Limit
from collector.model.incident import IncidentState
from collector.store.incident_pages import NewestKey, incident_row, incidents_newest_first
from collector.store.reading import reading
from collector.store.timeline import history, ticket_there

routes = APIRouter(prefix="/v1/incidents", tags=["incidents"])


class Wanted(StrEnum):
    """States, and what lasts: open or acknowledged."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    LASTING = "lasting"

    @property
    def states(self) -> frozenset[IncidentState]:
        if self is Wanted.LASTING:
            return frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED})
        return frozenset({IncidentState(self.value)})


Before = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="the `earlier` of an answer, for what happened before that")
]


@routes.get("", responses=problems())
async def incidents(
    desk: AtDesk,
    _: SignedOperator,
    state: Annotated[Wanted | None, Query(description="only those in this state; `lasting` is not resolved")] = None,
    practice_id: Annotated[UUID | None, Query(description="only those of this practice")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[IncidentAnswer]:
    """Incidents, the newest first."""
    states = state.states if state else frozenset(IncidentState)
    key = from_cursor(NewestKey, after)
    async with reading(desk.pool) as conn:
        rows = await incidents_newest_first(conn, states, practice_id, key, limit + 1)
    following = to_cursor(rows[limit - 1].key) if len(rows) > limit else None
    return Page(items=[IncidentAnswer.of(row) for row in rows[:limit]], next=following)


@routes.get("/{incident_id}", responses=problems(404))
async def incident(desk: AtDesk, _: SignedOperator, incident_id: UUID, before: Before = None) -> IncidentDetail:
    """One incident with what happened to it last, and its ticket."""
    async with reading(desk.pool) as conn:
        row = await incident_row(conn, incident_id)
        if row is None:
            raise unknown(incident_id)
        told = await history(conn, row.practice_id, incident_id, before)
        ticket_id = row.incident.ticket_id
        ticket = await ticket_there(conn, row.practice_id, ticket_id) if ticket_id else None
    return IncidentDetail.made(row, told, ticket)
