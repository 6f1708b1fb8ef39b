"""One incident for people: what is wrong, all that happened to it, and what an operator may do about it."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.desk import AtDesk, Desk
from api.facts import Telling
from api.holding import Holdings, holdings
from api.incidents import Before
from api.language import NOC_LANGUAGE
from api.moments import Moments
from api.session import Session, SignedIn
from api.spans import SPANS_ALONE, Span
from collector.escalation.deeds import Refusal
from collector.model.campaign import PROVIDER, needs_two
from collector.model.incident import Incident
from collector.store.campaigns import lasting_campaign_incidents
from collector.store.connect import Connection
from collector.store.deeds import people
from collector.store.incident_pages import IncidentRow, incident_row
from collector.store.reading import reading
from collector.store.silences import lasting_silences
from collector.store.timeline import History, TicketThere, history, ticket_there

routes = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Known:
    """What the page is made of: `campaigns` that it could be merged into, and `people` whom it can be given to."""

    row: IncidentRow
    told: History
    ticket: TicketThere | None
    campaigns: list[Incident]
    people: list[str]
    holdings: Holdings


@routes.get("/noc/incidents/{incident_id}")
async def page(request: Request, desk: AtDesk, session: SignedIn, incident_id: UUID, before: Before = None) -> Response:
    return await incident_page(request, desk, session, incident_id, before=before)


async def incident_page(
    request: Request,
    desk: Desk,
    session: Session,
    incident_id: UUID,
    refusal: Refusal | None = None,
    before: int | None = None,
) -> Response:
    """With a refusal it says first why nothing was done."""
    async with reading(desk.pool) as conn:
        known = await _known(conn, desk, incident_id, before)
    if known is None:
        raise HTTPException(404)
    texts, incident = desk.pages.words(request, NOC_LANGUAGE), known.row.incident
    moments = Moments(texts.language, "UTC", desk.now())
    telling = Telling(texts, moments)
    return desk.pages.show(
        "incident_page.html",
        texts,
        HTTPStatus.CONFLICT if refusal else HTTPStatus.OK,
        session=session,
        known=known,
        one=incident,
        ours=known.row.practice_id == PROVIDER,
        facts=telling.facts(incident.facts),
        lines=[telling.line(incident.rule, one) for one in reversed(known.told.entries)],
        held=known.holdings.of(incident.walk.held_by),
        two=needs_two(incident),
        paged=before is not None,
        url=_address(known.ticket),
        refusal=refusal,
        spans=list(Span),
        spans_alone=SPANS_ALONE,
        moments=moments,
    )


async def _known(conn: Connection, desk: Desk, incident_id: UUID, before: int | None) -> Known | None:
    row = await incident_row(conn, incident_id)
    if row is None:
        return None
    ticket_id = row.incident.ticket_id
    return Known(
        row,
        await history(conn, row.practice_id, incident_id, before),
        await ticket_there(conn, row.practice_id, ticket_id) if ticket_id else None,
        await lasting_campaign_incidents(conn),
        await people(conn),
        holdings(await lasting_silences(conn, desk.now()), desk.now()),
    )


def _address(ticket: TicketThere | None) -> str | None:
    """Where the ticket is worked on; what a ticket system gave as its address is followed only if it is one."""
    url = ticket.remote.url if ticket and ticket.remote else None
    return url if url and urlsplit(url).scheme in {"http", "https"} else None
