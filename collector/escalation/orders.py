"""What judging a practice must know of the provider's orders: who is told, and what is silenced."""

from dataclasses import dataclass

from collector.escalation.oncall import Roster
from collector.model.book import Book
from collector.model.silence import Silence


@dataclass(frozen=True)
class Orders:
    """`silences` are those that have not ended; of any practice."""

    roster: Roster
    silences: tuple[Silence, ...] = ()


AS_IT_COMES = Orders(Roster(Book()))
