"""What the door answers: to one heartbeat, or to each of a batch in its order."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from collector.intake.contract import Broken
from collector.problems import MEDIA_TYPE, Problem, ProblemError

Named = UUID | Broken  # a heartbeat that could be read, by its id, or what is wrong with it
ReceivedAt = Callable[[UUID], datetime]


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


def answer_one(item: Named, received_at: ReceivedAt) -> Response:
    if isinstance(item, Broken):
        raise ProblemError(item.problem)
    return _json(_written(item, received_at))


def answer_batch(items: Sequence[Named], received_at: ReceivedAt) -> Response:
    if all(isinstance(item, Broken) for item in items):
        return _none_stored([item for item in items if isinstance(item, Broken)])
    return _json(f'{{"results":[{",".join(_written(item, received_at) for item in items)}]}}')


def _json(text: str) -> Response:
    return Response(text, 202, media_type="application/json")


def _written(item: Named, received_at: ReceivedAt) -> str:
    """An `Accepted` by hand: it is most of what a collector ever says."""
    if isinstance(item, Broken):
        return Rejected(id=item.id, problem=item.problem).model_dump_json()
    stamp = received_at(item).isoformat().replace("+00:00", "Z")
    return f'{{"id":"{item}","status":"accepted","received_at":"{stamp}"}}'


def _none_stored(items: Sequence[Broken]) -> Response:
    none = Problem(
        type="urn:vigie:contract", title="None could be stored", status=422, detail="See results for each heartbeat."
    )
    results = [Rejected(id=item.id, problem=item.problem).model_dump(mode="json") for item in items]
    return JSONResponse({**none.model_dump(), "results": results}, 422, media_type=MEDIA_TYPE)
