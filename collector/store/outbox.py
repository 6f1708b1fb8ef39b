"""What is still to be sent, claimed by one sender at a time, in strict order of each ticket or incident and channel."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from collector.model.message import Addressed, Message, Notice, TicketMessage
from collector.store.connect import Connection

# What was sent is looked at for weeks, when somebody asks why nobody came.
SENT_KEPT = timedelta(days=30)
DROPPED_AT_ONCE = 5_000

_MESSAGE: TypeAdapter[TicketMessage | Notice] = TypeAdapter(Message)


@dataclass(frozen=True)
class Parcel:
    """A claimed message; `outbox_id` is the idempotency key that the receiver sees.

    `tried_at` is when the try before this one began: what became of that may be unknown. `revived_at` is when somebody
    wanted it tried again.
    """

    practice_id: UUID
    outbox_id: UUID
    attempts: int
    tried_at: datetime | None
    created_at: datetime
    message: TicketMessage | Notice
    revived_at: datetime | None = None

    @property
    def waits_since(self) -> datetime:
        return self.revived_at or self.created_at


_POST = """
    INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before)
    SELECT practice_id, channel, about, sequence, payload, $1, $1
    FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::jsonb[])
        AS told (practice_id, channel, about, sequence, payload)
"""
# A message waits for every earlier one of its ticket or incident and channel, however long that one takes, unless it
# was given up. Statistics are of a quiet hour, when the outbox was empty: `coalesce` leaves the planner no other index
# than the one by ticket, where the one by channel would read a whole storm for each message. `OFFSET 0` lets it look
# once for each message that it takes, where a join would read the whole storm for each claim.
_CLAIM = """
    WITH turn AS MATERIALIZED (
        SELECT practice_id, outbox_id, tried_at FROM outbox AS ready
        WHERE channel = $3 AND sent_at IS NULL AND dead_at IS NULL AND not_before <= $1
            AND (claimed_until IS NULL OR claimed_until <= $1)
            AND ($5::text IS NULL OR form = $5)
            AND NOT EXISTS (
                SELECT FROM outbox AS earlier
                WHERE earlier.practice_id = ready.practice_id AND earlier.about = ready.about
                    AND earlier.channel = ready.channel AND earlier.sequence < ready.sequence
                    AND coalesce(earlier.sent_at, earlier.dead_at) IS NULL
                OFFSET 0)
        ORDER BY not_before LIMIT $4
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET claimed_until = $2, attempts = attempts + 1, tried_at = $1 FROM turn
    WHERE outbox.practice_id = turn.practice_id AND outbox.outbox_id = turn.outbox_id
    RETURNING outbox.practice_id, outbox.outbox_id, attempts, turn.tried_at, created_at, payload, revived_at
"""
# With a message goes every later one of its incident. By sequence first: what the limit cuts off is never the earlier.
# Who holds the pace waits for no row: a sender that writes down what came back may hold that, and wait for the pace.
# What stands behind a row that is skipped, or was settled just now, is left for the next time.
_GATHER = """
    WITH turn AS MATERIALIZED (
        SELECT practice_id, outbox_id, tried_at, about, sequence FROM outbox AS ready
        WHERE channel = $3 AND form = 'notice' AND sent_at IS NULL AND dead_at IS NULL AND not_before <= $1
            AND (claimed_until IS NULL OR claimed_until <= $1)
            AND NOT EXISTS (
                SELECT FROM outbox AS earlier
                WHERE earlier.practice_id = ready.practice_id AND earlier.about = ready.about
                    AND earlier.channel = ready.channel AND earlier.sequence < ready.sequence
                    AND coalesce(earlier.sent_at, earlier.dead_at) IS NULL
                    AND (earlier.not_before > $1 OR earlier.claimed_until > $1))
        ORDER BY sequence, created_at LIMIT $4
        FOR UPDATE SKIP LOCKED
    ), whole AS MATERIALIZED (
        SELECT practice_id, outbox_id, tried_at FROM turn
        WHERE NOT EXISTS (
            SELECT FROM outbox AS earlier
            WHERE earlier.practice_id = turn.practice_id AND earlier.about = turn.about AND earlier.channel = $3
                AND earlier.sequence < turn.sequence AND coalesce(earlier.sent_at, earlier.dead_at) IS NULL
                AND earlier.outbox_id NOT IN (SELECT outbox_id FROM turn)
            OFFSET 0)
    )
    UPDATE outbox SET claimed_until = $2, attempts = attempts + 1, tried_at = $1 FROM whole
    WHERE outbox.practice_id = whole.practice_id AND outbox.outbox_id = whole.outbox_id
    RETURNING outbox.practice_id, outbox.outbox_id, attempts, whole.tried_at, created_at, payload, revived_at
"""
_SENT = """
    UPDATE outbox SET sent_at = $3, dead_at = NULL, claimed_until = NULL, last_error = NULL
    FROM unnest($1::uuid[], $2::uuid[]) AS done (practice_id, outbox_id)
    WHERE outbox.practice_id = done.practice_id AND outbox.outbox_id = done.outbox_id AND sent_at IS NULL
"""
# Only by whoever holds the claim still: `attempts` counts the claims.
_PUT_OFF = """
    UPDATE outbox SET not_before = $4, claimed_until = NULL, last_error = $5
    FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS done (practice_id, outbox_id, attempts)
    WHERE outbox.practice_id = done.practice_id AND outbox.outbox_id = done.outbox_id
        AND outbox.attempts = done.attempts AND sent_at IS NULL
"""
_BURY = """
    UPDATE outbox SET dead_at = $4, claimed_until = NULL, last_error = $5
    FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS done (practice_id, outbox_id, attempts)
    WHERE outbox.practice_id = done.practice_id AND outbox.outbox_id = done.outbox_id
        AND outbox.attempts = done.attempts AND sent_at IS NULL
"""
# What no try was made of, by a channel that takes messages, was never given its chance: perhaps no worker ran.
_BURY_OLD = """
    UPDATE outbox SET dead_at = $1, last_error = coalesce(last_error, 'waited a day for its channel')
    WHERE sent_at IS NULL AND dead_at IS NULL AND coalesce(revived_at, created_at) <= $2
        AND (claimed_until IS NULL OR claimed_until <= $1)
        AND NOT (channel = ANY ($3::text[]) AND coalesce(tried_at < revived_at, tried_at IS NULL))
    RETURNING channel
"""
_WANTED_AT = "SELECT max(revived_at) FROM outbox WHERE channel = $1 AND sent_at IS NULL AND dead_at IS NULL"
_DROP_SENT = """
    DELETE FROM outbox WHERE (practice_id, outbox_id) IN (
        SELECT practice_id, outbox_id FROM outbox WHERE sent_at < $1 ORDER BY sent_at LIMIT $2)
"""


async def post(conn: Connection, messages: Sequence[Addressed], at: datetime) -> None:
    """Put messages into the outbox, in the transaction that decided them."""
    if messages:
        rows = [(one.practice_id, channel, one.about, one.sequence, one.model_dump_json()) for channel, one in messages]
        await conn.execute(_POST, at, *zip(*rows, strict=True))


async def claim(
    conn: Connection, channel: str, now: datetime, until: datetime, limit: int, form: str | None = None
) -> list[Parcel]:
    """Messages whose turn it is, nobody else's until the lease ends; of any form unless one is named."""
    return [_parcel(row) for row in await conn.fetch(_CLAIM, now, until, channel, limit, form)]


async def gather(conn: Connection, channel: str, now: datetime, until: datetime, limit: int) -> list[Parcel]:
    """All notices that wait together, each incident's in their order; the caller holds the channel's pace."""
    parcels = [_parcel(row) for row in await conn.fetch(_GATHER, now, until, channel, limit)]
    return sorted(parcels, key=lambda one: (one.message.at, one.message.sequence))


def _parcel(row: asyncpg.Record) -> Parcel:
    return Parcel(
        row["practice_id"],
        row["outbox_id"],
        row["attempts"],
        row["tried_at"],
        row["created_at"],
        _MESSAGE.validate_json(row["payload"]),
        row["revived_at"],
    )


async def mark_sent(conn: Connection, parcels: Sequence[Parcel], at: datetime) -> None:
    await conn.execute(_SENT, *_ids(parcels), at)


async def put_off(conn: Connection, parcels: Sequence[Parcel], until: datetime, error: str) -> None:
    """Not delivered: try again later, and keep why for whoever asks."""
    await conn.execute(_PUT_OFF, *_ids(parcels), [one.attempts for one in parcels], until, error)


async def bury(conn: Connection, parcels: Sequence[Parcel], at: datetime, error: str) -> None:
    """Given up: not tried again unless somebody wants it, and no later message waits for it."""
    await conn.execute(_BURY, *_ids(parcels), [one.attempts for one in parcels], at, error)


async def bury_old(conn: Connection, now: datetime, older_than: datetime, taking: Collection[str]) -> list[str]:
    """Give up what has waited too long; `taking` are the channels that take messages now. The channel of each."""
    return [row["channel"] for row in await conn.fetch(_BURY_OLD, now, older_than, list(taking))]


async def wanted_at(conn: Connection, channel: str) -> datetime | None:
    """When somebody last wanted a message of the channel tried again, by the clock of their host."""
    at: datetime | None = await conn.fetchval(_WANTED_AT, channel)
    return at


def _ids(parcels: Sequence[Parcel]) -> tuple[list[UUID], list[UUID]]:
    return [one.practice_id for one in parcels], [one.outbox_id for one in parcels]


async def drop_sent(conn: Connection, now: datetime) -> None:
    """Retention, some at a time: senders at work are not held up."""
    deleted = f"DELETE {DROPPED_AT_ONCE}"
    while await conn.execute(_DROP_SENT, now - SENT_KEPT, DROPPED_AT_ONCE) == deleted:
        pass
