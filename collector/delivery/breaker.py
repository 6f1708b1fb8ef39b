"""Leaves a receiver alone that takes nothing, and asks it now and then whether it does again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

# Failures in a row. One is that message's own trouble, a few may be bad luck.
MOST_FAILURES = 5
# A restart takes half a minute; a receiver that is away for long is back for at most ten minutes before we see it.
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)
# What a receiver asks for itself is kept, up to what one message waits at most.
LONGEST_WISHED = timedelta(hours=1)


class State(StrEnum):
    CLOSED = "closed"  # all goes through
    OPEN = "open"  # nothing does
    HALF_OPEN = "half_open"  # one message at a time asks


class Turn(StrEnum):
    """Why a breaker changed."""

    FAILURES_IN_A_ROW = "failures_in_a_row"
    PROBE_FAILED = "probe_failed"
    TAKEN_AGAIN = "taken_again"


@dataclass(frozen=True)
class Breaker:
    """`failed` are the tickets and incidents that failed since anything was taken.

    Each counts once: a message that a good receiver refuses again and again must not stop the others.
    """

    failed: frozenset[UUID] = frozenset()
    rests: int = 0
    until: datetime | None = None

    def state(self, now: datetime) -> State:
        if self.until is None:
            return State.CLOSED
        return State.OPEN if now < self.until else State.HALF_OPEN

    def room(self, going: int, most: int, now: datetime) -> int:
        """How many deliveries more may begin, while so many are under way."""
        allowed = {State.CLOSED: most, State.HALF_OPEN: 1, State.OPEN: 0}[self.state(now)]
        return max(allowed - going, 0)

    def taken(self) -> tuple["Breaker", Turn | None]:
        return Breaker(), Turn.TAKEN_AGAIN if self.until else None

    def refused(self, about: UUID, wish: timedelta | None, now: datetime) -> tuple["Breaker", Turn | None]:
        """`wish` is how long the receiver itself wants to be left alone."""
        failed = self.failed | {about}
        state = self.state(now)
        if state is State.HALF_OPEN:
            return self._opened(failed, wish, now), Turn.PROBE_FAILED
        if state is State.CLOSED and len(failed) >= MOST_FAILURES:
            return self._opened(failed, wish, now), Turn.FAILURES_IN_A_ROW
        return replace(self, failed=failed), None

    def woken(self, now: datetime) -> "Breaker":
        """Somebody says that the receiver is well again: it is asked now."""
        return replace(self, until=now)

    def _opened(self, failed: frozenset[UUID], wish: timedelta | None, now: datetime) -> "Breaker":
        rest = min(FIRST_REST * (1 << min(self.rests, 10)), LONGEST_REST)
        wished = min(wish or timedelta(0), LONGEST_WISHED)
        return Breaker(failed, self.rests + 1, now + max(rest, wished))
