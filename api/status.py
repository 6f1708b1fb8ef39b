"""A practice's own page: behind an unguessable link, in the words of people who are not technicians."""

import re
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.desk import AtDesk, Desk
from api.language import STATUS_LANGUAGE, Language
from api.loss import loss
from api.moments import Moments
from api.pulse import lapse
from collector.model.finding import State
from collector.model.standing import EndpointStanding, JobStanding
from collector.store.connect import Connection
from collector.store.noc import Pulse, pulse
from collector.store.reading import PracticeRow, endpoint_standings, job_standings, practice_row, reading_by_link

routes = APIRouter(include_in_schema=False)

_LINK = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
# The address is the secret: it goes nowhere, not even to our own server as a referrer.
_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


@dataclass(frozen=True)
class _Standing:
    practice: PracticeRow
    jobs: tuple[JobStanding, ...]
    endpoints: tuple[EndpointStanding, ...]
    pulse: Pulse


@routes.get("/status/{link}")
async def status(request: Request, desk: AtDesk, link: str) -> Response:
    standing = await _standing_behind(desk, link) if _LINK.fullmatch(link) else None
    if standing is None:
        raise HTTPException(404)
    page = _page(request, desk, standing)
    page.headers.update(_HEADERS)
    return page


async def _standing_behind(desk: Desk, link: str) -> _Standing | None:
    """Unknown, revoked, and of a practice no longer watched all look the same."""
    async with reading_by_link(desk.pool, link) as opened:
        if opened is None:
            return None
        return await _standing(desk, *opened)


async def _standing(desk: Desk, conn: Connection, practice_id: UUID) -> _Standing | None:
    practice = await practice_row(conn, practice_id)
    if practice is None or practice.state is State.RETIRED:
        return None
    return _Standing(
        practice,
        await job_standings(conn, practice_id),
        await endpoint_standings(conn, practice_id),
        await pulse(conn, desk.now()),
    )


def _page(request: Request, desk: Desk, standing: _Standing) -> Response:
    now = desk.now()
    texts = desk.pages.words(request, STATUS_LANGUAGE)
    lapsed = lapse(standing.pulse, now)
    return desk.pages.show(
        "status.html",
        texts,
        practice=standing.practice,
        state=State.UNKNOWN if lapsed and standing.practice.state is State.OK else standing.practice.state,
        lapsed=lapsed,
        loss=loss(standing.jobs, standing.endpoints),
        jobs=standing.jobs,
        endpoints=standing.endpoints,
        moments=Moments(texts.language, standing.practice.zone, now),
        languages=list(Language),
    )
