"""Tells Alertmanagers again what lasts: an alert that is not sent again ends."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

from collector.delivery.alertmanager import Alertmanager
from collector.delivery.channel import DeliveryError
from collector.delivery.rounds import Rounds
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.store.connect import AWAY, Pool
from collector.store.polls import claim_poll
from collector.store.told import ToldIncident, last_still, told_incidents

# Alerts of one request. Source: Prometheus, `--alertmanager.notification-batch-size`.
AT_ONCE = 256

_log = logger("delivery")


class Resends:
    """Tells each Alertmanager when it is due, by one worker at a time, and holds up nobody meanwhile."""

    def __init__(self, pool: Pool, metrics: WorkerMetrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._rounds = Rounds()

    def begin(self, alertmanagers: Iterable[Alertmanager]) -> None:
        for one in alertmanagers:
            self._rounds.begin(one.name, one.resend, partial(self._go, one))

    async def close(self) -> None:
        await self._rounds.close()

    async def _go(self, one: Alertmanager) -> None:
        try:
            outcome = await resend(self._pool, one)
        except AWAY as error:
            _log.warning("the store is away", step="resend", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the worker must go on
            _log.exception("alerts could not be sent again", channel=one.name)
        else:
            if outcome is not None:
                self._metrics.resends.labels(channel=one.name, outcome=outcome.value).inc()
            return
        self._metrics.failed.labels(step="resend").inc()


class Outcome(StrEnum):
    """How sending again went."""

    TAKEN = "taken"
    FAILED = "failed"


async def resend(pool: Pool, one: Alertmanager) -> Outcome | None:
    """Send all alerts that last, if it is time and nobody else has; else None.

    The next turn is an interval after this one began, whatever becomes of it: a worker that dies over it costs one.
    """
    now = datetime.now(UTC)
    async with pool.acquire() as conn:
        turn = await claim_poll(conn, one.name, now, now + one.resend)
        if turn is None:
            return None
        incidents = await told_incidents(conn, one.name)
    try:
        async with asyncio.timeout(one.resend.total_seconds()):
            taken = [
                await _told(pool, one, incidents[start : start + AT_ONCE])
                for start in range(0, len(incidents), AT_ONCE)
            ]
    except (DeliveryError, TimeoutError) as error:
        _log.warning("alerts could not be sent again", channel=one.name, reason=str(error) or "too slow")
        return Outcome.FAILED
    return Outcome.TAKEN if all(taken) else Outcome.FAILED


async def _told(pool: Pool, one: Alertmanager, incidents: Sequence[ToldIncident]) -> bool:
    """What is refused for good keeps no other batch from being told again."""
    try:
        await _tell(pool, one, incidents)
    except DeliveryError as error:
        if not error.permanent:
            raise
        _log.warning("alerts were refused", channel=one.name, alerts=len(incidents), reason=str(error))
        return False
    return True


async def _tell(pool: Pool, one: Alertmanager, incidents: Sequence[ToldIncident]) -> None:
    """What was resolved meanwhile may have been ended before it was lit again here, so it is ended once more."""
    await one.tell(incidents, datetime.now(UTC))
    async with pool.acquire() as conn:
        lasting = await last_still(conn, one.name, [told.incident.incident_id for told in incidents])
    if over := [told for told in incidents if told.incident.incident_id not in lasting]:
        await one.end(over, datetime.now(UTC))
