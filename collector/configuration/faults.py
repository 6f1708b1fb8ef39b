"""What is wrong in a file, where, and how it should be written."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Counted from 1, as editors do; none where the file has no such place."""

    line: int
    column: int | None = None


@dataclass(frozen=True)
class Fault:
    """`field` is the way to it through the file, as practices[2].jobs[0].every."""

    file: str
    place: Place | None
    field: str
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        numbers = [self.place.line, self.place.column] if self.place else []
        where = ":".join([self.file, *(str(one) for one in numbers if one is not None)])
        field = f"{self.field}: " if self.field else ""
        return f"{where}: {field}{self.message}" + (f"; {self.suggestion}" if self.suggestion else "")

    @property
    def order(self) -> tuple[str, int, int]:
        place = self.place or Place(0)
        return self.file, place.line, place.column or 0


class FaultyError(Exception):
    """Nothing of what was given can be applied."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults), key=lambda fault: fault.order))
        super().__init__("\n".join(map(str, self.faults)))


def field_of(steps: Steps) -> str:
    said = ""
    for step in steps:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return said


def did_you_mean(written: str, known: Iterable[str]) -> str | None:
    by_case = {one.casefold(): one for one in known}
    near = get_close_matches(written.casefold(), by_case, n=1, cutoff=0.6)
    return f"did you mean {by_case[near[0]]}?" if near else None
