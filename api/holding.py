"""Why nobody is told of an incident now, as pages say it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model.silence import Silence

_SILENCE = "silence:"


@dataclass(frozen=True)
class Holding:
    """What holds it: a snooze, a silence that is still known, or the rule whose incident speaks for it."""

    kind: str
    silence: Silence | None = None
    until: datetime | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Holdings:
    """The silences that may hold something, by the name under which an incident knows them."""

    silences: Mapping[str, Silence]
    now: datetime

    def of(self, held_by: str | None) -> Holding | None:
        if held_by is None or held_by == "snooze":
            return None  # a snooze is told beside, with whose it is
        if not held_by.startswith(_SILENCE):
            return Holding("inhibited", rule=held_by)
        silence = self.silences.get(held_by)
        return Holding("silence", silence, silence.holds_until(self.now) if silence else None)


def holdings(silences: Sequence[Silence], now: datetime) -> Holdings:
    return Holdings({f"{_SILENCE}{one.silence_id}": one for one in silences}, now)
