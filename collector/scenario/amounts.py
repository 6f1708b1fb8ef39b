"""Figures of a scenario: sizes as people write them, and several that take turns where an event repeats."""

import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from collector.model.heartbeat import RunStatus
from collector.model.value import Label, Name

_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_SIZE = re.compile(rf"^(\d+(?:\.\d+)?) ?({'|'.join(_UNITS)})$")

Turn = TypeVar("Turn")


def _size(written: object) -> object:
    if not isinstance(written, str) or written.isdecimal():
        return written
    found = _SIZE.match(written)
    if found is None:
        raise PydanticCustomError(
            "size", "{written} is no size; write it as in 80GB or 512MiB", {"written": repr(written)}
        )
    return round(float(found[1]) * _UNITS[found[2]])


def _listed(written: object) -> object:
    return written if written is None or isinstance(written, list | tuple) else (written,)


Size = Annotated[int, Field(ge=0), BeforeValidator(_size)]
Sizes = Annotated[tuple[Size, ...], BeforeValidator(_listed)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_listed)]
Statuses = Annotated[tuple[RunStatus, ...], BeforeValidator(_listed), Field(min_length=1)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_listed)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]


def turn(values: Sequence[Turn], number: int) -> Turn | None:
    """The one whose turn it is; none of none."""
    return values[number % len(values)] if values else None
