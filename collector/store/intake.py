"""Appends what arrived: one statement, one commit, whatever the number of heartbeats and practices."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from collector.store.connect import Connection

Identity = tuple[UUID, UUID]  # practice, heartbeat

# Named tuples: a collector makes tens of thousands of these a second, and a frozen dataclass takes twice as long.


class SectionRow(NamedTuple):
    """A section that changed; `body` is its JSON."""

    kind: str
    body: str


class Beat(NamedTuple):
    """What an endpoint's own heartbeat adds to what it says: a sign of life."""

    seq: int
    sent_offset_s: int
    interval_s: int
    queued: int


class Arrival(NamedTuple):
    """What arrived as it is stored: its sections, whether the worker must know, and the heartbeat if it is one.

    `endpoint_id` is whom the sections are about, none for a job of the whole practice.
    """

    practice_id: UUID
    endpoint_id: UUID | None
    id: UUID
    received_at: datetime
    sent_at: datetime
    skew_s: int
    sections: tuple[SectionRow, ...]
    material: bool
    beat: Beat | None

    @property
    def identity(self) -> Identity:
        return (self.practice_id, self.id)


# Rows are locked in the order of their keys, so that two batches that share resends cannot deadlock.
# What is told back are those that were there already: mostly none.
_APPEND = """
    WITH arrived AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::timestamptz[], $6::bigint[],
                             $7::boolean[], $8::bigint[], $9::int[], $10::int[], $11::int[]) WITH ORDINALITY
            AS a (practice_id, id, received_at, endpoint_id, sent_at, skew_s,
                  material, seq, sent_offset_s, interval_s, queued, n)
    ), fresh AS (
        INSERT INTO accepted (practice_id, id, received_at)
        SELECT practice_id, id, received_at FROM arrived ORDER BY practice_id, id
        ON CONFLICT DO NOTHING
        RETURNING practice_id, id
    ), beats AS (
        INSERT INTO heartbeat (practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s,
                               interval_s, queued, skew_s)
        SELECT practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s, interval_s, queued, skew_s
        FROM arrived JOIN fresh USING (practice_id, id) WHERE seq IS NOT NULL
    ), sections AS (
        INSERT INTO section (practice_id, received_at, heartbeat_id, kind, endpoint_id, sent_at, skew_s, body)
        SELECT practice_id, received_at, id, kind, endpoint_id, sent_at, skew_s, body::jsonb
        FROM unnest($12::bigint[], $13::text[], $14::text[]) AS s (n, kind, body)
        JOIN arrived USING (n) JOIN fresh USING (practice_id, id)
    ), wakes AS (
        INSERT INTO wake (practice_id, received_at, heartbeat_id)
        SELECT practice_id, received_at, id FROM arrived JOIN fresh USING (practice_id, id) WHERE material
    )
    SELECT n FROM arrived LEFT JOIN fresh USING (practice_id, id) WHERE fresh.id IS NULL
"""
_ACCEPTED = """
    SELECT practice_id, id, received_at
    FROM accepted JOIN unnest($1::uuid[], $2::uuid[]) AS asked (practice_id, id) USING (practice_id, id)
"""


async def append(conn: Connection, arrivals: Sequence[Arrival]) -> dict[Identity, datetime]:
    """Store each heartbeat once; of those that had been stored before, when they were first received.

    Once this returns the rows are committed. `arrivals` holds no identity twice.
    """
    beats = [one.beat for one in arrivals]
    sections = [(n, section) for n, one in enumerate(arrivals, 1) for section in one.sections]
    resent = await conn.fetch(
        _APPEND,
        [one.practice_id for one in arrivals],
        [one.id for one in arrivals],
        [one.received_at for one in arrivals],
        [one.endpoint_id for one in arrivals],
        [one.sent_at for one in arrivals],
        [one.skew_s for one in arrivals],
        [one.material for one in arrivals],
        [beat and beat.seq for beat in beats],
        [beat and beat.sent_offset_s for beat in beats],
        [beat and beat.interval_s for beat in beats],
        [beat and beat.queued for beat in beats],
        [n for n, _ in sections],
        [section.kind for _, section in sections],
        [section.body for _, section in sections],
    )
    return await _first_received(conn, [arrivals[row["n"] - 1].identity for row in resent])


async def _first_received(conn: Connection, resent: list[Identity]) -> dict[Identity, datetime]:
    if not resent:
        return {}
    rows = await conn.fetch(_ACCEPTED, [one[0] for one in resent], [one[1] for one in resent])
    return {(row["practice_id"], row["id"]): row["received_at"] for row in rows}
