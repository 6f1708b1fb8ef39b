"""Sends what the outbox holds, each message once its turn has come, and puts off what fails."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

from collector.delivery.channel import Channel, DeliveryError
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.store.connect import Pool
from collector.store.outbox import Parcel, claim, mark_sent, put_off

# A claim outlives the longest delivery by this, so that a slow one is never sent twice at once.
LEASE_MARGIN = timedelta(seconds=20)
AT_ONCE = 20
FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(hours=1)

_log = logger("delivery")


async def drain(pool: Pool, channel: Channel, metrics: WorkerMetrics) -> int:
    """Deliver until nothing is ready; how many messages the receiver took."""
    delivered = 0
    while True:
        now = datetime.now(UTC)
        async with pool.acquire() as conn:
            parcels = await claim(conn, channel.name, now, now + channel.timeout + LEASE_MARGIN, AT_ONCE)
        if not parcels:
            return delivered
        delivered += sum(await asyncio.gather(*(_send(pool, channel, parcel, metrics) for parcel in parcels)))


async def _send(pool: Pool, channel: Channel, parcel: Parcel, metrics: WorkerMetrics) -> bool:
    try:
        async with asyncio.timeout(channel.timeout.total_seconds()):
            await channel.deliver(parcel)
    except Exception as error:  # noqa: BLE001 - whatever a receiver does, the message is tried again later
        if not isinstance(error, (DeliveryError, TimeoutError)):
            _log.exception("a delivery raised", channel=channel.name)
        await _put_off(pool, channel, parcel, error)
        metrics.deliveries.labels(channel=channel.name, outcome="failed").inc()
        return False
    async with pool.acquire() as conn:
        await mark_sent(conn, parcel, datetime.now(UTC))
    metrics.deliveries.labels(channel=channel.name, outcome="sent").inc()
    return True


async def _put_off(pool: Pool, channel: Channel, parcel: Parcel, error: Exception) -> None:
    reason = _reason(error, channel)
    wish = error.retry_after if isinstance(error, DeliveryError) else None
    wait = max(retry_delay(parcel.attempts), wish or timedelta(0))
    message = parcel.message
    _log.warning(
        "a delivery failed",
        channel=channel.name, about=str(message.about), sequence=message.sequence,
        attempts=parcel.attempts, reason=reason, again_in_s=round(wait.total_seconds(), 1),
    )  # fmt: skip
    async with pool.acquire() as conn:
        await put_off(conn, parcel, datetime.now(UTC) + wait, reason)


def _reason(error: Exception, channel: Channel) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {channel.timeout.total_seconds():g} s"
    return str(error) if isinstance(error, DeliveryError) else type(error).__name__


def retry_delay(attempts: int) -> timedelta:
    """Doubles from 2 s up to an hour; a fifth of jitter keeps receivers from being hit in step."""
    exponential = FIRST_RETRY * (1 << min(attempts - 1, 20))
    return min(exponential, LONGEST_RETRY) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
