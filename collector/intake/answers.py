"""What the door answers: to one heartbeat, or to each of a batch in its order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from collector.intake.contract import Broken
from collector.problems import MEDIA_TYPE, Problem, ProblemError

Named = UUID | Broken  # a heartbeat that could be read, by its id, or what is wrong with it
Resent = Mapping[UUID, datetime]  # when those were first received that are not new


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


def answer_one(item: Named, received_at: datetime, resent: Resent) -> Response:
    if isinstance(item, Broken):
        raise ProblemError(item.problem)
    return _json(_accepted(item, _stamp(resent.get(item, received_at))))


def answer_batch(items: Sequence[Named], received_at: datetime, resent: Resent) -> Response:
    if all(isinstance(item, Broken) for item in items):
        return _none_stored([item for item in items if isinstance(item, Broken)])
    now = _stamp(received_at)
    results = [
        Rejected(id=item.id, problem=item.problem).model_dump_json()
        if isinstance(item, Broken)
        else _accepted(item, _stamp(resent[item]) if resent and item in resent else now)
        for item in items
    ]
    return _json(f'{{"results":[{",".join(results)}]}}')


def _json(text: str) -> Response:
    return Response(text, 202, media_type="application/json")


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _accepted(heartbeat_id: UUID, received_at: str) -> str:
    """An `Accepted` by hand: it is most of what a collector ever says."""
    return f'{{"id":"{heartbeat_id}","status":"accepted","received_at":"{received_at}"}}'


def _none_stored(items: Sequence[Broken]) -> Response:
    none = Problem(
        type="urn:vigie:contract", title="None could be stored", status=422, detail="See results for each heartbeat."
    )
    results = [Rejected(id=item.id, problem=item.problem).model_dump(mode="json") for item in items]
    return JSONResponse({**none.model_dump(), "results": results}, 422, media_type=MEDIA_TYPE)
