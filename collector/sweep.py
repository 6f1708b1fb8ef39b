"""What a worker does at each tick: judge whom it must, deliver what waits. The truth is in PostgreSQL alone."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from collector.delivery.channel import Channel
from collector.delivery.outlets import OpenChannels, Outlets, always
from collector.delivery.watchdog import Watchdog
from collector.evaluate import judge_practices, our_gaps, watch_arrivals
from collector.judge import Verdict
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.model.arrivals import Owed
from collector.model.campaign import PROVIDER
from collector.model.snapshot import Gap
from collector.oversee import oversee
from collector.store.arrivals import drop_arrived
from collector.store.connect import GONE, Pool
from collector.store.listening import drop_listening
from collector.store.liveness import drop_spans
from collector.store.outbox import drop_sent
from collector.store.polls import drop_events
from collector.store.snapshots import take_checkpoints
from collector.store.timescale import drop_expired
from collector.store.wakes import claim_wanted

CLAIMED_AT_ONCE = 500
CHUNK = 50
# Seconds; with the window and a slot it leaves a minute's silence unjudged until a shortfall is seen.
ARRIVALS_EVERY_S = 3.0
OWED_EVERY_S = 60.0
# Reading a month of signals costs tens of milliseconds.
OVERSEE_EVERY_S = 1.0

_log = logger("worker")


class Engine:
    """Everything that a tick needs, whoever started it."""

    def __init__(
        self,
        pool: Pool,
        channels: Sequence[Channel],
        metrics: WorkerMetrics,
        open_channels: OpenChannels | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.pool = pool
        self.metrics = metrics
        self.outlets = Outlets(pool, metrics, open_channels or always(channels))
        self._watchdog = watchdog
        self._arrivals_seen: float | None = None
        self._owed: Owed | None = None
        self._owed_at = 0.0
        self._overseen: float | None = None

    async def claim(self) -> list[list[UUID]]:
        """Claim the practices that want judging, in chunks that can be spread over workers."""
        await self._watch_arrivals()
        async with self.pool.acquire() as conn:
            wanted = await claim_wanted(conn, datetime.now(UTC), CLAIMED_AT_ONCE)
        return [list(wanted[start : start + CHUNK]) for start in range(0, len(wanted), CHUNK)]

    async def _watch_arrivals(self) -> None:
        """Before anybody is judged: a broken way to us must be known before it looks like silence."""
        if self._arrivals_seen is not None and time.monotonic() - self._arrivals_seen < ARRIVALS_EVERY_S:
            return
        self._arrivals_seen = time.monotonic()
        try:
            if time.monotonic() - self._owed_at > OWED_EVERY_S:
                self._owed, self._owed_at = None, time.monotonic()
            self._owed = await watch_arrivals(self.pool, self._owed)
        except GONE:
            raise
        except Exception:  # noqa: BLE001 - alarms must not hang on it
            _log.exception("arrivals could not be weighed")
            self.metrics.failed.labels(step="arrivals").inc()

    async def judge(self, practice_ids: Sequence[UUID]) -> int:
        """Judge some practices; how many messages that put into the outbox."""
        gaps = await our_gaps(self.pool, datetime.now(UTC))
        with self.metrics.judge_seconds.time():
            verdicts = await self._judged([one for one in practice_ids if one != PROVIDER], gaps)
        if PROVIDER in practice_ids or (self._may_oversee and any(one.signals_changed for one in verdicts)):
            verdicts += await self._oversee()
        for verdict in verdicts:
            self._count(verdict)
        if any(verdict.messages for verdict in verdicts):
            self.outlets.stir()
        return sum(len(verdict.messages) for verdict in verdicts)

    async def _judged(self, practice_ids: Sequence[UUID], gaps: tuple[Gap, ...]) -> list[Verdict]:
        """One practice's trouble is not the others': it is logged, counted, and tried again after its claim."""
        if not practice_ids:
            return []
        try:
            return await judge_practices(self.pool, practice_ids, gaps, datetime.now(UTC))
        except GONE:
            raise
        except Exception:  # noqa: BLE001 - one practice must not stop the others
            if len(practice_ids) > 1:
                return [verdict for one in practice_ids for verdict in await self._judged([one], gaps)]
            _log.exception("a practice could not be judged", practice=str(practice_ids[0]))
            self.metrics.failed.labels(step="judge").inc()
            return []

    @property
    def _may_oversee(self) -> bool:
        """At once, but not after each chunk of thousands that fall silent at once: its wake waits for a tick."""
        return self._overseen is None or time.monotonic() - self._overseen >= OVERSEE_EVERY_S

    async def _oversee(self) -> list[Verdict]:
        """Its trouble is not the practices': it is logged, counted, and tried again after its claim."""
        self._overseen = time.monotonic()
        try:
            verdict = await oversee(self.pool, datetime.now(UTC))
        except GONE:
            raise
        except Exception:  # noqa: BLE001 - the practices must be judged on
            _log.exception("the provider could not be judged")
            self.metrics.failed.labels(step="oversee").inc()
            return []
        return [verdict] if verdict else []

    def _count(self, verdict: Verdict) -> None:
        self.metrics.judged.inc()
        for change in verdict.changes:
            _log.info(
                "incident", what=change.what.value, said=change.said, rule=change.incident.rule,
                practice=str(verdict.seen.practice_id), incident=str(change.incident.incident_id),
            )  # fmt: skip
            self.metrics.incidents.labels(rule=change.incident.rule, what=change.what.value).inc()

    async def deliver(self) -> int:
        """Empty the outbox as far as it can be now; how many messages were taken."""
        return await self.outlets.deliver()

    async def sweep(self) -> None:
        """Claim and judge until nothing is wanted: the judging of a tick in one process."""
        while chunks := await self.claim():
            for chunk in chunks:
                await self.judge(chunk)
        self.swept()

    def swept(self) -> None:
        """All that is due was claimed: the watchdog hears of it, and holds up nobody."""
        if self._watchdog:
            self._watchdog.swept(self.outlets.names)

    async def keep_house(self) -> None:
        """Checkpoints and retention."""
        now = datetime.now(UTC)
        async with self.pool.acquire() as conn:
            await take_checkpoints(conn, now)
            await drop_arrived(conn, now)
            await drop_listening(conn, now)
            await drop_spans(conn, now)
            await drop_sent(conn, now)
            await drop_events(conn, now)
            await drop_expired(conn, now)
