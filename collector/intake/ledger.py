"""Writes down that this collector can commit, and how much it did, so that our own outages are known afterwards."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from collector.logs import logger
from collector.store.connect import Pool, borrowed
from collector.store.listening import TOLERATED, extend_listening

EVERY_S = 1.0
_log = logger("intake")


async def keep_ledger(pool: Pool, collector: str, committed: Callable[[], int]) -> None:
    """Extend this collector's span every second, until cancelled; a new one after each gap.

    `committed` counts its heartbeats since the start; what could not be written down is added with the next.
    """
    told = committed()
    up_from = up_to = datetime.now(UTC)
    while True:
        now, so_far = datetime.now(UTC), committed()
        if now - up_to > TOLERATED:
            up_from = now
        try:
            async with borrowed(pool) as conn:
                await extend_listening(conn, collector, up_from, now, so_far - told)
            up_to, told = now, so_far
        except Exception as error:  # noqa: BLE001 - the ledger must go on
            _log.warning("the listening ledger could not be written", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)
