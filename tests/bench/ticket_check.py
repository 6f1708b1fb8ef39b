"""Holds what was to be sent against what ticket systems have: nothing lost, nothing twice."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from collector.store.connect import connect
from tests.bench.counting import OPENED, Counting
from tests.bench.ticket_receivers import Tracker

HOOK, TRACKER = "hook", "tracker"

_POSTED = """
    SELECT outbox_id, channel, about, payload->>'event' AS event, sent_at IS NOT NULL AS sent, last_error
    FROM outbox ORDER BY created_at
"""
_TICKETS = "SELECT ticket_id, practice_id, root, channel, state FROM ticket"
_TICKETED = "SELECT DISTINCT facts->>'alert' AS alert FROM incident WHERE ticket_id IS NOT NULL"
_LEFT = "SELECT (SELECT count(*) FROM wake) + (SELECT count(*) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL)"


@dataclass(frozen=True)
class Posted:
    """A message of ours, and what became of it."""

    outbox_id: UUID
    channel: str
    about: UUID
    event: str
    sent: bool
    last_error: str | None


@dataclass(frozen=True)
class Kept:
    """A ticket as we hold it."""

    ticket_id: UUID
    practice_id: UUID
    root: str
    channel: str
    state: str


@dataclass(frozen=True)
class Found:
    """`lost` and `doubled` say of each what it is."""

    sent: int
    received: int
    lost: frozenset[str]
    doubled: frozenset[str]


@dataclass(frozen=True)
class Held:
    """What our database holds at the end."""

    posted: tuple[Posted, ...]
    tickets: tuple[Kept, ...]
    ticketed: frozenset[str]  # alerts


async def held(database_url: str) -> Held:
    conn = await connect(database_url)
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            posted = tuple(Posted(**row) for row in await conn.fetch(_POSTED))
            tickets = tuple(Kept(**row) for row in await conn.fetch(_TICKETS))
            ticketed = frozenset(row["alert"] for row in await conn.fetch(_TICKETED))
    finally:
        await conn.close()
    return Held(posted, tickets, ticketed)


async def left(database_url: str) -> int:
    """What is still to be judged or sent."""
    conn = await connect(database_url)
    try:
        waiting: int = await conn.fetchval(_LEFT)
        return waiting
    finally:
        await conn.close()


def check(kept: Held, owed: Iterable[str], hook: Counting, tracker: Tracker) -> Found:
    """Once everything has come to rest.

    1. Every alert has come to a ticket, and every message of every ticket to its ticket system.
    2. There is one ticket for one root here, and one for one of ours there, in the same state.
    """
    heard = {one.outbox_id for one in kept.posted if _heard(one, hook, tracker)}
    lost = {f"alert {name} has no ticket" for name in set(owed) - kept.ticketed}
    lost |= {_said(one) for one in kept.posted if one.outbox_id not in heard or not one.sent}
    lost |= {f"ticket {one.ticket_id} is {one.state} here" for one in kept.tickets if not _alike(one, tracker)}
    roots = Counter((one.practice_id, one.root) for one in kept.tickets)
    doubled = {f"{count} tickets for {root}" for (_, root), count in roots.items() if count > 1}
    doubled |= {f"ticket {key} at the hook" for key in hook.doubled}
    doubled |= {f"ticket {key} at the tracker" for key in tracker.doubled}
    return Found(sum(one.sent for one in kept.posted), len(heard), frozenset(lost), frozenset(doubled))


def _heard(one: Posted, hook: Counting, tracker: Tracker) -> bool:
    if one.channel == HOOK:
        return str(one.outbox_id) in hook.arrived
    return tracker.heard(one.about, one.outbox_id, opening=one.event == OPENED)


def _alike(one: Kept, tracker: Tracker) -> bool:
    """What stands at the hook is told by its events; at the tracker the state of the ticket is looked at."""
    if one.channel != TRACKER:
        return True
    resolved = {ticket.status == "resolved" for ticket in tracker.live(str(one.ticket_id))}
    return resolved == {one.state == "resolved"}


def _said(one: Posted) -> str:
    why = "sent, and not there" if one.sent else f"never sent: {one.last_error}"
    return f"{one.event} {one.outbox_id} of {one.about} at the {one.channel}: {why}"
