"""How much of its files and data an ordinary run of a job writes anew, as seen from one of its runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from collector.model.baseline import LEAST_ALIKE, Spread, median, spread
from collector.model.shares import Share, shares_of
from collector.model.snapshot import PastRun

# Less of all files and data is no sign of anything.
LEAST_SHARE = 0.02
# Of the logarithm: one ordinary run in some thousands goes beyond the first, none in a job's life beyond the second.
OUT_OF_ORDINARY = 1.75
CEILING = 2.5
# Of five nights the busiest but one.
_TYPICAL = 0.8
# Encryption that creeps is looked for over as many runs: they are not measured by one another.
CREEPS_OVER = 3
# Fewer tell nothing of what is usual.
LEAST_KNOWN = 3
# A measure that is always this high, as of disk images and dumps, cannot tell encryption from an ordinary night.
_ALWAYS_HIGH = 0.5
# Fewer files are a database or a disk image, which change as a whole.
_FEW_FILES = 10
# However uneven a job is and however long nothing was saved: of all files and data, and times the usual.
_NEVER_ORDINARY = 0.3
_NEVER_TIMES = 2.0
# However long the absence: what changes daily changes again and again.
_MOST_INTERVALS = 10.0


def never_ordinary(usual: float) -> float:
    """The share that no ordinary run writes anew, however its job wavers."""
    return max(_NEVER_ORDINARY, _NEVER_TIMES * usual)


@dataclass(frozen=True)
class Ordinary:
    """`parts` is what each run wrote anew by every measure that tells; `by` says which do, `known` is what counts."""

    runs: Sequence[PastRun]
    shares: Sequence[Share]
    by: tuple[bool, bool]
    parts: Sequence[float | None]
    places: Sequence[int]

    @classmethod
    def before(cls, runs: Sequence[PastRun], strange: Collection[datetime]) -> Self:
        """As seen from the last of these good runs. `strange` are the ends of runs that were out of the ordinary."""
        shares = shares_of(runs)
        places = _ordinary(runs, strange)
        by = (_tells([shares[at].rewritten for at in places]), _tells([shares[at].changed for at in places]))
        return cls(runs, shares, by, [_part(one, by) for one in shares], places)

    @property
    def known(self) -> list[float]:
        return [part for at in self.places if (part := self.parts[at]) is not None]

    def alone(self, at: int) -> bool:
        """Whether only one of the two measures tells of a run."""
        share = self.shares[at]
        return not all(self.by) or share.rewritten is None or share.changed is None

    def files_untold(self, at: int) -> bool:
        """Whether there are files, and how many of them changed is not said."""
        share = self.shares[at]
        return share.changed is None and share.touched is not None

    def intervals(self, at: int) -> float:
        """How much later than usual a run came after the one before: what was not saved then is saved now.

        Where nothing runs on weekends, Mondays come late as usual.
        """
        gaps, alike = [self._gap(one) for one in self.places], [self._gap(one) for one in self._alike(at)]
        usual = max(median(gaps) if gaps else 0.0, median(alike) if len(alike) >= LEAST_ALIKE else 0.0)
        return min(max(1.0, self._gap(at) / usual), _MOST_INTERVALS) if usual else 1.0

    def spread(self, at: int) -> Spread:
        known = [part for one in self._alike(at) if (part := self.parts[one]) is not None]
        return spread(self.known, known, typical=_TYPICAL)

    def _gap(self, at: int) -> float:
        return (self.runs[at].finished_at - self.runs[at - 1].finished_at).total_seconds()

    def _alike(self, at: int) -> list[int]:
        weekday = self.runs[at].finished_at.weekday()
        return [one for one in self.places if self.runs[one].finished_at.weekday() == weekday]


def _ordinary(runs: Sequence[PastRun], strange: Collection[datetime]) -> list[int]:
    """The places that count: those before the last ones, where enough are left, and not out of the ordinary.

    The first is left out, with nothing before it. Where most are out of the ordinary, they are the ordinary ones.
    """
    last = len(runs) - CREEPS_OVER
    before = range(1, last + 1 if last >= LEAST_KNOWN else len(runs) - 1)
    ordinary = [at for at in before if runs[at].finished_at not in strange]
    return ordinary if 2 * len(ordinary) >= len(before) else list(before)


def _tells(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return len(known) >= LEAST_KNOWN and median(known) < _ALWAYS_HIGH


def _part(share: Share, by: tuple[bool, bool]) -> float | None:
    told = (share.rewritten if by[0] else None, share.changed if by[1] else None)
    known = [one for one in told if one is not None]
    if known and share.touched is not None and share.touched < _FEW_FILES:
        return 0.0
    return min(known, default=None)
