"""Which part of a job's files and data each run wrote anew, what was merely added apart."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from collector.model.snapshot import PastRun

# Who adds data works on as much again, and an import brings previews, an index, a catalogue. Encryption adds nothing.
_GROWTH_COUNTS = 2.0
# A job that shrank for a night, since a source was missing, is still as large as it was.
SIZE_REMEMBERED = 10


class Share(NamedTuple):
    """`rewritten` of the data, `changed` of the files; `touched` is how many files that are, as far as is known."""

    rewritten: float | None = None
    changed: float | None = None
    touched: int | None = None

    @property
    def most(self) -> float:
        """By the measure that says more."""
        return max(self.rewritten or 0.0, self.changed or 0.0)


def shares_of(runs: Sequence[PastRun]) -> list[Share]:
    """Of good runs, oldest first. The first has nothing to be compared with."""
    sizes, counts = [one.bytes_total for one in runs], [one.files_total for one in runs]
    data = _parts([one.bytes_added for one in runs], _filled(sizes, counts))
    files = _parts([one.files_changed for one in runs], _filled(counts, sizes))
    return [Share(*each) for each in zip(data, files, _touched(runs), strict=True)]


def _filled(totals: Sequence[int | None], others: Sequence[int | None]) -> list[int | None]:
    """A total that a run does not tell has grown as the other one did: by nothing where that is not told either."""
    filled: list[int | None] = []
    for at, total in enumerate(totals):
        before = filled[-1] if filled else None
        if total is None and before is not None:
            now, then = others[at], others[at - 1]
            total = round(before * now / then) if now and then else before
        filled.append(total)
    return filled


def _touched(runs: Sequence[PastRun]) -> Iterator[int | None]:
    """At most all files: those that a run before told of, where one tells nothing."""
    total: int | None = None
    for run in runs:
        total = total if run.files_total is None else run.files_total
        yield total if run.files_changed is None else run.files_changed


def _parts(written: Sequence[int | None], totals: Sequence[int | None]) -> list[float | None]:
    parts: list[float | None] = []
    sizes: list[int] = []
    for new, total in zip(written, totals, strict=True):
        known = new is not None and total is not None and sizes
        parts.append(_part(new or 0, total or 0, sizes) if known else None)
        if total is not None:
            sizes = [*sizes[1 - SIZE_REMEMBERED :], total]
    return parts


def _part(new: int, total: int, sizes: Sequence[int]) -> float | None:
    """What is left when all growth since the last run is taken for new, of the most that there was lately."""
    growth = max(0, total - sizes[-1])
    most = max(total, *sizes)
    return min(1.0, max(0.0, new - _GROWTH_COUNTS * growth) / most) if most else None
