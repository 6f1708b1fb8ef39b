"""The forms of an incident: an operator's hand on it, in a browser."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException

from api.desk import AtDesk
from api.incident_page import incident_page
from api.session import OwnForm
from api.spans import Span
from collector import deeds
from collector.deeds import Answer, Hand
from collector.escalation.deeds import Refusal
from collector.store.connect import COMMAND_TIMEOUT_S, Connection

routes = APIRouter(include_in_schema=False)


def _one_for_each_line(typed: object) -> object:
    """A browser counts a line's end as one character of the most that a field takes, and sends it as two."""
    return typed.replace("\r\n", "\n") if isinstance(typed, str) else typed


_Words = Annotated[str, BeforeValidator(_one_for_each_line), Form(max_length=2_000, pattern=r"^[^\x00]*$")]


class Deed(StrEnum):
    """What a form does."""

    ACKNOWLEDGE = "acknowledge"
    LET_GO = "let-go"
    SNOOZE = "snooze"
    WAKE = "wake"
    ASSIGN = "assign"
    COMMENT = "comment"
    RESOLVE = "resolve"
    MERGE = "merge"


@dataclass(frozen=True)
class Filled:
    """What the forms have, each a part of it; `to` is empty for nobody, `back` says which page it was."""

    words: str
    span: Span | None
    to: str
    campaign_id: UUID | None
    back: str


def _filled(
    words: _Words = "",
    span: Annotated[str, Form(max_length=10)] = "",
    to: Annotated[str, Form(max_length=200, pattern=r"^[^\x00]*$")] = "",
    campaign_id: Annotated[UUID | None, Form()] = None,
    back: Annotated[str, Form(max_length=10)] = "",
) -> Filled:
    known = {one.value: one for one in Span}
    return Filled(words.strip(), known.get(span), to, campaign_id, back)


@routes.post("/noc/incidents/{incident_id}/{deed}")
async def lay_hand(
    request: Request,
    desk: AtDesk,
    session: OwnForm,
    incident_id: UUID,
    deed: Deed,
    filled: Annotated[Filled, Depends(_filled)],
) -> Response:
    """Back to the page that it came from; what was refused says why on the incident's own."""
    hand = Hand(session.operator, desk.now())
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        done = await _done(conn, incident_id, deed, filled, hand)
    if done is None:
        raise HTTPException(404)
    if isinstance(done, Refusal):
        return await incident_page(request, desk, session, incident_id, done)
    back = f"/noc#incident-{incident_id}" if filled.back == "noc" else f"/noc/incidents/{incident_id}"
    return RedirectResponse(back, HTTPStatus.SEE_OTHER)


async def _done(conn: Connection, incident_id: UUID, deed: Deed, filled: Filled, hand: Hand) -> Answer:
    until = hand.at + filled.span.length if filled.span else None
    match deed:
        case Deed.ACKNOWLEDGE:
            return await deeds.acknowledge(conn, incident_id, hand, until=until, comment=filled.words)
        case Deed.LET_GO:
            return await deeds.let_go(conn, incident_id, hand)
        case Deed.SNOOZE:
            over = until or hand.at + Span.HOURS.length
            return await deeds.snooze(conn, incident_id, hand, until=over, comment=filled.words)
        case Deed.WAKE:
            return await deeds.wake(conn, incident_id, hand)
        case Deed.ASSIGN:
            return await deeds.assign(conn, incident_id, hand, to=filled.to or None)
        case Deed.COMMENT:
            return await deeds.comment(conn, incident_id, hand, said=filled.words)
        case Deed.RESOLVE:
            return await deeds.close(conn, incident_id, hand, because=filled.words)
        case Deed.MERGE:
            nowhere = UUID(int=0)
            return await deeds.merge(conn, incident_id, hand, campaign_id=filled.campaign_id or nowhere)
