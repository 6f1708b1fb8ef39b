"""The pings' URLs, for the application and its document."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from collector.intake.pings import METHODS, PREFIX, PingDoor
from collector.model.slug import SLUG

_RID = {"name": "rid", "in": "query", "description": "tells runs apart that overlap", "format": "uuid"}
_CREATE = {"name": "create", "in": "query", "description": "1 makes the job if no one has this slug"}
_ANSWERS = {
    200: "OK: stored, or a log that nobody keeps",
    201: "Created: stored, for a job that was made for it",
    400: "invalid url format, invalid uuid format, or a body that breaks off",
    403: "too many jobs: none is made for it",
    404: "not found: no such key in force, or no such slug",
    408: "the body comes too slowly",
    409: "ambiguous slug: several machines have a job of that name",
    429: "too many requests; Retry-After says when",
    503: "not stored, the store is away or too much waits; Retry-After says when",
}
_ABOUT = "A run of a backup job; the answer leaves once it is committed"
_EXIT_CODE_OR_ACTION = r"^(start|fail|log|[0-9]{1,3})$"


async def ping(request: Request) -> Response:
    door: PingDoor = request.state.pings
    return await door.answer(request.scope, request.receive)


def ping_routes() -> APIRouter:
    """Every shape by its name, for the document; pings are taken to their door before (collector/intake/front.py)."""
    router = APIRouter(tags=["pings"])
    key, job_key = _in_path("key", "a script's key, vgs_..."), _in_path("key", "a job's key", format="uuid")
    slug = _in_path("slug", "the job's name", pattern=f"^{SLUG.pattern}$")
    either = _in_path("slug_or_action", "behind a script's key the job's slug, behind a job's key what happened")
    action = _in_path("action", "what happened, or an exit code up to 255", pattern=_EXIT_CODE_OR_ACTION)
    _add(router, "{key}", "job", [job_key, _query(_RID)])
    _add(router, "{key}/{slug_or_action}", "slug_or_action", [key, either, _query(_RID), _query(_CREATE)])
    _add(router, "{key}/{slug}/{action}", "slug_action", [key, slug, action, _query(_RID), _query(_CREATE)])
    return router


def _add(router: APIRouter, template: str, name: str, parameters: list[dict[str, Any]]) -> None:
    for method in METHODS:
        said = {"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}} if method == "POST" else {}
        router.add_api_route(
            PREFIX + template,
            ping,
            methods=[method],
            summary=_ABOUT,
            operation_id=f"ping_{name}_{method.lower()}",
            response_class=Response if method == "HEAD" else PlainTextResponse,
            response_model=None,
            responses={status: _answer(about, method) for status, about in _ANSWERS.items()},
            openapi_extra={"parameters": parameters, **said},
        )


def _answer(about: str, method: str) -> dict[str, Any]:
    text = {} if method == "HEAD" else {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"description": about, **text}


def _in_path(name: str, about: str, **schema: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": about, "schema": {"type": "string", **schema}}


def _query(said: dict[str, str]) -> dict[str, Any]:
    schema = {"type": "string"} | ({"format": said["format"]} if "format" in said else {})
    return {**{key: value for key, value in said.items() if key != "format"}, "required": False, "schema": schema}
