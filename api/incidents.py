"""`/v1/incidents`: what is or was wrong, and an operator's hand on it."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.contract import Acknowledgement, IncidentAnswer, Page, problems
from api.cursor import from_cursor, to_cursor
from api.desk import AtDesk
from api.operator import SignedOperator
from api.practices import After, Limit
from collector.model.incident import IncidentState
from collector.problems import ProblemError, problem
from collector.store.acknowledgement import acknowledge_and_read
from collector.store.connect import COMMAND_TIMEOUT_S
from collector.store.incident_pages import NewestKey, incidents_newest_first
from collector.store.reading import reading

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


@routes.post("/{incident_id}/acknowledge", responses=problems(400, 404, 409))
async def acknowledge_incident(
    desk: AtDesk, operator: SignedOperator, incident_id: UUID, said: Acknowledgement | None = None
) -> IncidentAnswer:
    """Say that somebody is at it: escalation stops, evaluation goes on. A second time changes nothing."""
    comment = said.comment if said else ""
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        found = await acknowledge_and_read(conn, incident_id, at=desk.now(), actor=operator.name, comment=comment)
    if found is None:
        raise _unknown(incident_id)
    if found.incident.state is IncidentState.RESOLVED:
        raise problem(409, "resolved", "The incident is resolved", "What is over cannot be acknowledged.")
    return IncidentAnswer.of(found)


def _unknown(incident_id: UUID) -> ProblemError:
    return problem(404, "no_incident", "There is no such incident", f"No incident has the id {incident_id}.")
