"""Steps of ours that should have been taken by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.store.connect import Connection

# A sweep comes every second, and judging a storm takes seconds.
JUDGED_WITHIN = timedelta(seconds=60)
# A message goes within a second of its turn. A receiver that restarts is asked by a breaker after 30, 90 and 210 s.
DELIVERED_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Overdue:
    """Of one kind of step: how many, and since when the oldest is due."""

    step: str
    count: int
    since: datetime


_OVERDUE_JUDGEMENTS = """
    SELECT count(DISTINCT practice_id) AS count, min(since) AS since FROM (
        SELECT practice_id, evaluate_at AS since FROM due WHERE evaluate_at < $1
        UNION ALL
        SELECT practice_id, received_at FROM wake JOIN due USING (practice_id) WHERE received_at < $1
    ) AS either
"""
# Of a channel that took nothing since, whatever was tried: an audit of tries alone would come and go with each of them.
# Of one that takes messages only what nobody tries, while nothing else of its form goes: it stands in no storm's queue.
# What is refused again and again is an incident of the provider (collector/rules/undelivered.py).
_OVERDUE_MESSAGES = """
    WITH taken AS MATERIALIZED (SELECT DISTINCT channel, form FROM outbox WHERE sent_at > $1)
    SELECT channel, count(*) AS count, min(coalesce(revived_at, created_at)) AS since FROM outbox AS o
    WHERE sent_at IS NULL AND dead_at IS NULL AND coalesce(revived_at, created_at) < $1
        AND ($2::text[] IS NULL OR channel = ANY ($2::text[]))
        AND (channel NOT IN (SELECT channel FROM taken)
            OR (coalesce(tried_at < revived_at, tried_at IS NULL)
                AND (channel, form) NOT IN (SELECT channel, form FROM taken)))
        AND NOT EXISTS (
            SELECT FROM outbox AS earlier
            WHERE earlier.practice_id = o.practice_id AND earlier.about = o.about AND earlier.channel = o.channel
                AND earlier.sequence < o.sequence AND coalesce(earlier.sent_at, earlier.dead_at) IS NULL)
    GROUP BY channel ORDER BY channel
"""


async def overdue_steps(conn: Connection, channels: Sequence[str] | None, now: datetime) -> tuple[Overdue, ...]:
    """What we owe and have not done: practices to judge, messages to deliver; by any channel unless some are named."""
    row = await conn.fetchrow(_OVERDUE_JUDGEMENTS, now - JUDGED_WITHIN)
    assert row is not None  # noqa: S101 - an aggregate has one row
    judgements = [Overdue("judgement", row["count"], row["since"])] if row["count"] else []
    late = await conn.fetch(_OVERDUE_MESSAGES, now - DELIVERED_WITHIN, channels)
    return (*judgements, *(Overdue(f"delivery:{one['channel']}", one["count"], one["since"]) for one in late))
