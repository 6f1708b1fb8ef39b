"""From a body to heartbeats: each valid one, or what is wrong with it by the path of the field."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from collector.intake.body import BATCH_ITEMS, Body, Shape
from collector.intake.incoming import BATCH_LIMIT
from collector.model.heartbeat import Heartbeat
from collector.problems import Problem, ProblemError, contract_broken, problem

LATEST_ACCEPTED = timedelta(days=35)

# An empty object of two bytes takes six hundred while it is read, and to tell what is wrong with it as much again.
MOST_VALUES = BATCH_LIMIT // 64

_ARRAY = TypeAdapter(Annotated[list[Heartbeat], Field(max_length=BATCH_ITEMS, fail_fast=True)])


@dataclass(frozen=True)
class Broken:
    """A heartbeat that cannot be stored, now or ever, and the `id` it gave if it could be read."""

    problem: Problem
    id: str | None = None


def read_heartbeats(body: Body) -> list[Heartbeat | Broken]:
    """Each item of a body in its order. Raises 400 for what is not JSON, 413 for too many items or values."""
    if body.values > MOST_VALUES:
        detail = f"A body may have {MOST_VALUES} values; send fewer heartbeats at once."
        raise problem(413, "too_large", "Too many values", detail)
    if body.shape is Shape.LINES:
        lines = [line for line in body.raw.splitlines() if line.strip()]
        _check_count(len(lines))
        return [_read_one(line) for line in lines]
    if body.shape is Shape.ARRAY:
        return _read_array(body.raw)
    return [_read_one(body.raw)]


def _read_array(raw: bytes) -> list[Heartbeat | Broken]:
    """All at once where all are valid, else each by itself, the error let go first: it holds all that was read."""
    with suppress(ValidationError):
        return list(_ARRAY.validate_json(raw))
    items = _items(raw)
    _check_count(len(items))
    return [_read_one(json.dumps(item).encode()) for item in items]


def _items(raw: bytes) -> list[object]:
    try:
        items = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise not_json(str(error)) from None
    return items if isinstance(items, list) else [items]


def _read_one(raw: bytes) -> Heartbeat | Broken:
    try:
        return Heartbeat.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            return Broken(not_json(first["msg"]).problem)
        return Broken(contract_broken(error), _claimed_id(raw))


def _claimed_id(raw: bytes) -> str | None:
    read = from_json(raw)
    claimed = read.get("id") if isinstance(read, dict) else None
    return claimed if isinstance(claimed, str) and len(claimed) <= 36 else None


def _check_count(items: int) -> None:
    if items > BATCH_ITEMS:
        raise problem(
            413, "too_large", "Too many heartbeats", f"A batch may have {BATCH_ITEMS} heartbeats; this has {items}."
        )


def not_json(detail: str) -> ProblemError:
    return problem(400, "not_json", "The body is not JSON", detail)


def too_old(beat: Heartbeat, received_at: datetime, skew: timedelta) -> Broken | None:
    """A replayed heartbeat from before the window; one with a dead clock is let in and flagged."""
    if received_at - (beat.sent_at + skew) <= LATEST_ACCEPTED:
        return None
    detail = f"sent_at: {beat.sent_at.isoformat()} is more than {LATEST_ACCEPTED.days} days ago; drop it."
    return Broken(Problem(type="urn:vigie:too_old", title="Too old", status=422, detail=detail), str(beat.id))
