"""How long to leave a server alone that does not take our heartbeats."""

from __future__ import annotations

import random

FIRST_S = 5.0
# The collector allows a quarter of an hour after an outage of its own (own_outage.catching_up) before it believes our
# silence: back within ten minutes, there are five left to empty the spool.
LONGEST_S = 600.0


def wait_s(failures: int, retry_after_s: float | None) -> float:
    """After so many failures in a row; never less than the server asked for.

    Doubling, with full jitter above half: a thousand practices must not come back in one second.
    """
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 10))
    jittered = ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy
    return max(jittered, (retry_after_s or 0.0) * random.uniform(1.0, 1.1))  # noqa: S311
