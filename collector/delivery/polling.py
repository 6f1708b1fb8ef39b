"""Asks ticket systems that tell nothing by themselves what people did to our tickets there."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from collector.deeds import take_happenings
from collector.delivery.channel import DeliveryError
from collector.delivery.rounds import Rounds
from collector.escalation.incidents import REOPEN_WINDOW
from collector.logs import logger
from collector.metrics import WorkerMetrics
from collector.model.happening import Deed, Happening
from collector.store.connect import AWAY, Pool
from collector.store.polls import Turn, claim_poll, end_poll, watched_remotes
from collector.store.ticket_remotes import Polled, note_seen

# One look at a ticket system that answers slowly; after it another worker may take the turn.
LONGEST_LOOK = timedelta(minutes=5)
LEASE_MARGIN = timedelta(seconds=20)
LONGEST_TEXT, LONGEST_NAME = 2_000, 200  # characters of a Happening

_log = logger("delivery")


class Read(NamedTuple):
    """What is new of one ticket, and how far it has been read with that."""

    ticket: Polled
    happenings: tuple[Happening, ...]
    seen: str


class Look(NamedTuple):
    """What a look at a ticket system found, and where the next one begins."""

    read: Sequence[Read]
    cursor: str | None


@runtime_checkable
class Watchable(Protocol):
    """A ticket system that can be asked. How much it is asked must not grow with how many tickets are watched."""

    async def look(self, watched: Sequence[Polled], cursor: str | None) -> Look:
        """What people did, but not ourselves; what was told before may be told again. Raises DeliveryError."""


@dataclass(frozen=True)
class Poll:
    """A ticket system that is asked at an interval; `channel` is its name in escalation.yaml."""

    channel: str
    system: Watchable
    every: timedelta


class Polls:
    """Asks each ticket system when it is due, one question at a time, and holds up nobody meanwhile."""

    def __init__(self, pool: Pool, metrics: WorkerMetrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._rounds = Rounds()

    def begin(self, polls: Iterable[Poll]) -> None:
        for one in polls:
            self._rounds.begin(one.channel, one.every, partial(self._ask, one))

    async def close(self) -> None:
        await self._rounds.close()

    async def _ask(self, one: Poll) -> None:
        try:
            outcome = await poll(self._pool, one)
        except AWAY as error:
            _log.warning("the store is away", step="poll", error=type(error).__name__)
        except Exception:  # noqa: BLE001 - the worker must go on
            _log.exception("a ticket system could not be asked", channel=one.channel)
        else:
            if outcome is not None:
                self._metrics.polls.labels(channel=one.channel, outcome=outcome.value).inc()
            return
        self._metrics.failed.labels(step="poll").inc()


class Outcome(StrEnum):
    """How asking went."""

    ASKED = "asked"
    FAILED = "failed"


async def poll(pool: Pool, one: Poll) -> Outcome | None:
    """Ask, if it is due and nobody else is at it; else None.

    1. Take the turn, so that one worker asks.
    2. Read what people did to tickets that are open here, or were until lately.
    3. Take it ticket by ticket, and then note how far it has been read: what comes twice is taken once.
    4. Give the turn back; after a failure the next look begins where this one did.
    """
    began = datetime.now(UTC)
    async with pool.acquire() as conn:
        turn = await claim_poll(conn, one.channel, began, began + LONGEST_LOOK + LEASE_MARGIN)
    if turn is None:
        return None
    cursor = None
    try:
        async with asyncio.timeout(LONGEST_LOOK.total_seconds()):
            cursor = await _look(pool, one, turn, began)
    except (DeliveryError, TimeoutError) as error:
        _log.warning("a ticket system could not be asked", channel=one.channel, reason=str(error) or "too slow")
        return Outcome.FAILED
    finally:
        async with pool.acquire() as conn:
            await end_poll(conn, turn, began + one.every, cursor)
    return Outcome.ASKED


async def _look(pool: Pool, one: Poll, turn: Turn, now: datetime) -> str | None:
    """Where the next look begins."""
    async with pool.acquire() as conn:
        watched = await watched_remotes(conn, one.channel, now - REOPEN_WINDOW)
    look = await one.system.look(watched, turn.cursor)
    for read in look.read:
        async with pool.acquire() as conn:
            await take_happenings(conn, one.channel, read.happenings, now)
            await note_seen(conn, read.ticket, read.seen)
    return look.cursor


def happening(ticket: Polled, event_id: str, deed: Deed, by: str, at: datetime, said: str = "") -> Happening:
    """As a ticket system tells it, within what the timeline keeps."""
    return Happening(
        event_id=event_id, ticket_id=ticket.ticket_id, deed=deed, by=" ".join(by.split())[:LONGEST_NAME] or "?",
        at=at, said=_within(said.replace("\x00", "").strip()),
    )  # fmt: skip


def _within(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
