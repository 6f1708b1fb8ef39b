"""Pages: templates with a reader's language, and every error of a page as a page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from api.language import Language, Texts, load_texts, wanted_language
from collector.problems import RETRY_AFTER_S, ProblemError
from collector.store.connect import AWAY, StoreAwayError

# Programs read these; everything else is for people.
_PROGRAMS = ("/v1", "/livez", "/readyz", "/metrics", "/openapi.json", "/static")

_Handler = Callable[[Request, Exception], Awaitable[Response]]


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
        app.add_exception_handler(error, _for_people_too(cast("_Handler", answer_program), pages))
    app.add_exception_handler(SignInNeededError, _to_the_door)


def _for_people_too(answer_program: _Handler, pages: Pages) -> _Handler:
    async def on_error(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(_PROGRAMS):
            return await answer_program(request, error)
        return _error_page(request, error, pages)

    return on_error


def _error_page(request: Request, error: Exception, pages: Pages) -> Response:
    status = _status_of(error)
    kind = {404: "missing", 403: "forbidden", 503: "away"}.get(status, "refused")
    page = pages.show("problem.html", pages.words(request, Language.FR), status, kind=kind, code=int(status))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        page.headers["Retry-After"] = str(RETRY_AFTER_S)
    return page


def _status_of(error: Exception) -> int:
    if isinstance(error, ProblemError):
        return error.problem.status
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, (*AWAY, StoreAwayError)) else 500


async def _to_the_door(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's shape
    return RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
