"""How practices stand, as pages read it: always inside a scope, so that row security enforces tenancy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from collector.model.finding import State
from collector.model.standing import EndpointStanding, JobStanding
from collector.model.value import Instant
from collector.store.connect import COMMAND_TIMEOUT_S, FLEET, Connection, Pool, set_scope


@dataclass(frozen=True)
class PracticeRow:
    """`incidents` are those that last, `unattended` those of them that nobody has acknowledged."""

    practice_id: UUID
    name: str
    zone: str
    state: State
    reason: str | None
    since: datetime
    incidents: int
    unattended: int
    endpoints: int
    jobs: int
    oldest_good_at: datetime | None
    evaluated_at: datetime | None
    link: str | None

    @property
    def key(self) -> "PracticeKey":
        return PracticeKey(self.state.rank + 1, not self.unattended, self.since, self.practice_id)


@dataclass(frozen=True)
class PracticeKey:
    """Where a practice stands in the worst-first order; `rank` counts from 1, as PostgreSQL's arrays do."""

    rank: Annotated[int, Field(ge=1, le=len(State))]
    attended: bool
    since: Instant
    practice_id: UUID


_WORST_FIRST = [state.value for state in State]


@asynccontextmanager
async def reading(pool: Pool, scope: str = FLEET) -> AsyncIterator[Connection]:
    """One consistent view of the database, of the fleet or of one practice alone."""
    async with (
        pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn,
        conn.transaction(isolation="repeatable_read", readonly=True),
    ):
        await set_scope(conn, scope)
        yield conn


_PRACTICE_OF_LINK = "SELECT vigie.practice_of_link($1)"


@asynccontextmanager
async def reading_by_link(pool: Pool, link: str) -> AsyncIterator[tuple[Connection, UUID] | None]:
    """A view of the one practice that a status link opens; None if there is no such link in force."""
    async with reading(pool, scope="") as conn:
        practice_id = await conn.fetchval(_PRACTICE_OF_LINK, link)
        if practice_id is None:
            yield None
            return
        await set_scope(conn, str(practice_id))
        yield conn, practice_id


# A practice that was never judged has no row in practice_now: it is unknown, and never left out.
_PRACTICES = """
    WITH lasting AS (
        SELECT practice_id, count(*) AS incidents, count(*) FILTER (WHERE state = 'open') AS unattended
        FROM incident WHERE state <> 'resolved' GROUP BY practice_id
    ), stands AS (
        SELECT p.practice_id, p.name, p.zone, coalesce(n.state, 'unknown') AS state,
            CASE WHEN n.state IS NULL THEN 'never_reported' ELSE n.reason END AS reason,
            coalesce(n.since, p.created_at) AS since, n.endpoints, n.jobs, n.oldest_good_at, n.evaluated_at,
            coalesce(l.incidents, 0) AS incidents, coalesce(l.unattended, 0) AS unattended,
            array_position($1::text[], coalesce(n.state, 'unknown')) AS rank,
            coalesce(l.unattended, 0) = 0 AS attended
        FROM practice AS p
        LEFT JOIN practice_now AS n USING (practice_id)
        LEFT JOIN lasting AS l USING (practice_id)
        WHERE p.retired_at IS NULL AND p.kind = 'practice'
    ), page AS (
        SELECT * FROM stands
        WHERE state = ANY ($2::text[])
            AND ($3::integer IS NULL OR (rank, attended, since, practice_id) > ($3, $4::boolean, $5, $6::uuid))
        ORDER BY rank, attended, since, practice_id LIMIT $7
    )
    SELECT page.*, (
        SELECT link FROM status_link
        WHERE status_link.practice_id = page.practice_id AND revoked_at IS NULL ORDER BY created_at DESC LIMIT 1
    ) AS link
    FROM page ORDER BY rank, attended, since, practice_id
"""


async def practices_worst_first(
    conn: Connection, states: frozenset[State], after: PracticeKey | None, limit: int
) -> list[PracticeRow]:
    """Practices in any of `states`: by state, the unattended first, then those that wait longest."""
    key = (after.rank, after.attended, after.since, after.practice_id) if after else (None, None, None, None)
    rows = await conn.fetch(_PRACTICES, _WORST_FIRST, [state.value for state in states], *key, limit)
    return [_practice(dict(row)) for row in rows]


_PRACTICE = """
    SELECT p.practice_id, p.name, p.zone, CASE WHEN p.retired_at IS NOT NULL THEN 'retired'
            ELSE coalesce(n.state, 'unknown') END AS state,
        CASE WHEN n.state IS NULL THEN 'never_reported' ELSE n.reason END AS reason,
        coalesce(n.since, p.created_at) AS since, n.endpoints, n.jobs, n.oldest_good_at, n.evaluated_at,
        (SELECT count(*) FROM incident AS i WHERE i.practice_id = $1 AND i.state <> 'resolved') AS incidents,
        (SELECT count(*) FROM incident AS i WHERE i.practice_id = $1 AND i.state = 'open') AS unattended,
        (SELECT link FROM status_link AS s
            WHERE s.practice_id = $1 AND s.revoked_at IS NULL ORDER BY created_at DESC LIMIT 1) AS link
    FROM practice AS p LEFT JOIN practice_now AS n USING (practice_id)
    WHERE p.practice_id = $1 AND p.kind = 'practice'
"""


async def practice_row(conn: Connection, practice_id: UUID) -> PracticeRow | None:
    """One practice, retired or not; None if it is unknown or outside the scope."""
    row = await conn.fetchrow(_PRACTICE, practice_id)
    return _practice(dict(row)) if row else None


def _practice(row: dict[str, object]) -> PracticeRow:
    known = {name: row[name] for name in PracticeRow.__dataclass_fields__}
    known |= {"state": State(str(row["state"])), "endpoints": row["endpoints"] or 0, "jobs": row["jobs"] or 0}
    return PracticeRow(**known)  # type: ignore[arg-type]


# The projection knows an endpoint's last heartbeat only as of the last evaluation.
_ENDPOINTS = """
    SELECT to_jsonb(e) - 'practice_id'
        || jsonb_build_object('last_seen_at', greatest(e.last_seen_at, heard.received_at))
    FROM endpoint_now AS e LEFT JOIN LATERAL (
        SELECT h.received_at FROM heartbeat_visible AS h
        WHERE h.practice_id = $1 AND h.endpoint_id = e.endpoint_id AND h.received_at > e.last_seen_at
        ORDER BY h.received_at DESC LIMIT 1
    ) AS heard ON true
    WHERE e.practice_id = $1 ORDER BY array_position($2::text[], e.state), e.name, e.endpoint_id
"""
_JOBS = """
    SELECT to_jsonb(j) - 'practice_id' FROM job_now AS j
    WHERE practice_id = $1 ORDER BY array_position($2::text[], state), job, endpoint, subject
"""


async def endpoint_standings(conn: Connection, practice_id: UUID) -> tuple[EndpointStanding, ...]:
    """Worst first."""
    rows = await conn.fetch(_ENDPOINTS, practice_id, _WORST_FIRST)
    return tuple(EndpointStanding.model_validate_json(row[0]) for row in rows)


async def job_standings(conn: Connection, practice_id: UUID) -> tuple[JobStanding, ...]:
    """Worst first."""
    rows = await conn.fetch(_JOBS, practice_id, _WORST_FIRST)
    return tuple(JobStanding.model_validate_json(row[0]) for row in rows)
