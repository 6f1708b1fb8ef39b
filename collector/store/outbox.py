"""What is still to be sent, claimed by one sender at a time, in strict order for each ticket and channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.incident import TicketMessage
from collector.store.connect import Connection

# Messages wait here whether or not a receiver is set, and whoever judged: none is lost to a missing setting.
TICKETS = "tickets"


@dataclass(frozen=True)
class Parcel:
    """A claimed message; `outbox_id` is the idempotency key that the receiver sees."""

    practice_id: UUID
    outbox_id: UUID
    attempts: int
    message: TicketMessage


_POST = """
    INSERT INTO outbox (practice_id, channel, ticket_id, sequence, payload, created_at, not_before)
    SELECT practice_id, $1, ticket_id, sequence, payload, $2, $2
    FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::jsonb[]) AS told (practice_id, ticket_id, sequence, payload)
"""
# A message waits for every earlier one of its ticket and channel, however long that one takes.
_CLAIM = """
    WITH turn AS MATERIALIZED (
        SELECT practice_id, outbox_id FROM outbox AS ready
        WHERE channel = $3 AND sent_at IS NULL AND not_before <= $1
            AND (claimed_until IS NULL OR claimed_until <= $1)
            AND NOT EXISTS (
                SELECT FROM outbox AS earlier
                WHERE earlier.practice_id = ready.practice_id AND earlier.ticket_id = ready.ticket_id
                    AND earlier.channel = ready.channel AND earlier.sequence < ready.sequence
                    AND earlier.sent_at IS NULL)
        ORDER BY not_before LIMIT $4
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET claimed_until = $2, attempts = attempts + 1 FROM turn
    WHERE outbox.practice_id = turn.practice_id AND outbox.outbox_id = turn.outbox_id
    RETURNING outbox.practice_id, outbox.outbox_id, attempts, payload
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
_WAITING = "SELECT EXISTS (SELECT FROM outbox WHERE channel = $1 AND sent_at IS NULL AND not_before <= $2)"
_UNSENT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"


async def post(conn: Connection, channel: str, messages: Sequence[TicketMessage], at: datetime) -> None:
    """Put messages into the outbox, in the transaction that decided them."""
    if messages:
        rows = [(one.practice_id, one.ticket_id, one.sequence, one.model_dump_json()) for one in messages]
        await conn.execute(_POST, channel, at, *zip(*rows, strict=True))


async def claim(conn: Connection, channel: str, now: datetime, until: datetime, limit: int) -> list[Parcel]:
    """Messages whose turn it is, nobody else's until the lease ends."""
    rows = await conn.fetch(_CLAIM, now, until, channel, limit)
    return [
        Parcel(row["practice_id"], row["outbox_id"], row["attempts"], TicketMessage.model_validate_json(row["payload"]))
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
