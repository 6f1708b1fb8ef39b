"""What the NOC page reads beside the practices: counts, what lasts at each, and whether we ourselves are awake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.finding import Severity, State
from collector.model.incident import IncidentState, TicketState
from collector.store.arrivals import Shortfall, lasting_shortfall
from collector.store.connect import Connection


@dataclass(frozen=True)
class LastingIncident:
    """An incident as the NOC shows it; `sent` and `unsent` count the messages of its ticket; what was given
    up is neither, and told by `last_error`.

    `held_by` is why nobody is told of it now, `closed_by` who says that it is over.

    Of a campaign, at how many practices it is, and the first of them by name; of what was given up, by which channel.
    """

    practice_id: UUID
    incident_id: UUID
    code: str
    severity: Severity
    state: IncidentState
    since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    snoozed_until: datetime | None
    snoozed_by: str | None
    assigned_to: str | None
    closed_by: str | None
    flapping: bool
    held_by: str | None
    endpoint: str | None
    job: str | None
    ticket: TicketState | None
    sent: int
    unsent: int
    last_error: str | None
    practices: int | None
    named: list[str]
    channel: str | None


@dataclass(frozen=True)
class Oddity:
    """A machine whose clock is off, or that lost heartbeats of its last day; `skew_s` is how far it lags."""

    endpoint: str
    skew_s: int
    lost_heartbeats: int


@dataclass(frozen=True)
class Pulse:
    """`heard_at`: when a collector last could commit. `behind_since`: what waits longest to be judged.

    `shortfall` lasts while collectors listen and the way to them is broken.
    """

    heard_at: datetime | None
    behind_since: datetime | None
    shortfall: Shortfall | None = None


_COUNTS = """
    SELECT coalesce(n.state, 'unknown') AS state, count(*) AS practices
    FROM practice AS p LEFT JOIN practice_now AS n USING (practice_id)
    WHERE p.retired_at IS NULL AND p.kind = 'practice' GROUP BY 1
"""
# Bounded for each practice: a dead server's thirty late jobs must not bury its neighbours.
_LASTING = """
    SELECT i.practice_id, i.incident_id, i.rule || '.' || i.reason AS code, i.severity, i.state, i.since,
        i.acknowledged_at, i.acknowledged_by, i.acknowledged_until, i.snoozed_until, i.snoozed_by, i.assigned_to,
        i.closing ->> 'by' AS closed_by, i.flapping, i.walk ->> 'held_by' AS held_by,
        i.facts ->> 'endpoint' AS endpoint, i.facts ->> 'job' AS job,
        t.state AS ticket, sending.sent, sending.unsent, sending.last_error,
        CASE WHEN i.rule = 'campaign' THEN (i.facts ->> 'count')::int END AS practices,
        coalesce(string_to_array(i.facts ->> 'practices', E'\n'), '{}') AS named, i.facts ->> 'channel' AS channel
    FROM unnest($1::uuid[]) AS wanted (practice_id)
    CROSS JOIN LATERAL (
        SELECT * FROM incident WHERE incident.practice_id = wanted.practice_id AND state <> 'resolved'
        ORDER BY state = 'acknowledged', array_position($2::text[], severity), since, incident_id LIMIT $3
    ) AS i
    LEFT JOIN ticket AS t ON t.practice_id = i.practice_id AND t.ticket_id = i.ticket_id
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE o.sent_at IS NOT NULL) AS sent,
            count(*) FILTER (WHERE o.sent_at IS NULL AND o.dead_at IS NULL) AS unsent,
            (array_agg(o.last_error ORDER BY o.sequence) FILTER (WHERE o.last_error IS NOT NULL))[1] AS last_error
        FROM outbox AS o WHERE o.practice_id = i.practice_id AND o.about = i.ticket_id
    ) AS sending
    ORDER BY i.state = 'acknowledged', array_position($2::text[], i.severity), i.since, i.incident_id
"""
# A job of the whole practice covers each of its machines.
_UNCOVERED = """
    SELECT e.practice_id, e.name FROM endpoint_now AS e
    WHERE e.practice_id = ANY ($1::uuid[]) AND e.state <> 'retired' AND NOT EXISTS (
        SELECT FROM job_now AS j
        WHERE j.practice_id = e.practice_id AND j.state <> 'retired'
            AND (j.endpoint_id IS NULL OR j.endpoint_id = e.endpoint_id)
    )
    ORDER BY e.name, e.endpoint_id
"""
_ODDITIES = """
    SELECT wanted.practice_id, odd.name, odd.skew_s, odd.lost_heartbeats
    FROM unnest($1::uuid[]) AS wanted (practice_id)
    CROSS JOIN LATERAL (
        SELECT e.name, e.skew_s, e.lost_heartbeats FROM endpoint_now AS e
        WHERE e.practice_id = wanted.practice_id AND e.state <> 'retired' AND (e.skew_s <> 0 OR e.lost_heartbeats > 0)
        ORDER BY abs(e.skew_s) DESC, e.lost_heartbeats DESC, e.name, e.endpoint_id LIMIT $2
    ) AS odd
"""
_PULSE = """
    SELECT (SELECT max(up_to) FROM listening) AS heard_at,
        least(
            (SELECT min(evaluate_at) FROM due WHERE evaluate_at <= $1),
            (SELECT min(received_at) FROM wake WHERE received_at <= $1)
        ) AS behind_since
"""


async def count_by_state(conn: Connection) -> Mapping[State, int]:
    counted = {State(row["state"]): row["practices"] for row in await conn.fetch(_COUNTS)}
    return {state: counted.get(state, 0) for state in State if state is not State.RETIRED}


async def lasting_by_practice(
    conn: Connection, practice_ids: Sequence[UUID], most: int
) -> Mapping[UUID, list[LastingIncident]]:
    """The `most` pressing incidents of each practice, those that wait for somebody first."""
    rows = await conn.fetch(_LASTING, practice_ids, [severity.value for severity in Severity], most)
    found: dict[UUID, list[LastingIncident]] = {practice_id: [] for practice_id in practice_ids}
    for row in rows:
        found[row["practice_id"]].append(_lasting(dict(row)))
    return found


def _lasting(row: dict[str, object]) -> LastingIncident:
    enums = {
        "severity": Severity(str(row["severity"])),
        "state": IncidentState(str(row["state"])),
        "ticket": TicketState(str(row["ticket"])) if row["ticket"] else None,
    }
    return LastingIncident(**(row | enums))  # type: ignore[arg-type]


async def uncovered_by_practice(conn: Connection, practice_ids: Sequence[UUID]) -> Mapping[UUID, list[str]]:
    """The names of each practice's machines that no backup job covers: what they would lose is not known."""
    found: dict[UUID, list[str]] = {practice_id: [] for practice_id in practice_ids}
    for row in await conn.fetch(_UNCOVERED, practice_ids):
        found[row["practice_id"]].append(row["name"])
    return found


async def oddities_by_practice(
    conn: Connection, practice_ids: Sequence[UUID], most: int
) -> Mapping[UUID, list[Oddity]]:
    """The `most` machines of each practice whose clock or way to us is the worst."""
    found: dict[UUID, list[Oddity]] = {practice_id: [] for practice_id in practice_ids}
    for row in await conn.fetch(_ODDITIES, practice_ids, most):
        found[row["practice_id"]].append(Oddity(row["name"], row["skew_s"], row["lost_heartbeats"]))
    return found


async def pulse(conn: Connection, now: datetime) -> Pulse:
    row = await conn.fetchrow(_PULSE, now)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return Pulse(row["heard_at"], row["behind_since"], await lasting_shortfall(conn))
