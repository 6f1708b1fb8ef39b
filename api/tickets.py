"""`/v1/tickets`: what ticket systems were told, and what they have not taken yet."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.contract import Page, TicketAnswer, problems
from api.cursor import from_cursor, to_cursor
from api.desk import AtDesk
from api.operator import SignedOperator
from api.practices import After, Limit
from collector.model.incident import TicketState
from collector.store.incident_pages import NewestKey, tickets_newest_first
from collector.store.reading import reading

routes = APIRouter(prefix="/v1/tickets", tags=["tickets"])


@routes.get("", responses=problems())
async def tickets(
    desk: AtDesk,
    _: SignedOperator,
    state: Annotated[TicketState | None, Query(description="only those in this state")] = None,
    practice_id: Annotated[UUID | None, Query(description="only those of this practice")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[TicketAnswer]:
    """Tickets, the newest first."""
    key = from_cursor(NewestKey, after)
    async with reading(desk.pool) as conn:
        states = frozenset([state] if state else TicketState)
        rows = await tickets_newest_first(conn, states, practice_id, key, limit + 1)
    following = to_cursor(rows[limit - 1].key) if len(rows) > limit else None
    return Page(items=[TicketAnswer.of(row) for row in rows[:limit]], next=following)
