"""How much each practice may send: a bucket of tokens each, so that one never crowds out the others."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

# A token is a heartbeat, or as many bytes or JSON values as a rich one has: whichever counts more.
TOKEN_BYTES = 8 * 1024
TOKEN_VALUES = 256
MOST_BUCKETS = 50_000


class TooMuchError(Exception):
    """The practice's bucket is empty; it is above zero again in `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Admission:
    """A bucket is kept as the instant at which it is full again; a full one need not be kept.

    Whoever comes while it is above zero is let in, and may take it below: so the largest batch fits some time.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst_s = burst / rate
        self._clock = clock
        self._full_at: OrderedDict[UUID, float] = OrderedDict()

    @property
    def remembered(self) -> int:
        """Buckets that are not full, as far as is known."""
        return len(self._full_at)

    def take(self, practice_id: UUID, tokens: float) -> None:
        """Raises TooMuchError where the bucket is empty, and takes nothing then. Zero tokens only ask."""
        now = self._clock()
        empty_s = self._full_at.get(practice_id, now) - now - self._burst_s
        if empty_s >= 0:
            raise TooMuchError(math.floor(empty_s) + 1)
        self.owe(practice_id, tokens)

    def owe(self, practice_id: UUID, tokens: float) -> None:
        """What turned out to be more than was taken, of a request that was let in."""
        if tokens <= 0:
            return
        now = self._clock()
        self._full_at[practice_id] = max(self._full_at.pop(practice_id, now), now) + tokens / self._rate
        self._forget(now)

    def _forget(self, now: float) -> None:
        """The longest unheard first, while they are full; beyond the bound, one that is not."""
        while len(self._full_at) > 1:
            longest_unheard = next(iter(self._full_at))
            if self._full_at[longest_unheard] > now and len(self._full_at) <= MOST_BUCKETS:
                return
            del self._full_at[longest_unheard]


def tokens_of(heartbeats: int, size: int, values: int = 0) -> float:
    """What a request costs, by its heartbeats and by the bytes and values of its inflated body."""
    return max(heartbeats, size / TOKEN_BYTES, values / TOKEN_VALUES)
