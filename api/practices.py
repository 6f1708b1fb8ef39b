"""`/v1/practices`: how every practice stands, the worst first."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.contract import EndpointAnswer, JobAnswer, Page, PracticeAnswer, PracticeDetail, problems
from api.cursor import from_cursor, to_cursor
from api.desk import AtDesk
from api.operator import SignedOperator
from collector.model.finding import State
from collector.problems import problem
from collector.store.reading import (
    PracticeKey,
    endpoint_standings,
    job_standings,
    practice_row,
    practices_worst_first,
    reading,
)

routes = APIRouter(prefix="/v1/practices", tags=["practices"])

Limit = Annotated[int, Query(ge=1, le=500, description="rows of a page")]
After = Annotated[str | None, Query(max_length=1_000, description="the `next` of the page before")]


@routes.get("", responses=problems())
async def practices(
    desk: AtDesk,
    _: SignedOperator,
    state: Annotated[State | None, Query(description="only those in this state")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[PracticeAnswer]:
    """Practices worst first: by state, those with unacknowledged incidents first, then those that wait longest."""
    key = from_cursor(PracticeKey, after)
    async with reading(desk.pool) as conn:
        rows = await practices_worst_first(conn, frozenset([state] if state else State), key, limit + 1)
    following = to_cursor(rows[limit - 1].key) if len(rows) > limit else None
    return Page(items=[PracticeAnswer.of(row, desk.status_page(row.link)) for row in rows[:limit]], next=following)


@routes.get("/{practice_id}", responses=problems(404))
async def practice(desk: AtDesk, _: SignedOperator, practice_id: UUID) -> PracticeDetail:
    """One practice with its machines and backup jobs as they stand."""
    async with reading(desk.pool) as conn:
        row = await practice_row(conn, practice_id)
        if row is None:
            raise problem(404, "no_practice", "There is no such practice", f"No practice has the id {practice_id}.")
        endpoints = await endpoint_standings(conn, practice_id)
        jobs = await job_standings(conn, practice_id)
    return PracticeDetail(
        practice=PracticeAnswer.of(row, desk.status_page(row.link)),
        endpoints=[EndpointAnswer.model_validate(one) for one in endpoints],
        jobs=[JobAnswer.model_validate(one) for one in jobs],
    )
