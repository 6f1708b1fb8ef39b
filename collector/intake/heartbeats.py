"""`POST /v1/heartbeats`: the answer leaves only after the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.types import Receive, Scope

from collector.intake.admission import Admission, TooMuchError, tokens_of
from collector.intake.answers import Accepted, Named, Results, answer_batch, answer_one
from collector.intake.body import Body, Reading, Shape
from collector.intake.changes import Changes, Comparison
from collector.intake.contract import Broken, read_heartbeats, too_old
from collector.intake.dates import read_date
from collector.intake.group_commit import GroupCommit, OverloadedError, Resent
from collector.intake.incoming import Bodies
from collector.intake.keys import Keyring, TooManyGuessesError, UnknownKeyError
from collector.metrics import IntakeMetrics
from collector.model.clock import clock_skew
from collector.model.credential import Holder
from collector.model.heartbeat import Heartbeat
from collector.problems import MEDIA_TYPE, ProblemError, problem, refusal
from collector.store.connect import AWAY, StoreAwayError, UnstorableError
from collector.store.intake import Arrival

PATH = "/v1/heartbeats"
_REFUSALS = (ProblemError, OverloadedError, UnstorableError, StoreAwayError, *AWAY)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Ours when the request came, and the endpoint's when it was sent, where its `Date` header tells."""

    received_at: datetime
    clock_at: datetime | None

    def skew(self, beat: Heartbeat) -> timedelta:
        return clock_skew(self.received_at, sent_at=beat.sent_at, queued=beat.queued, clock_at=self.clock_at)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is kept of a request while it waits for its commit: a fraction of what it was made of."""

    practice_id: UUID
    single: bool
    received_at: datetime
    items: Sequence[Named]
    arrivals: Sequence[Arrival]
    comparison: Comparison


class Door:
    """What the route needs: who may report and how much, what is new, and the way to the disk."""

    def __init__(
        self, keyring: Keyring, admission: Admission, changes: Changes, commit: GroupCommit, metrics: IntakeMetrics
    ) -> None:
        self._keyring = keyring
        self._admission = admission
        self._bodies = Bodies()
        self._changes = changes
        self._commit = commit
        self._metrics = metrics
        self._stored, self._resent, self._rejected = (
            metrics.heartbeats.labels(outcome=outcome) for outcome in ("stored", "resent", "rejected")
        )

    @property
    def full(self) -> bool:
        """Whether requests are to be turned away unread."""
        return self._commit.full

    def turn_away(self) -> Response:
        return self._counted(_refused(overloaded()))

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Whatever is wrong with a request or with the store is an answer too."""
        try:
            return self._counted(await self._accept(scope, receive))
        except _REFUSALS as error:
            return self._counted(_refused(error))

    def _counted(self, response: Response) -> Response:
        if response.status_code >= 400:
            self._metrics.refused.labels(status=response.status_code).inc()
        return response

    async def _accept(self, scope: Scope, receive: Receive) -> Response:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        practice_id = await self._practice_of(headers, scope)
        self._take(practice_id, 0)
        body = await self._read(practice_id, headers, receive)
        await self._practice_of(headers, scope)  # it may have been revoked while a slow body came
        parcel = self._opened(practice_id, body, read_date(headers.get("date", "")))
        del body  # it would wait for the commit too
        resent = {heartbeat_id: at for (_, heartbeat_id), at in (await self._store(parcel)).items()}
        if parcel.single:
            return answer_one(parcel.items[0], parcel.received_at, resent)
        return answer_batch(parcel.items, parcel.received_at, resent)

    async def _read(self, practice_id: UUID, headers: Mapping[str, str], receive: Receive) -> Body:
        """What is refused for itself has cost its bytes all the same; else it could be sent without an end."""
        reading = Reading(headers, receive)
        try:
            return await reading.whole(self._bodies, practice_id)
        except ProblemError as error:
            if error.problem.status < 500:
                self._admission.owe(practice_id, tokens_of(1, reading.size))
            raise

    async def _practice_of(self, headers: Mapping[str, str], scope: Scope) -> UUID:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("Send the practice's key as 'Authorization: Bearer vgp_...'.")
        client = scope.get("client")
        try:
            key = await self._keyring.admit(token.strip(), client[0] if client else "")
        except UnknownKeyError:
            raise _unauthorized("This key is unknown, expired or revoked; ask your provider for another.") from None
        except TooManyGuessesError as error:
            raise problem(
                429, "too_many_guesses", "Too many wrong keys came from this address",
                "A good key is taken again after a while.", Retry_After=str(error.retry_after_s),
            ) from None  # fmt: skip
        if key.holder is not Holder.PRACTICE:
            raise _unauthorized("This key is one for pings; heartbeats need the practice's, vgp_...")
        return key.practice_id

    def _take(self, practice_id: UUID, tokens: float) -> None:
        try:
            self._admission.take(practice_id, tokens)
        except TooMuchError as error:
            detail = "This practice sends more than it may; nothing was stored. Send the same again later."
            raise problem(429, "too_fast", "Too much at once", detail, Retry_After=str(error.retry_after_s)) from None

    def _opened(self, practice_id: UUID, body: Body, clock_at: datetime | None) -> Parcel:
        """Read what came, unless it could not be queued any more: parsing is what costs."""
        single = body.shape is Shape.SINGLE
        if self._commit.full if single else self._commit.full_of_large:
            raise overloaded()
        paid = tokens_of(1, len(body.raw), body.values)
        self._take(practice_id, paid)
        found = read_heartbeats(body)
        self._admission.owe(practice_id, tokens_of(len(found), len(body.raw), body.values) - paid)
        return self._parcel(practice_id, found, Clocks(datetime.now(UTC), clock_at), single=single)

    def _parcel(
        self, practice_id: UUID, found: Sequence[Heartbeat | Broken], clocks: Clocks, *, single: bool
    ) -> Parcel:
        comparison = self._changes.compared(practice_id)
        items: list[Named] = []
        arrivals: dict[UUID, Arrival] = {}
        for one in found:
            if isinstance(one, Broken):
                items.append(one)
                continue
            skew = clocks.skew(one)
            broken = too_old(one, clocks.received_at, skew)
            items.append(broken or one.id)
            if not broken and one.id not in arrivals:  # the first of a twin counts
                arrivals[one.id] = comparison.arrival(one, clocks.received_at, skew)
        return Parcel(practice_id, single, clocks.received_at, items, list(arrivals.values()), comparison)

    async def _store(self, parcel: Parcel) -> Resent:
        arrivals = parcel.arrivals
        if rejected := sum(isinstance(item, Broken) for item in parcel.items):
            self._rejected.inc(rejected)
        if not arrivals:
            return {}
        known = await self._commit.store(arrivals)
        resent = (
            [one for one in arrivals if known.get(one.identity, one.received_at) != one.received_at] if known else []
        )
        parcel.comparison.committed(resent)
        self._stored.inc(len(arrivals) - len(resent))
        self._resent.inc(len(resent))
        return {one.identity: known[one.identity] for one in resent}


def _refused(error: Exception) -> Response:
    if isinstance(error, OverloadedError):
        error = overloaded()
    if isinstance(error, UnstorableError):
        error = problem(422, "unstorable", "The store refuses it", "Sending it again cannot help.")
    return refusal(error)


def overloaded() -> ProblemError:
    return problem(503, "overloaded", "Too much waits", "Nothing was stored; send the same again.", Retry_After="2")


def _unauthorized(detail: str) -> ProblemError:
    return problem(401, "unauthorized", "No valid practice key", detail, WWW_Authenticate='Bearer realm="vigie"')


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
    return await door.answer(request.scope, request.receive)


def heartbeat_routes() -> APIRouter:
    router = APIRouter(tags=["heartbeats"])
    router.add_api_route(
        PATH,
        accept,
        methods=["POST"],
        status_code=202,
        summary="Report one heartbeat or a batch; a 202 means that it survives a power cut",
        response_model=Accepted | Results,
        openapi_extra=_heartbeat_body(),
        responses={
            400: _problem_response("not JSON, or broken gzip"),
            401: _problem_response("no key in force"),
            408: _problem_response("the body did not come in time"),
            413: _problem_response("over a limit"),
            415: _problem_response("unknown content encoding"),
            422: _problem_response("breaks the contract; the field's path is named"),
            429: _problem_response(
                "the practice sends too fast, or too many wrong keys came from this address; Retry-After says when"
            ),
            503: _problem_response("the store is away or too much waits; Retry-After says when"),
        },
    )
    return router
