"""How long to leave a server alone that does not take our heartbeats."""

from __future__ import annotations

import random

FIRST_S = 5.0
LONGEST_S = 900.0


class Backoff:
    """Doubling, with full jitter above half: a thousand practices must not come back in one second."""

    def __init__(self) -> None:
        self._failures = 0

    def succeed(self) -> None:
        self._failures = 0

    def fail(self, retry_after_s: float | None) -> float:
        """Seconds to wait; never less than the server asked for."""
        ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        jittered = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy
        return max(jittered, (retry_after_s or 0.0) * random.uniform(1.0, 1.1))  # noqa: S311
