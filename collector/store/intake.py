"""Appends what arrived: one statement, one commit, whatever the number of heartbeats and practices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.store.connect import Connection

Identity = tuple[UUID, UUID]  # practice, heartbeat


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A section that changed; `body` is its JSON."""

    kind: str
    body: str


@dataclass(frozen=True, slots=True)
class Beat:
    """What an endpoint's own heartbeat adds to what it says: a sign of life."""

    seq: int
    sent_offset_s: int
    interval_s: int
    queued: int


@dataclass(frozen=True, slots=True)
class Arrival:
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


# Sorted by key, so that two batches that share resends lock their rows in one order.
_APPEND = """
    WITH arrived AS (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::uuid[], $5::timestamptz[],
                             $6::bigint[], $7::boolean[])
            AS a (practice_id, id, received_at, endpoint_id, sent_at, skew_s, material)
    ), fresh AS (
        INSERT INTO accepted (practice_id, id, received_at)
        SELECT practice_id, id, received_at FROM arrived ORDER BY practice_id, id
        ON CONFLICT DO NOTHING
        RETURNING practice_id, id
    ), beats AS (
        INSERT INTO heartbeat (practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s,
                               interval_s, queued, skew_s)
        SELECT practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s, interval_s, queued, skew_s
        FROM unnest($8::uuid[], $9::uuid[], $10::bigint[], $11::int[], $12::int[], $13::int[])
            AS b (practice_id, id, seq, sent_offset_s, interval_s, queued)
        JOIN arrived USING (practice_id, id) JOIN fresh USING (practice_id, id)
    ), sections AS (
        INSERT INTO section (practice_id, received_at, heartbeat_id, kind, endpoint_id, sent_at, skew_s, body)
        SELECT practice_id, received_at, id, kind, endpoint_id, sent_at, skew_s, body::jsonb
        FROM unnest($14::uuid[], $15::uuid[], $16::text[], $17::text[]) AS s (practice_id, id, kind, body)
        JOIN arrived USING (practice_id, id) JOIN fresh USING (practice_id, id)
    ), wakes AS (
        INSERT INTO wake (practice_id, received_at, heartbeat_id)
        SELECT practice_id, received_at, id FROM arrived JOIN fresh USING (practice_id, id) WHERE material
    )
    SELECT practice_id, id FROM fresh
"""
_ACCEPTED = """
    SELECT practice_id, id, received_at
    FROM accepted JOIN unnest($1::uuid[], $2::uuid[]) AS asked (practice_id, id) USING (practice_id, id)
"""


async def append(conn: Connection, arrivals: Sequence[Arrival]) -> dict[Identity, datetime]:
    """Store each heartbeat once; for every one, resent ones too, when it was first received.

    Once this returns the rows are committed. `arrivals` holds no identity twice.
    """
    arrived = sorted(arrivals, key=lambda one: one.identity)
    beats = [(one, one.beat) for one in arrived if one.beat]
    sections = [(one, section) for one in arrived for section in one.sections]
    rows = await conn.fetch(
        _APPEND,
        [one.practice_id for one in arrived],
        [one.id for one in arrived],
        [one.received_at for one in arrived],
        [one.endpoint_id for one in arrived],
        [one.sent_at for one in arrived],
        [one.skew_s for one in arrived],
        [one.material for one in arrived],
        [one.practice_id for one, _ in beats],
        [one.id for one, _ in beats],
        [beat.seq for _, beat in beats],
        [beat.sent_offset_s for _, beat in beats],
        [beat.interval_s for _, beat in beats],
        [beat.queued for _, beat in beats],
        [one.practice_id for one, _ in sections],
        [one.id for one, _ in sections],
        [section.kind for _, section in sections],
        [section.body for _, section in sections],
    )
    fresh = {(row["practice_id"], row["id"]) for row in rows}
    received = {one.identity: one.received_at for one in arrived if one.identity in fresh}
    resent = [one.identity for one in arrived if one.identity not in fresh]
    return received | (await _first_received(conn, resent) if resent else {})


async def _first_received(conn: Connection, resent: list[Identity]) -> dict[Identity, datetime]:
    rows = await conn.fetch(_ACCEPTED, [one[0] for one in resent], [one[1] for one in resent])
    return {(row["practice_id"], row["id"]): row["received_at"] for row in rows}
