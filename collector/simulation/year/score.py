"""What was found against what is true: recall, precision and delay for each fault, false findings for the rest."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.model.subject import PRACTICE, scopes
from collector.simulation.year.play import Raised
from collector.simulation.year.truth import TOLERANCE, Decoy, Fault, Harmless, Label, Truth


@dataclass(frozen=True)
class Stray:
    """A finding that nothing explains, or a fault that nobody found, with all that is needed to look at it."""

    practice: int
    what: str
    subject: str
    reason: str
    at: datetime
    decoy: Harmless | None = None


@dataclass
class Tally:
    """Of one fault."""

    injected: int = 0
    found: int = 0
    delays: list[float] = field(default_factory=list)


@dataclass
class Score:
    """Of some practices; scores of more are added to it."""

    faults: dict[Fault, Tally] = field(default_factory=dict)
    decoys: Counter[Harmless] = field(default_factory=Counter)
    false: list[Stray] = field(default_factory=list)
    missed: list[Stray] = field(default_factory=list)
    practice_days: float = 0.0
    judgements: int = 0
    reports: int = 0

    def add(self, other: "Score") -> None:
        for fault, tally in other.faults.items():
            known = self.faults.setdefault(fault, Tally())
            known.injected += tally.injected
            known.found += tally.found
            known.delays += tally.delays
        self.decoys += other.decoys
        self.false += other.false
        self.missed += other.missed
        self.practice_days += other.practice_days
        self.judgements += other.judgements
        self.reports += other.reports

    def false_by(self, rules: Iterable[str]) -> int:
        wanted = frozenset(rules)
        return sum(one.what in wanted for one in self.false)


def score_practice(number: int, truth: Truth, raised: Sequence[Raised]) -> Score:
    score = Score(decoys=Counter(one.kind for one in truth.decoys))
    explained = {one: _explained(one, truth) for one in raised}
    for label in truth.labels:
        tally = score.faults.setdefault(label.fault, Tally())
        tally.injected += 1
        found = _finding_of(label, raised, explained)
        if found is None:
            score.missed.append(Stray(number, label.fault.value, min(label.subjects), ",".join(label.rules), label.due))
        else:
            tally.found += 1
            tally.delays.append(max(0.0, (found.at - label.due).total_seconds()))
    score.false = [_stray(number, one, truth) for one in raised if not explained[one]]
    return score


def _finding_of(label: Label, raised: Sequence[Raised], explained: dict[Raised, bool]) -> Raised | None:
    """The first that was raised in time; one that already lasted, for a reason of its own, has found it before."""
    about = [one for one in raised if one.rule in label.rules and one.subject in label.subjects]
    in_time = [one for one in about if label.due - TOLERANCE <= one.at <= label.by]
    lasting = [
        one for one in about if one.at < label.due and explained[one] and (one.until is None or one.until >= label.due)
    ]
    return min([*lasting, *in_time], key=lambda one: one.at, default=None)


def _explained(one: Raised, truth: Truth) -> bool:
    labels = (
        one.rule in label.rules and one.subject in label.subjects and label.due - TOLERANCE <= one.at <= label.until
        for label in truth.labels
    )
    return any(labels) or any(excuse.covers(one.rule, one.subject, one.at) for excuse in truth.excuses)


def _stray(number: int, one: Raised, truth: Truth) -> Stray:
    """Laid to the hard negative that fits it most narrowly."""
    decoys = [decoy for decoy in truth.decoys if _falls_on(one, decoy)]
    decoy = min(decoys, key=lambda decoy: decoy.ends - decoy.begins, default=None)
    return Stray(number, one.rule, one.subject, one.reason, one.at, decoy.kind if decoy else None)


def _falls_on(one: Raised, decoy: Decoy) -> bool:
    about = decoy.subject in (None, PRACTICE) or decoy.subject in scopes(one.subject)
    by_this = not decoy.rules or one.rule in decoy.rules
    return about and by_this and decoy.begins <= one.at <= decoy.ends


def half(delays: Sequence[float]) -> float | None:
    """The median, as one that was measured."""
    return sorted(delays)[(len(delays) - 1) // 2] if delays else None
