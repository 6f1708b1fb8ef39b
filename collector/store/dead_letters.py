"""The outbox as people look at it: what waits by channel, what was given up, and what they do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from collector.model.undelivered import HELD_FOR, DeadLetters
from collector.store.connect import Connection


@dataclass(frozen=True)
class Queue:
    """One channel's part of the outbox."""

    channel: str
    waiting: int
    oldest_at: datetime | None
    dead: int


@dataclass(frozen=True)
class Letter:
    """A message that was not sent, as a person is shown it."""

    outbox_id: UUID
    channel: str
    practice_id: UUID
    practice: str
    title: str
    created_at: datetime
    not_before: datetime
    attempts: int
    dead_at: datetime | None
    last_error: str | None


class Dropped(NamedTuple):
    """A message that nobody sends any more."""

    practice_id: UUID
    outbox_id: UUID
    channel: str
    title: str


_QUEUES = """
    SELECT channel, count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
        min(created_at) FILTER (WHERE dead_at IS NULL) AS oldest_at, count(dead_at) AS dead
    FROM outbox WHERE (sent_at IS NULL AND dead_at IS NULL) OR dead_at IS NOT NULL
    GROUP BY channel ORDER BY channel
"""
# A storm may take longer than HELD_FOR at a channel's rate: of a channel that takes messages those alone are held that
# it refuses again and again. One that a restart put off stands behind the storm, tried two or three times at most.
_HELD = """
    sent_at IS NULL AND dead_at IS NULL AND coalesce(revived_at, created_at) <= $1
        AND (channel NOT IN (SELECT taking.channel FROM outbox AS taking WHERE taking.sent_at > $1)
            OR (attempts > 3 AND tried_at > coalesce(revived_at, created_at)))
"""
# What tells of an undelivered finding is none itself (collector/rules/undelivered.py).
_DEAD_LETTERS = f"""
    SELECT channel, bool_and(dead_at IS NULL) AS held, coalesce(nullif(count(dead_at), 0), count(*)) AS count,
        coalesce(min(dead_at), min(coalesce(revived_at, created_at))) AS since,
        (array_agg(coalesce(last_error, '') ORDER BY dead_at DESC NULLS LAST, tried_at DESC NULLS LAST))[1] AS error
    FROM outbox
    WHERE (dead_at IS NOT NULL OR ({_HELD}))
        AND coalesce(payload #>> '{{incident,rule}}', payload #>> '{{incidents,0,rule}}', '') <> 'undelivered'
    GROUP BY channel ORDER BY channel
"""  # noqa: S608 - ours alone
_ANY_HELD = f"SELECT EXISTS (SELECT FROM outbox WHERE {_HELD})"  # noqa: S608 - ours alone
_LETTERS = """
    SELECT outbox_id, channel, practice_id, name AS practice, payload ->> 'title' AS title, o.created_at, not_before,
        attempts, dead_at, last_error
    FROM outbox AS o JOIN practice USING (practice_id)
    WHERE sent_at IS NULL AND ($1::text IS NULL OR channel = $1) AND (dead_at IS NOT NULL OR NOT $2)
    ORDER BY channel, o.created_at, sequence LIMIT $3
"""
# What a later message of its ticket or incident has overtaken, or may just now, stays: it would break the order.
_REVIVE = """
    UPDATE outbox AS o SET dead_at = NULL, not_before = $2, revived_at = $2
    WHERE (channel = $1 OR outbox_id::text = $1) AND sent_at IS NULL
        AND (claimed_until IS NULL OR claimed_until <= $2)
        AND NOT EXISTS (
            SELECT FROM outbox AS later
            WHERE later.practice_id = o.practice_id AND later.about = o.about AND later.channel = o.channel
                AND later.sequence > o.sequence AND (later.sent_at IS NOT NULL OR later.claimed_until > $2))
    RETURNING practice_id, outbox_id
"""
_DROP = """
    DELETE FROM outbox
    WHERE (outbox_id::text = $1 OR (channel = $1 AND dead_at IS NOT NULL))
        AND sent_at IS NULL AND (claimed_until IS NULL OR claimed_until <= $2)
    RETURNING practice_id, outbox_id, channel, payload ->> 'title' AS title
"""


async def queues(conn: Connection) -> list[Queue]:
    return [Queue(*row.values()) for row in await conn.fetch(_QUEUES)]


async def dead_letters(conn: Connection, now: datetime) -> tuple[DeadLetters, ...]:
    """By channel, what was given up and nobody has dealt with, or else what it holds."""
    return tuple(DeadLetters(**dict(row)) for row in await conn.fetch(_DEAD_LETTERS, now - HELD_FOR))


async def any_held(conn: Connection, now: datetime) -> bool:
    """Whether a channel holds any message."""
    held: bool = await conn.fetchval(_ANY_HELD, now - HELD_FOR)
    return held


async def letters(conn: Connection, channel: str | None, limit: int, *, dead: bool) -> list[Letter]:
    """What is not sent, oldest first by channel; only what was given up if `dead`."""
    return [Letter(*row.values()) for row in await conn.fetch(_LETTERS, channel, dead, limit)]


async def revive(conn: Connection, channel_or_id: str, now: datetime) -> list[tuple[UUID, UUID]]:
    """Try again at once, and for another day: the practice and id of each."""
    return [(row["practice_id"], row["outbox_id"]) for row in await conn.fetch(_REVIVE, channel_or_id, now)]


async def drop(conn: Connection, channel_or_id: str, now: datetime) -> list[Dropped]:
    """End one message that is not sent, nor being sent, or all that a channel has given up."""
    return [Dropped(*row.values()) for row in await conn.fetch(_DROP, channel_or_id, now)]
