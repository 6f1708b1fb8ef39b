"""One silence for people: whom it covers, what it would hold, and a second person's yes."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.desk import AtDesk, Desk
from api.language import NOC_LANGUAGE
from api.moments import Moments
from api.session import OwnForm, Session, SignedIn
from api.silence_contract import DAYS, standing
from collector import silences
from collector.deeds import Hand
from collector.model.campaign import PROVIDER, needs_two
from collector.silences import Answer, SilenceRefusal, Weighed
from collector.store.connect import COMMAND_TIMEOUT_S, Connection
from collector.store.reading import reading
from collector.store.silences import PracticesWithin, Standing, load_silence, names_within, practices_within

routes = APIRouter(include_in_schema=False)

PRACTICES_NAMED = 20


@dataclass(frozen=True)
class Seen:
    """What somebody must see who is to approve: what lasts within the silence's scope, and at which practices."""

    weighed: Weighed
    practices: PracticesWithin
    names: dict[UUID, str]


@routes.get("/noc/silences/{silence_id}")
async def page(request: Request, desk: AtDesk, session: SignedIn, silence_id: UUID) -> Response:
    return await _page(request, desk, session, silence_id)


@routes.post("/noc/silences/{silence_id}/approve")
async def approve(request: Request, desk: AtDesk, session: OwnForm, silence_id: UUID) -> Response:
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        done = await silences.approve(conn, silence_id, Hand(session.operator, desk.now()))
    return await _answered(request, desk, session, silence_id, done)


@routes.post("/noc/silences/{silence_id}/end")
async def end(request: Request, desk: AtDesk, session: OwnForm, silence_id: UUID) -> Response:
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        done = await silences.end(conn, silence_id, Hand(session.operator, desk.now()))
    return await _answered(request, desk, session, silence_id, done)


async def _answered(request: Request, desk: Desk, session: Session, silence_id: UUID, done: Answer) -> Response:
    if done is None:
        raise HTTPException(404)
    if isinstance(done, SilenceRefusal):
        return await _page(request, desk, session, silence_id, done)
    return RedirectResponse(f"/noc/silences/{silence_id}", HTTPStatus.SEE_OTHER)


async def _page(
    request: Request, desk: Desk, session: Session, silence_id: UUID, refusal: SilenceRefusal | None = None
) -> Response:
    """With a refusal it says first why nothing was done."""
    async with reading(desk.pool) as conn:
        seen = await _seen(conn, silence_id)
    if seen is None:
        raise HTTPException(404)
    now, silence = desk.now(), seen.weighed.silence
    texts = desk.pages.words(request, NOC_LANGUAGE)
    return desk.pages.show(
        "silence_page.html",
        texts,
        HTTPStatus.CONFLICT if refusal else HTTPStatus.OK,
        session=session,
        one=silence,
        over=standing(silence, now) is Standing.OVER,
        covered=seen.weighed.covered,
        practices=seen.practices,
        names=seen.names,
        unfit=silences.unfit(silence, session.operator),
        refusal=refusal,
        provider=PROVIDER,
        needs_two=needs_two,
        days=list(DAYS),
        moments=Moments(texts.language, "UTC", now),
    )


async def _seen(conn: Connection, silence_id: UUID) -> Seen | None:
    silence = await load_silence(conn, silence_id)
    if silence is None:
        return None
    return Seen(
        await silences.weighed(conn, silence),
        await practices_within(conn, silence.scope, PRACTICES_NAMED),
        dict(await names_within(conn, [silence])),
    )
