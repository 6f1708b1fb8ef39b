"""Problem details (RFC 9457): every error of both applications names the field and the way out."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from collector.logs import logger
from collector.store.connect import AWAY, StoreAwayError

_log = logger("http")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
_MOST_ERRORS = 20


class FieldError(BaseModel):
    """One field that breaks the contract, by its path: `backups[0].status`."""

    field: str
    message: str


class Problem(BaseModel):
    """`type` is a name of ours that programs can match."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class ProblemError(Exception):
    """Raised anywhere in a request to answer with a problem."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


def problem(status: int, name: str, title: str, detail: str, **headers: str) -> ProblemError:
    return ProblemError(
        Problem(type=f"urn:vigie:{name}", title=title, status=status, detail=detail),
        {key.replace("_", "-"): value for key, value in headers.items()},
    )


def store_away() -> ProblemError:
    detail = "It may not have been stored; sending the same again is safe."
    return problem(503, "store_away", "The store is away", detail, Retry_After=str(RETRY_AFTER_S))


def contract_broken(error: ValidationError, whole: str = "(body)") -> Problem:
    """What is wrong with a body, by the path of each field; `whole` names what is wrong with none of them alone."""
    errors = field_errors(error.errors(include_url=False, include_context=False, include_input=False), whole)
    return Problem(
        type="urn:vigie:contract",
        title="The body breaks the contract",
        status=422,
        detail=f"{errors[0].field}: {errors[0].message}" if errors else "The body breaks the contract.",
        errors=errors,
    )


def field_errors(errors: Sequence[ErrorDetails], whole: str = "(body)") -> list[FieldError]:
    return [FieldError(field=_path(one["loc"]) or whole, message=_said(one)) for one in errors[:_MOST_ERRORS]]


def _path(where: Sequence[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).removeprefix(".")


def _said(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ")


def _within_the_request(error: Mapping[str, Any]) -> ErrorDetails:
    """FastAPI tells the place in a body that is no JSON as if that were a field, and what is sent as no JSON unread."""
    if error["type"] == "json_invalid":
        said = f"must be JSON: {error['ctx']['error']}, at character {error['loc'][-1]}"
        return cast("ErrorDetails", {**error, "loc": (), "msg": said})
    if error["type"] == "model_attributes_type" and error["loc"] == ("body",):
        error = {**error, "msg": "must be a JSON object, sent with Content-Type: application/json"}
    return cast("ErrorDetails", {**error, "loc": error["loc"][1:]})


def answer(found: Problem, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(found.model_dump(), found.status, headers, media_type=MEDIA_TYPE)


def refusal(error: Exception) -> Response:
    """The answer to what a request or the store runs into."""
    found = error if isinstance(error, ProblemError) else store_away()
    return answer(found.problem, found.headers)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of an application a problem, a store that is away a 503 and never a 500."""

    async def on_refusal(_: Request, error: Exception) -> Response:
        return refusal(error)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - narrows what Starlette types as Exception
        name = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        found = Problem(type=f"urn:vigie:{name}", title=error.detail, status=error.status_code, detail=error.detail)
        return answer(found, dict(error.headers or {}))

    async def on_request(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        listed = field_errors([_within_the_request(one) for one in error.errors()])
        detail = f"{listed[0].field}: {listed[0].message}"
        found = Problem(type="urn:vigie:contract", title="The request breaks the contract", status=422, detail=detail)
        return answer(found.model_copy(update={"errors": listed}))

    async def on_fault(request: Request, _: Exception) -> Response:
        _log.exception("a request failed", route=getattr(request.scope.get("route"), "path", "unknown"))
        detail = "This is our fault, and logged."
        return answer(Problem(type="urn:vigie:fault", title="Unexpected fault", status=500, detail=detail))

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_request)
    for error in (ProblemError, *AWAY, StoreAwayError):
        app.add_exception_handler(error, on_refusal)
