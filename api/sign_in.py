"""The door of the NOC page: in with an operator's token, out with a click."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.desk import AtDesk, Desk
from api.language import NOC_LANGUAGE
from api.operator import operator_of
from api.session import OwnForm, begin_session, end_session, refuse_foreign_site, session_of

routes = APIRouter(include_in_schema=False)

# The operators' pages and nothing else: a link to the door must not lead on to another site.
_OURS = re.compile(r"/noc(?:[/?][!-~]{0,2000})?")


@routes.get("/sign-in")
async def door(request: Request, desk: AtDesk, to: Annotated[str, Query()] = "") -> Response:
    if await session_of(request, desk):
        return RedirectResponse(_wanted(to), HTTPStatus.SEE_OTHER)
    return _form(request, desk, to, refused=False)


@routes.post("/sign-in", dependencies=[Depends(refuse_foreign_site)])
async def sign_in(
    request: Request, desk: AtDesk, token: Annotated[str, Form()] = "", to: Annotated[str, Form()] = ""
) -> Response:
    operator = await operator_of(desk.pool, token.strip())
    if operator is None:
        return _form(request, desk, to, refused=True)
    response = RedirectResponse(_wanted(to), HTTPStatus.SEE_OTHER)
    await begin_session(desk, operator, response)
    return response


@routes.post("/sign-out")
async def sign_out(request: Request, desk: AtDesk, session: OwnForm) -> Response:
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    await end_session(desk, session, request, response)
    return response


def _wanted(to: str) -> str:
    """Where somebody was on their way to."""
    return to if _OURS.fullmatch(to) else "/noc"


def _form(request: Request, desk: Desk, to: str, *, refused: bool) -> Response:
    status = HTTPStatus.UNAUTHORIZED if refused else HTTPStatus.OK
    texts = desk.pages.words(request, NOC_LANGUAGE)
    return desk.pages.show("sign_in.html", texts, status, refused=refused, to=_wanted(to))
