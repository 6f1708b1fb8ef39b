"""The door of the NOC page: in with an operator's token, out with a click."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.desk import AtDesk, Desk
from api.language import NOC_LANGUAGE
from api.operator import operator_of
from api.session import OwnForm, begin_session, end_session, refuse_foreign_site, session_of

routes = APIRouter(include_in_schema=False)


@routes.get("/sign-in")
async def door(request: Request, desk: AtDesk) -> Response:
    if await session_of(request, desk):
        return RedirectResponse("/noc", HTTPStatus.SEE_OTHER)
    return _form(request, desk, refused=False)


@routes.post("/sign-in", dependencies=[Depends(refuse_foreign_site)])
async def sign_in(request: Request, desk: AtDesk, token: Annotated[str, Form()] = "") -> Response:
    operator = await operator_of(desk.pool, token.strip())
    if operator is None:
        return _form(request, desk, refused=True)
    response = RedirectResponse("/noc", HTTPStatus.SEE_OTHER)
    await begin_session(desk, operator, response)
    return response


@routes.post("/sign-out")
async def sign_out(request: Request, desk: AtDesk, session: OwnForm) -> Response:
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    await end_session(desk, session, request, response)
    return response


def _form(request: Request, desk: Desk, *, refused: bool) -> Response:
    status = HTTPStatus.UNAUTHORIZED if refused else HTTPStatus.OK
    return desk.pages.show("sign_in.html", desk.pages.words(request, NOC_LANGUAGE), status, refused=refused)
