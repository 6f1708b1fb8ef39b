"""Holds what was acknowledged against what is in the database."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from collector.store.connect import connect
from tests.bench.kill_load import Account

EVER = datetime(2000, 1, 1, tzinfo=UTC)

_DURABLE = "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
_ACCEPTED = "SELECT id, received_at FROM accepted WHERE received_at >= $1"
_BEATS = "SELECT id, received_at FROM heartbeat WHERE received_at >= $1"
_RUNS = "SELECT heartbeat_id, body->0->>'run_id' AS run_id FROM section WHERE kind = 'backups' AND received_at >= $1"
_PINGS = "SELECT heartbeat_id, body->0->>'run_id' AS run_id FROM section WHERE kind = 'ping' AND received_at >= $1"
_WAKES = "SELECT heartbeat_id FROM wake WHERE heartbeat_id IS NOT NULL AND received_at >= $1"
_FOLDED = "SELECT heartbeat_id FROM folded WHERE received_at >= $1"
_WAITING = "SELECT count(*) FROM wake"


@dataclass
class Found:
    """What is wrong, by what is wrong with it. `lost` was acknowledged and is not all there."""

    lost: set[UUID] = field(default_factory=set)
    doubled: set[UUID] = field(default_factory=set)
    halves: set[UUID] = field(default_factory=set)  # stored, acknowledged or not, and not all of it

    def __ior__(self, other: "Found") -> "Found":
        self.lost |= other.lost
        self.doubled |= other.doubled
        self.halves |= other.halves
        return self

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.halves)


@dataclass(frozen=True)
class _Stored:
    """One instant of the database, from some instant of arrival on."""

    accepted: dict[UUID, datetime]
    beats: dict[UUID, datetime]
    runs: dict[UUID, str]
    known: set[UUID]  # waits to be folded, or is
    pings: Counter[UUID]  # by run
    twice: set[UUID]

    def whole(self, key: UUID, run_id: str) -> bool:
        stored = self.accepted.get(key) == self.beats.get(key) is not None
        return stored and self.runs.get(key) == run_id and key in self.known

    def as_told(self, key: UUID, account: Account) -> bool:
        return self.whole(key, account.sent[key]) and self.accepted[key] == account.acknowledged[key]


async def check_durable(database_url: str) -> None:
    """With any of these off, a round that finds nothing says nothing."""
    conn = await connect(database_url)
    try:
        settings = tuple(await conn.fetchrow(_DURABLE) or ())
    finally:
        await conn.close()
    if settings != ("on", "on", "on"):
        raise RuntimeError(f"fsync, synchronous_commit, full_page_writes are {settings}; they must be on")


async def check(database_url: str, account: Account, keys: Iterable[UUID], since: datetime = EVER) -> Found:
    """`keys` were acknowledged; what else is stored since must be all there too, and once.

    A ping that was sent once must be there once; one that was sent again has no id by which to know it.
    """
    asked = list(keys)
    stored = await _stored(database_url, since)
    pings = {key: stored.pings[key] for key in asked if key in account.pinged}
    lost = {key for key, times in pings.items() if times == 0}
    doubled = {key for key, times in pings.items() if times > account.pinged[key]}
    lost |= {key for key in asked if key not in pings and not stored.as_told(key, account)}
    seen = stored.accepted.keys() | stored.beats.keys() | stored.runs.keys() | stored.known
    halves = {key for key in seen if key in account.sent and not stored.whole(key, account.sent[key])}
    return Found(lost, stored.twice | doubled, halves)


async def count_waiting(database_url: str) -> int:
    conn = await connect(database_url)
    try:
        waiting: int = await conn.fetchval(_WAITING)
        return waiting
    finally:
        await conn.close()


async def _stored(database_url: str, since: datetime) -> _Stored:
    conn = await connect(database_url)
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            accepted = await conn.fetch(_ACCEPTED, since)
            beats = await conn.fetch(_BEATS, since)
            runs = await conn.fetch(_RUNS, since)
            pings = await conn.fetch(_PINGS, since)
            wakes = await conn.fetch(_WAKES, since)
            folded = await conn.fetch(_FOLDED, since)
    finally:
        await conn.close()
    known = [row["heartbeat_id"] for row in (*wakes, *folded)]
    return _Stored(
        accepted={row["id"]: row["received_at"] for row in accepted},
        beats={row["id"]: row["received_at"] for row in beats},
        runs={row["heartbeat_id"]: row["run_id"] for row in runs},
        known=set(known),
        pings=Counter(UUID(row["run_id"]) for row in pings if row["heartbeat_id"] in set(known)),
        twice=_twice([row["id"] for row in beats]) | _twice(known),
    )


def _twice(keys: Iterable[UUID]) -> set[UUID]:
    return {key for key, count in Counter(keys).items() if count > 1}
