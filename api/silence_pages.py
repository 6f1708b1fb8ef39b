"""Silences for people: those that run, that will, and that did; and the form of a new one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.desk import AtDesk, Desk
from api.language import NOC_LANGUAGE
from api.moments import Moments
from api.session import OwnForm, Session, SignedIn
from api.silence_contract import DAYS, standing
from api.silence_form import LENGTHS, Draft, MistakenError, composed, draft_about, drafted
from collector import silences
from collector.deeds import Hand
from collector.model.campaign import PROVIDER, needs_two
from collector.model.duration import parse_duration
from collector.model.silence import Silence
from collector.silences import RULE_NAMES, SilenceRefusal, Weighed
from collector.store.connect import COMMAND_TIMEOUT_S, FLEET, Connection, set_scope
from collector.store.escalation import load_book, newest_book_version
from collector.store.incident_pages import incident_row
from collector.store.reading import reading
from collector.store.silences import Standing, ended_lately, lasting_silences, names_within

routes = APIRouter(include_in_schema=False)


class Step(StrEnum):
    """Whether a form wants to be looked at first."""

    PREVIEW = "preview"
    BEGIN = "begin"


@dataclass(frozen=True)
class Board:
    """The silences of the page, and what the practices and machines in them are called."""

    running: list[Silence]
    coming: list[Silence]
    over: list[Silence]
    names: Mapping[UUID, str]


@routes.get("/noc/silences")
async def board(request: Request, desk: AtDesk, session: SignedIn) -> Response:
    now = desk.now()
    async with reading(desk.pool) as conn:
        lasting, over = await lasting_silences(conn, now), await ended_lately(conn, now)
        names = await names_within(conn, (*lasting, *over))
    texts = desk.pages.words(request, NOC_LANGUAGE)
    return desk.pages.show(
        "silences.html",
        texts,
        session=session,
        board=Board(
            running=[one for one in lasting if standing(one, now) is Standing.RUNNING],
            coming=[one for one in lasting if standing(one, now) is Standing.COMING],
            over=list(over),
            names=names,
        ),
        days=list(DAYS),
        unfit=silences.unfit,
        moments=Moments(texts.language, "UTC", now),
    )


@routes.get("/noc/silences/new")
async def blank(request: Request, desk: AtDesk, session: SignedIn, incident_id: UUID | None = None) -> Response:
    """Filled in with what an incident is about."""
    draft = Draft()
    if incident_id:
        async with reading(desk.pool) as conn:
            row = await incident_row(conn, incident_id)
        if row is None:
            raise HTTPException(404)
        draft = draft_about(row.incident, None if row.practice_id == PROVIDER else row.practice)
    return await _form_page(request, desk, session, draft)


@routes.post("/noc/silences")
async def begin(
    request: Request,
    desk: AtDesk,
    session: OwnForm,
    draft: Annotated[Draft, Depends(drafted)],
    step: Annotated[Step, Form()] = Step.PREVIEW,
) -> Response:
    hand = Hand(session.operator, desk.now())
    try:
        async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn, conn.transaction():
            await set_scope(conn, FLEET)
            silence = await composed(conn, draft, hand.actor, await _zone(conn), hand.at)
            if step is Step.PREVIEW:
                done = await silences.preview(conn, silence, hand.at)
            else:
                done = await silences.begin(conn, silence, hand)
    except MistakenError as mistaken:
        return await _form_page(request, desk, session, draft, faults=mistaken.faults)
    if isinstance(done, SilenceRefusal):
        return await _form_page(request, desk, session, draft, faults={"scope": done.value})
    if step is Step.PREVIEW:
        return await _form_page(request, desk, session, draft, weighed=done)
    return RedirectResponse(f"/noc/silences/{silence.silence_id}", HTTPStatus.SEE_OTHER)


async def _form_page(
    request: Request,
    desk: Desk,
    session: Session,
    draft: Draft,
    *,
    faults: Mapping[str, str] | None = None,
    weighed: Weighed | None = None,
) -> Response:
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        zone = await _zone(conn)
    texts = desk.pages.words(request, NOC_LANGUAGE)
    moments = Moments(texts.language, "UTC", desk.now())
    return desk.pages.show(
        "silence_form.html",
        texts,
        HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
        session=session,
        draft=draft,
        faults=faults or {},
        weighed=weighed,
        zone=zone,
        rules=RULE_NAMES,
        provider=PROVIDER,
        needs_two=needs_two,
        days=list(DAYS),
        lengths={one: moments.length(int(parse_duration(one).total_seconds())) for one in LENGTHS},
        moments=moments,
    )


async def _zone(conn: Connection) -> str:
    """The provider's own clock, on which its forms are filled in."""
    return (await load_book(conn, await newest_book_version(conn))).zone
