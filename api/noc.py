"""The NOC page: who needs us now? Behind an operator's session, the worst first."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.cursor import from_cursor, to_cursor
from api.desk import AtDesk, Desk
from api.holding import Holdings, holdings
from api.language import NOC_LANGUAGE
from api.moments import Moments
from api.pulse import Lapse, Outage, lapse, outage
from api.session import SignedIn
from api.spans import SPANS_ALONE
from collector.model.campaign import PROVIDER
from collector.model.finding import State
from collector.store.connect import Connection
from collector.store.noc import (
    LastingIncident,
    Oddity,
    count_by_state,
    lasting_by_practice,
    oddities_by_practice,
    pulse,
    uncovered_by_practice,
)
from collector.store.reading import PracticeKey, PracticeRow, practice_row, practices_worst_first, reading
from collector.store.silences import lasting_silences

routes = APIRouter(include_in_schema=False)

PRACTICES_SHOWN = 50
INCIDENTS_SHOWN = 5
# Of one practice alone: as many as an operator reads.
INCIDENTS_ALONE = 100
ODDITIES_SHOWN = 3
CAMPAIGNS_SHOWN = 20
_NEEDS_US = frozenset({State.CRITICAL, State.WARNING, State.UNKNOWN})


@dataclass(frozen=True)
class Need:
    """A practice on the page, what is open there, which machines no backup job covers, and which are odd otherwise."""

    practice: PracticeRow
    status_page: str | None
    incidents: list[LastingIncident]
    uncovered: list[str]
    oddities: list[Oddity]


@dataclass(frozen=True)
class Overview:
    """What the page shows of the fleet: `ours` is the provider's own; `following` is where the next page begins."""

    ours: list[LastingIncident]
    counts: dict[State, int]
    needs: list[Need]
    following: str | None
    lapsed: Lapse | None
    outage: Outage | None
    holdings: Holdings

    @property
    def worst(self) -> State:
        """The worst state that any practice is in; with nobody to watch, nothing is known."""
        return min((state for state, number in self.counts.items() if number), key=_rank, default=State.UNKNOWN)


def _rank(state: State) -> int:
    return state.rank


@routes.get("/")
async def front() -> Response:
    return RedirectResponse("/noc", HTTPStatus.SEE_OTHER)


@routes.get("/noc")
async def noc(
    request: Request,
    desk: AtDesk,
    session: SignedIn,
    state: State | None = None,
    practice: UUID | None = None,
    after: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    overview = await _overview(desk, state, practice, from_cursor(PracticeKey, after))
    texts = desk.pages.words(request, NOC_LANGUAGE)
    return desk.pages.show(
        "noc.html",
        texts,
        session=session,
        overview=overview,
        chosen=state,
        alone=practice is not None,
        paged=after is not None,
        shown=PRACTICES_SHOWN,
        spans=SPANS_ALONE,
        moments=Moments(texts.language, "UTC", desk.now()),
    )


async def _overview(desk: Desk, chosen: State | None, practice_id: UUID | None, after: PracticeKey | None) -> Overview:
    now = desk.now()
    async with reading(desk.pool) as conn:
        rows = await (_alone(conn, practice_id) if practice_id else _worst(conn, chosen, after))
        shown = rows[:PRACTICES_SHOWN]
        practice_ids = [row.practice_id for row in shown]
        lasting = await lasting_by_practice(conn, practice_ids, INCIDENTS_ALONE if practice_id else INCIDENTS_SHOWN)
        uncovered = await uncovered_by_practice(conn, practice_ids)
        oddities = await oddities_by_practice(conn, practice_ids, ODDITIES_SHOWN)
        ours = await lasting_by_practice(conn, [PROVIDER], CAMPAIGNS_SHOWN)
        counts = await count_by_state(conn)
        beat = await pulse(conn, now)
        silences = await lasting_silences(conn, now)
    return Overview(
        ours=ours[PROVIDER],
        counts=dict(counts),
        needs=[
            Need(
                row,
                desk.status_page(row.link),
                lasting[row.practice_id],
                uncovered[row.practice_id],
                oddities[row.practice_id],
            )
            for row in shown
        ],
        following=to_cursor(shown[-1].key) if len(rows) > PRACTICES_SHOWN else None,
        lapsed=lapse(beat, now),
        outage=outage(beat, now),
        holdings=holdings(silences, now),
    )


async def _worst(conn: Connection, chosen: State | None, after: PracticeKey | None) -> list[PracticeRow]:
    """One more than is shown, to know whether more follow."""
    states = frozenset([chosen]) if chosen else _NEEDS_US
    return await practices_worst_first(conn, states, after, PRACTICES_SHOWN + 1)


async def _alone(conn: Connection, practice_id: UUID) -> list[PracticeRow]:
    """One practice whatever its state, as a campaign's page leads to it."""
    row = await practice_row(conn, practice_id)
    if row is None:
        raise HTTPException(404)
    return [row]
