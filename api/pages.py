"""Pages: templates with a reader's language, and every error of a page as a page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.language import NOC_LANGUAGE, STATUS_LANGUAGE, Language, Texts, load_texts, wanted_language

# Programs read these; everything else is for people.
_PROGRAMS = ("/v1", "/livez", "/readyz", "/metrics", "/openapi.json", "/static")
_NOC = ("/noc", "/sign-")

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]


class Kind(StrEnum):
    """What a page says went wrong; each has its own words."""

    LOST_LINK = "lost_link"
    MISSING = "missing"
    FORBIDDEN = "forbidden"
    TOO_LONG = "too_long"
    REFUSED = "refused"
    AWAY = "away"
    FAULT = "fault"


_KINDS = {403: Kind.FORBIDDEN, 404: Kind.MISSING, 413: Kind.TOO_LONG, 500: Kind.FAULT, 503: Kind.AWAY}


class WayOut(StrEnum):
    """Where the link of an error page leads: to the NOC, or to the same page once more."""

    BACK = "back"
    AGAIN = "again"


class SignInNeededError(Exception):
    """Raised where a page is for operators alone, to send a stranger to the door."""


@dataclass(frozen=True)
class Pages:
    """The templates and the words in them."""

    templates: Environment
    texts: dict[Language, Texts]

    def words(self, request: Request, otherwise: Language) -> Texts:
        asked = request.query_params.get("lang")
        return self.texts[wanted_language(asked, request.headers.get("accept-language", ""), otherwise)]

    def show(self, template: str, texts: Texts, status: int = 200, **shown: object) -> HTMLResponse:
        page = self.templates.get_template(template).render(t=texts, **shown)
        headers = {"Content-Language": texts.language, "Vary": "Accept-Language, Cookie", "Cache-Control": "no-store"}
        return HTMLResponse(page, status, headers)


def load_pages() -> Pages:
    templates = Environment(
        loader=PackageLoader("api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return Pages(templates, load_texts())


def install_page_handlers(app: FastAPI, pages: Pages) -> None:
    """After the problem handlers, which go on to answer programs: the same errors as pages for people."""
    for error, answer_program in list(app.exception_handlers.items()):
        app.add_exception_handler(error, _for_people_too(cast("ErrorHandler", answer_program), pages))
    app.add_exception_handler(SignInNeededError, _to_the_door)


def _for_people_too(answer_program: ErrorHandler, pages: Pages) -> ErrorHandler:
    async def on_error(request: Request, error: Exception) -> Response:
        answer = await answer_program(request, error)
        return answer if request.url.path.startswith(_PROGRAMS) else _error_page(request, answer, pages)

    return on_error


def _error_page(request: Request, answer: Response, pages: Pages) -> Response:
    """What a program would be told, as a page in the language of its neighbours."""
    path, status = request.url.path, answer.status_code
    texts = pages.words(request, NOC_LANGUAGE if path.startswith(_NOC) else STATUS_LANGUAGE)
    way_out = _way_out(path, status)
    page = pages.show("problem.html", texts, status, kind=_kind(path, status), code=status, way_out=way_out)
    if retry_after := answer.headers.get("Retry-After"):
        page.headers["Retry-After"] = retry_after
    return page


def _kind(path: str, status: int) -> Kind:
    if status == HTTPStatus.NOT_FOUND and path.startswith("/status/"):
        return Kind.LOST_LINK
    return _KINDS.get(status, Kind.REFUSED)


def _way_out(path: str, status: int) -> WayOut | None:
    """A practice has no page but its own: it can only load that again, and nothing leads on from a lost link."""
    if not path.startswith("/status/"):
        return WayOut.BACK
    return WayOut.AGAIN if status != HTTPStatus.NOT_FOUND else None


async def _to_the_door(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's shape
    """The door leads on to the page that was asked for: a ticket's link is to an incident."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    on = f"?{urlencode({'to': wanted})}" if request.method == "GET" and wanted != "/noc" else ""
    return RedirectResponse(f"/sign-in{on}", HTTPStatus.SEE_OTHER)
