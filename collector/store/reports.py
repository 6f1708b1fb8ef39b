"""What the series say: reports to fold, and the last sign of life of each endpoint."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from collector.model.heartbeat import Endpoint, Sections
from collector.model.report import Report, Source
from collector.model.snapshot import Sighting
from collector.store.connect import Connection
from collector.store.losses import EndpointKey, Loss

_SECTIONS = """
    SELECT asked.ordinal, asked.practice_id, s.heartbeat_id, s.endpoint_id, s.received_at, s.sent_at, s.skew_s, s.kind,
        s.body
    FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) WITH ORDINALITY
        AS asked (practice_id, received_at, heartbeat_id, ordinal)
    JOIN section AS s ON s.practice_id = asked.practice_id
        AND s.received_at = asked.received_at AND s.heartbeat_id = asked.heartbeat_id AND s.kind <> 'log'
    ORDER BY asked.ordinal
"""
# Raw heartbeats are kept for a month; where they are gone, a span says until when the endpoint was heard.
# One that is still open covers the instant only if a heartbeat came after it.
_SIGHTINGS = """
    SELECT asked.practice_id, asked.endpoint_id, coalesce(raw.received_at, span.heard_at) AS received_at,
        coalesce(raw.interval_s, span.interval_s) AS interval_s, coalesce(raw.queued, 0) AS queued, raw.skew_s
    FROM unnest($1::uuid[], $2::uuid[]) AS asked (practice_id, endpoint_id)
    LEFT JOIN LATERAL (
        SELECT received_at, interval_s, queued, skew_s FROM heartbeat
        WHERE practice_id = asked.practice_id AND endpoint_id = asked.endpoint_id AND received_at <= $3
        ORDER BY received_at DESC, seq DESC LIMIT 1
    ) AS raw ON true
    LEFT JOIN LATERAL (
        SELECT least(up_to, $3) AS heard_at, interval_s FROM liveness_span
        WHERE raw.received_at IS NULL
            AND practice_id = asked.practice_id AND endpoint_id = asked.endpoint_id AND up_from <= $3
            AND (up_to IS NOT NULL OR EXISTS (
                SELECT FROM heartbeat AS later
                WHERE later.practice_id = asked.practice_id AND later.endpoint_id = asked.endpoint_id
                    AND later.received_at > $3))
        ORDER BY up_from DESC LIMIT 1
    ) AS span ON true
    WHERE coalesce(raw.received_at, span.heard_at) IS NOT NULL
"""


async def load_reports(
    conn: Connection, wanted: Sequence[tuple[UUID, datetime, UUID]]
) -> Mapping[UUID, tuple[Report, ...]]:
    """The reports of some heartbeats, each asked for by practice, instant and id; a practice's in the order asked for.

    A heartbeat without sections has none.
    """
    if not wanted:
        return {}
    rows = await conn.fetch(_SECTIONS, *zip(*wanted, strict=True))
    by_heartbeat: dict[int, list[Record]] = {}
    for row in rows:
        by_heartbeat.setdefault(row["ordinal"], []).append(row)
    reports: dict[UUID, list[Report]] = {}
    for sections in by_heartbeat.values():
        reports.setdefault(sections[0]["practice_id"], []).append(_report(sections))
    return {practice_id: tuple(some) for practice_id, some in reports.items()}


def _report(rows: list[Record]) -> Report:
    bodies = {row["kind"]: row["body"] for row in rows}
    identity = bodies.pop("endpoint", None)
    source = next((one for one in (Source.PING, Source.MAIL) if one in bodies), Source.AGENT)
    if source is not Source.AGENT:
        bodies = {"backups": bodies[source]}
    sections = "{" + ",".join(f'"{kind}":{body}' for kind, body in bodies.items()) + "}"
    first = rows[0]
    return Report(
        heartbeat_id=first["heartbeat_id"],
        source=source,
        endpoint_id=first["endpoint_id"],
        received_at=first["received_at"],
        sent_at=first["sent_at"],
        skew=timedelta(seconds=first["skew_s"]),
        endpoint=Endpoint.model_validate_json(identity) if identity else None,
        sections=Sections.model_validate_json(sections),
    )


async def last_sightings(
    conn: Connection, endpoints: Collection[EndpointKey], until: datetime, losses: Mapping[EndpointKey, Loss]
) -> Mapping[UUID, Mapping[UUID, Sighting]]:
    """The last heartbeat row of each endpoint up to an instant, beside how many it lost by then; by practice."""
    asked = [practice_id for practice_id, _ in endpoints], [endpoint_id for _, endpoint_id in endpoints]
    found: dict[UUID, dict[UUID, Sighting]] = {}
    for row in await conn.fetch(_SIGHTINGS, *asked, until):
        key = row["practice_id"], row["endpoint_id"]
        found.setdefault(key[0], {})[key[1]] = _sighting(row, losses.get(key))
    return found


def _sighting(row: Record, loss: Loss | None) -> Sighting:
    return Sighting(
        received_at=row["received_at"],
        interval_s=row["interval_s"],
        queued=row["queued"],
        skew_s=row["skew_s"],
        lost_heartbeats=loss.lost if loss else 0,
        lost_until=loss.lapses_at if loss else None,
    )
