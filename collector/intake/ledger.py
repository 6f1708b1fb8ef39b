"""Writes down that this collector can commit, so that our own outages are known afterwards."""

import asyncio
from datetime import UTC, datetime

from collector.logs import logger
from collector.store.connect import Pool
from collector.store.listening import TOLERATED, extend_listening

EVERY_S = 1.0
_log = logger("intake")


async def keep_ledger(pool: Pool, collector: str) -> None:
    """Extend this collector's span every second, until cancelled; a new one after each gap."""
    up_from = up_to = datetime.now(UTC)
    while True:
        now = datetime.now(UTC)
        if now - up_to > TOLERATED:
            up_from = now
        try:
            async with pool.acquire() as conn:
                await extend_listening(conn, collector, up_from, now)
            up_to = now
        except Exception as error:  # noqa: BLE001 - the ledger must go on
            _log.warning("the listening ledger could not be written", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)
