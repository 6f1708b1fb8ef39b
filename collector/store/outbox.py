"""What is still to be sent, claimed by one sender at a time, in strict order of each ticket or incident and channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from collector.model.message import Addressed, Message, Notice, TicketMessage
from collector.store.connect import Connection

_MESSAGE: TypeAdapter[TicketMessage | Notice] = TypeAdapter(Message)


@dataclass(frozen=True)
class Parcel:
    """A claimed message; `outbox_id` is the idempotency key that the receiver sees.

    `tried_at` is when the try before this one began: what became of that may be unknown.
    """

    practice_id: UUID
    outbox_id: UUID
    attempts: int
    tried_at: datetime | None
    created_at: datetime
    message: TicketMessage | Notice


_POST = """
    INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before)
    SELECT practice_id, channel, about, sequence, payload, $1, $1
    FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::int[], $6::jsonb[])
        AS told (practice_id, channel, about, sequence, payload)
"""
# A message waits for every earlier one of its ticket or incident and channel, however long that one takes, unless it
# was given up.
_CLAIM = """
    WITH turn AS MATERIALIZED (
        SELECT practice_id, outbox_id, tried_at FROM outbox AS ready
        WHERE channel = $3 AND sent_at IS NULL AND dead_at IS NULL AND not_before <= $1
            AND (claimed_until IS NULL OR claimed_until <= $1)
            AND NOT EXISTS (
                SELECT FROM outbox AS earlier
                WHERE earlier.practice_id = ready.practice_id AND earlier.about = ready.about
                    AND earlier.channel = ready.channel AND earlier.sequence < ready.sequence
                    AND earlier.sent_at IS NULL AND earlier.dead_at IS NULL)
        ORDER BY not_before LIMIT $4
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET claimed_until = $2, attempts = attempts + 1, tried_at = $1 FROM turn
    WHERE outbox.practice_id = turn.practice_id AND outbox.outbox_id = turn.outbox_id
    RETURNING outbox.practice_id, outbox.outbox_id, attempts, turn.tried_at, created_at, payload
"""
_SENT = """
    UPDATE outbox SET sent_at = $3, claimed_until = NULL, last_error = NULL
    WHERE practice_id = $1 AND outbox_id = $2 AND sent_at IS NULL
"""
# Only by whoever holds the claim still: `attempts` counts the claims.
_PUT_OFF = """
    UPDATE outbox SET not_before = $3, claimed_until = NULL, last_error = $4
    WHERE practice_id = $1 AND outbox_id = $2 AND sent_at IS NULL AND attempts = $5
"""
_WAITING = """
    SELECT EXISTS (SELECT FROM outbox
        WHERE channel = $1 AND sent_at IS NULL AND dead_at IS NULL AND not_before <= $2)
"""
_UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"


async def post(conn: Connection, messages: Sequence[Addressed], at: datetime) -> None:
    """Put messages into the outbox, in the transaction that decided them."""
    if messages:
        rows = [(one.practice_id, channel, one.about, one.sequence, one.model_dump_json()) for channel, one in messages]
        await conn.execute(_POST, at, *zip(*rows, strict=True))


async def claim(conn: Connection, channel: str, now: datetime, until: datetime, limit: int) -> list[Parcel]:
    """Messages whose turn it is, nobody else's until the lease ends."""
    rows = await conn.fetch(_CLAIM, now, until, channel, limit)
    return [
        Parcel(
            row["practice_id"],
            row["outbox_id"],
            row["attempts"],
            row["tried_at"],
            row["created_at"],
            _MESSAGE.validate_json(row["payload"]),
        )
        for row in rows
    ]


async def mark_sent(conn: Connection, parcel: Parcel, at: datetime) -> None:
    await conn.execute(_SENT, parcel.practice_id, parcel.outbox_id, at)


async def put_off(conn: Connection, parcel: Parcel, until: datetime, error: str) -> None:
    """Not delivered: try again later, and keep why for whoever asks."""
    await conn.execute(_PUT_OFF, parcel.practice_id, parcel.outbox_id, until, error, parcel.attempts)


async def has_waiting(conn: Connection, channel: str, now: datetime) -> bool:
    return bool(await conn.fetchval(_WAITING, channel, now))


async def count_unsent(conn: Connection) -> int:
    return int(await conn.fetchval(_UNSENT))
