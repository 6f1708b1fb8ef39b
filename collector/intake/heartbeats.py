"""`POST /v1/heartbeats`: the answer leaves only after the commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from collector.intake.body import Shape, read_body
from collector.intake.changes import Changes
from collector.intake.contract import Broken, read_heartbeats, too_old
from collector.intake.group_commit import GroupCommit, OverloadedError, Received
from collector.intake.keys import Keyring
from collector.metrics import IntakeMetrics
from collector.model.clock import clock_skew
from collector.model.heartbeat import Heartbeat
from collector.model.value import EARLIEST, LATEST
from collector.problems import MEDIA_TYPE, Problem, ProblemError, problem
from collector.store.connect import StoreAwayError, UnstorableError
from collector.store.intake import Arrival


class Accepted(BaseModel):
    """The answer to one heartbeat, the same to a resend; it is committed."""

    id: UUID
    status: Literal["accepted"] = "accepted"
    received_at: datetime


class Rejected(BaseModel):
    """A heartbeat of a batch that cannot be stored; sending it again cannot help."""

    id: str | None
    status: Literal["rejected"] = "rejected"
    problem: Problem


class Results(BaseModel):
    """The answer to a batch, in its order."""

    results: list[Accepted | Rejected]


@dataclass(frozen=True)
class Clocks:
    """Ours when the request came, and the endpoint's when it was sent, where its `Date` header tells."""

    received_at: datetime
    clock_at: datetime | None

    def skew(self, beat: Heartbeat) -> timedelta:
        return clock_skew(self.received_at, sent_at=beat.sent_at, queued=beat.queued, clock_at=self.clock_at)

    def check(self, beat: Heartbeat) -> Heartbeat | Broken:
        return too_old(beat, self.received_at, self.skew(beat)) or beat


def _date(header: str) -> datetime | None:
    """An HTTP date (RFC 9110, section 5.6.7) within the calendar; anything else tells nothing."""
    try:
        read = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return None
    told = read if read.tzinfo else read.replace(tzinfo=UTC)
    return told if EARLIEST <= told <= LATEST else None


class Door:
    """What the route needs: who may report, what is new, and the way to the disk."""

    def __init__(self, keyring: Keyring, changes: Changes, commit: GroupCommit, metrics: IntakeMetrics) -> None:
        self._keyring = keyring
        self._changes = changes
        self._commit = commit
        self._metrics = metrics

    async def accept(self, request: Request) -> Response:
        """Answer, and count what is refused."""
        status = 503
        try:
            response = await self._accept(request)
            status = response.status_code
            return response
        except ProblemError as error:
            status = error.problem.status
            raise
        finally:
            if status >= 400:
                self._metrics.refused.labels(status=status).inc()

    async def _accept(self, request: Request) -> Response:
        practice_id = await self._keyring.practice_of(request)
        body = await read_body(request)
        items = read_heartbeats(body)
        clocks = Clocks(datetime.now(UTC), _date(request.headers.get("date", "")))
        checked = [one if isinstance(one, Broken) else clocks.check(one) for one in items]
        received = await self._store(practice_id, checked, clocks)
        if body.shape is Shape.SINGLE:
            return _answer_one(practice_id, checked[0], received)
        return _answer_batch(practice_id, checked, received)

    async def _store(self, practice_id: UUID, items: Sequence[Heartbeat | Broken], clocks: Clocks) -> Received:
        beats = [one for one in items if isinstance(one, Heartbeat)]
        self._metrics.heartbeats.labels(outcome="rejected").inc(len(items) - len(beats))
        if not beats:
            return {}
        now = clocks.received_at
        arrivals = [self._changes.arrival(practice_id, beat, now, clocks.skew(beat)) for beat in beats]
        received = await self._commit_or_forget(arrivals)
        resent = [arrival for arrival in arrivals if received[arrival.identity] != now]
        self._changes.forget(resent)
        self._metrics.heartbeats.labels(outcome="stored").inc(len(arrivals) - len(resent))
        self._metrics.heartbeats.labels(outcome="resent").inc(len(resent))
        return received

    async def _commit_or_forget(self, arrivals: Sequence[Arrival]) -> Received:
        try:
            return await self._commit.store(arrivals)
        except OverloadedError:
            self._changes.forget(arrivals)
            raise problem(
                503, "overloaded", "Too much waits", "Nothing was stored; send the same again.", Retry_After="2"
            ) from None
        except UnstorableError as error:
            self._changes.forget(arrivals)
            raise problem(422, "unstorable", "The store refuses it", "Sending it again cannot help.") from error
        except StoreAwayError:
            self._changes.forget(arrivals)
            raise


def _answer_one(practice_id: UUID, item: Heartbeat | Broken, received: Received) -> Response:
    if isinstance(item, Broken):
        raise ProblemError(item.problem)
    return JSONResponse(_result(practice_id, item, received).model_dump(mode="json"), 202)


def _answer_batch(practice_id: UUID, items: Sequence[Heartbeat | Broken], received: Received) -> Response:
    results = [_result(practice_id, item, received).model_dump(mode="json") for item in items]
    if received:
        return JSONResponse({"results": results}, 202)
    none = Problem(
        type="urn:vigie:contract", title="None could be stored", status=422, detail="See results for each heartbeat."
    )
    return JSONResponse({**none.model_dump(), "results": results}, 422, media_type=MEDIA_TYPE)


def _result(practice_id: UUID, item: Heartbeat | Broken, received: Received) -> Accepted | Rejected:
    if isinstance(item, Broken):
        return Rejected(id=item.id, problem=item.problem)
    return Accepted(id=item.id, received_at=received[(practice_id, item.id)])


def _heartbeat_body() -> dict[str, Any]:
    """The contract for the OpenAPI document; the route reads the body itself, within its limits."""
    one = {"$ref": "#/components/schemas/Heartbeat"}
    many = {"type": "array", "items": one, "maxItems": 1_000}
    content = {
        "application/json": {"schema": {"oneOf": [one, many]}},
        "application/x-ndjson": {"schema": {"type": "string", "description": "one heartbeat a line"}},
    }
    return {"requestBody": {"required": True, "content": content}, "security": [{"practiceKey": []}]}


def _problem_response(what: str) -> dict[str, Any]:
    return {"description": what, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


async def accept(request: Request) -> Response:
    door: Door = request.state.door
    return await door.accept(request)


def heartbeat_routes() -> APIRouter:
    router = APIRouter(tags=["heartbeats"])
    router.add_api_route(
        "/v1/heartbeats",
        accept,
        methods=["POST"],
        status_code=202,
        summary="Report one heartbeat or a batch; a 202 means that it survives a power cut",
        response_model=Accepted | Results,
        openapi_extra=_heartbeat_body(),
        responses={
            400: _problem_response("not JSON, or broken gzip"),
            401: _problem_response("no key, or a revoked one"),
            413: _problem_response("over a limit"),
            415: _problem_response("unknown content encoding"),
            422: _problem_response("breaks the contract; the field's path is named"),
            503: _problem_response("the store is away or too much waits; Retry-After says when"),
        },
    )
    return router
