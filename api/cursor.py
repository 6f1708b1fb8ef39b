"""Opaque cursors: where a list goes on, as text that callers hand back and never read."""

import base64
import binascii
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from collector.problems import FieldError, Problem, ProblemError

Key = TypeVar("Key")


def to_cursor(key: object) -> str:
    body = TypeAdapter(type(key)).dump_json(key)
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def from_cursor(kind: type[Key], after: str | None) -> Key | None:
    """The key that a cursor stands for; a cursor that is none of ours is the caller's mistake."""
    if after is None:
        return None
    try:
        body = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        return TypeAdapter(kind).validate_json(body)
    except (binascii.Error, ValueError, ValidationError):
        raise _not_ours() from None


def _not_ours() -> ProblemError:
    message = "must be the `next` of an earlier page of the same list"
    return ProblemError(
        Problem(
            type="urn:vigie:contract",
            title="The request breaks the contract",
            status=422,
            detail=f"after: {message}",
            errors=[FieldError(field="after", message=message)],
        )
    )
