"""What another set of rules would have raised: its incidents against those of before, pair by pair."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.model.incident import Incident
from collector.model.subject import Subject
from collector.model.value import LATEST


class Shift(StrEnum):
    ADDED = "added"
    GONE = "gone"
    EARLIER = "earlier"
    LATER = "later"
    WORSE = "worse"
    MILDER = "milder"


@dataclass(frozen=True)
class Moved:
    """An incident that would be there, would not, or would be otherwise; one of both may be missing."""

    shift: Shift
    before: Incident | None
    after: Incident | None

    @property
    def incident(self) -> Incident:
        found = self.after or self.before
        if found is None:
            raise ValueError("neither before nor after")
        return found


def overlap(one: Incident, other: Incident) -> bool:
    """Whether there is an instant at which both lasted."""
    return one.opened_at < (other.resolved_at or LATEST) and other.opened_at < (one.resolved_at or LATEST)


def differences(before: Iterable[Incident], after: Iterable[Incident]) -> list[Moved]:
    """Two incidents are the same trouble if they have rule and subject in common and last at the same time."""
    earlier, later = _by_key(before), _by_key(after)
    moved: list[Moved] = []
    for key in {**earlier, **later}:
        moved += _moved(earlier.get(key, []), later.get(key, []))
    return sorted(moved, key=lambda one: (one.incident.opened_at, one.incident.rule, one.incident.subject))


def _by_key(incidents: Iterable[Incident]) -> dict[tuple[str, Subject], list[Incident]]:
    found: dict[tuple[str, Subject], list[Incident]] = {}
    for one in sorted(incidents, key=_opened):
        found.setdefault((one.rule, one.subject), []).append(one)
    return found


def _opened(incident: Incident) -> datetime:
    return incident.opened_at


def _moved(before: Sequence[Incident], after: Sequence[Incident]) -> list[Moved]:
    moved: list[Moved] = []
    left = list(after)
    for one in before:
        match = next((other for other in left if overlap(one, other)), None)
        if match is None:
            moved.append(Moved(Shift.GONE, one, None))
            continue
        left.remove(match)
        shift = _shift(one, match)
        moved += [Moved(shift, one, match)] if shift else []
    return moved + [Moved(Shift.ADDED, None, one) for one in left]


def _shift(before: Incident, after: Incident) -> Shift | None:
    if after.opened_at != before.opened_at:
        return Shift.EARLIER if after.opened_at < before.opened_at else Shift.LATER
    if after.severity is before.severity:
        return None
    return Shift.WORSE if after.severity.rank < before.severity.rank else Shift.MILDER
