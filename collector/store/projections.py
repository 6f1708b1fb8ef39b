"""What pages and dashboards read, written with every evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.standing import Standing
from collector.store.connect import Connection


@dataclass(frozen=True)
class Shown:
    """How a practice stands; `incidents` counts those that last."""

    practice_id: UUID
    standing: Standing
    incidents: int


# `since` is when the practice came into its present state.
_PUT_PRACTICES = """
    INSERT INTO practice_now (practice_id, state, reason, since, incidents, endpoints, jobs, oldest_good_at,
                              evaluated_at)
    SELECT practice_id, state, reason, $1, incidents, endpoints, jobs, oldest_good_at, $1
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::timestamptz[])
        AS n (practice_id, state, reason, incidents, endpoints, jobs, oldest_good_at)
    ON CONFLICT (practice_id) DO UPDATE SET
        since = CASE WHEN practice_now.state = EXCLUDED.state THEN practice_now.since ELSE EXCLUDED.since END,
        state = EXCLUDED.state, reason = EXCLUDED.reason, incidents = EXCLUDED.incidents,
        endpoints = EXCLUDED.endpoints, jobs = EXCLUDED.jobs, oldest_good_at = EXCLUDED.oldest_good_at,
        evaluated_at = EXCLUDED.evaluated_at
"""
_DROP_ENDPOINTS = """
    DELETE FROM endpoint_now AS e USING unnest($1::uuid[]) AS told (practice_id)
    WHERE e.practice_id = told.practice_id AND NOT EXISTS (
        SELECT FROM unnest($2::uuid[], $3::uuid[]) AS stays (practice_id, endpoint_id)
        WHERE stays.practice_id = e.practice_id AND stays.endpoint_id = e.endpoint_id)
"""
_PUT_ENDPOINTS = """
    INSERT INTO endpoint_now
    SELECT told.practice_id, e.endpoint_id, e.name, e.role, e.os, e.agent, e.state, e.reason,
        e.first_seen_at, e.last_seen_at, e.skew_s, e.missing_patches, e.patches_scanned_at, e.protection,
        e.lost_heartbeats
    FROM unnest($1::uuid[], $2::jsonb[]) AS told (practice_id, body)
    CROSS JOIN LATERAL jsonb_populate_record(NULL::endpoint_now, told.body) AS e
    ON CONFLICT (practice_id, endpoint_id) DO UPDATE SET
        name = EXCLUDED.name, role = EXCLUDED.role, os = EXCLUDED.os, agent = EXCLUDED.agent, state = EXCLUDED.state,
        reason = EXCLUDED.reason, last_seen_at = EXCLUDED.last_seen_at, skew_s = EXCLUDED.skew_s,
        missing_patches = EXCLUDED.missing_patches, patches_scanned_at = EXCLUDED.patches_scanned_at,
        protection = EXCLUDED.protection, lost_heartbeats = EXCLUDED.lost_heartbeats
    WHERE ROW(endpoint_now.name, endpoint_now.role, endpoint_now.os, endpoint_now.agent, endpoint_now.state,
            endpoint_now.reason, endpoint_now.skew_s, endpoint_now.missing_patches, endpoint_now.patches_scanned_at,
            endpoint_now.protection, endpoint_now.lost_heartbeats)
        IS DISTINCT FROM ROW(EXCLUDED.name, EXCLUDED.role, EXCLUDED.os, EXCLUDED.agent, EXCLUDED.state,
            EXCLUDED.reason, EXCLUDED.skew_s, EXCLUDED.missing_patches, EXCLUDED.patches_scanned_at,
            EXCLUDED.protection, EXCLUDED.lost_heartbeats)
"""
_DROP_JOBS = """
    DELETE FROM job_now AS j USING unnest($1::uuid[]) AS told (practice_id)
    WHERE j.practice_id = told.practice_id AND NOT EXISTS (
        SELECT FROM unnest($2::uuid[], $3::text[]) AS stays (practice_id, subject)
        WHERE stays.practice_id = j.practice_id AND stays.subject = j.subject)
"""
_PUT_JOBS = """
    INSERT INTO job_now
    SELECT told.practice_id, j.subject, j.endpoint_id, j.endpoint, j.job, j.tool, j.state, j.reason,
        j.last_run_at, j.last_status, j.last_good_at, j.bytes_total, j.due_at, j.missed_at, j.rpo_s,
        j.copies_score, j.copies_missing
    FROM unnest($1::uuid[], $2::jsonb[]) AS told (practice_id, body)
    CROSS JOIN LATERAL jsonb_populate_record(NULL::job_now, told.body) AS j
    ON CONFLICT (practice_id, subject) DO UPDATE SET
        endpoint = EXCLUDED.endpoint, tool = EXCLUDED.tool, state = EXCLUDED.state, reason = EXCLUDED.reason,
        last_run_at = EXCLUDED.last_run_at, last_status = EXCLUDED.last_status, last_good_at = EXCLUDED.last_good_at,
        bytes_total = EXCLUDED.bytes_total, due_at = EXCLUDED.due_at, missed_at = EXCLUDED.missed_at,
        rpo_s = EXCLUDED.rpo_s, copies_score = EXCLUDED.copies_score, copies_missing = EXCLUDED.copies_missing
    WHERE ROW(job_now.*) IS DISTINCT FROM ROW(EXCLUDED.*)
"""


async def project(conn: Connection, shown: Sequence[Shown], now: datetime) -> None:
    """Replace what readers see of some practices."""
    practices = [one.practice_id for one in shown]
    await conn.execute(_PUT_PRACTICES, now, practices, *zip(*(_summary(one) for one in shown), strict=True))
    endpoints = [(one.practice_id, each) for one in shown for each in one.standing.endpoints]
    jobs = [(one.practice_id, each) for one in shown for each in one.standing.jobs]
    endpoints_of, jobs_of = [practice_id for practice_id, _ in endpoints], [practice_id for practice_id, _ in jobs]
    await conn.execute(_DROP_ENDPOINTS, practices, endpoints_of, [each.endpoint_id for _, each in endpoints])
    await conn.execute(_PUT_ENDPOINTS, endpoints_of, [each.model_dump_json() for _, each in endpoints])
    await conn.execute(_DROP_JOBS, practices, jobs_of, [each.subject for _, each in jobs])
    await conn.execute(_PUT_JOBS, jobs_of, [each.model_dump_json() for _, each in jobs])


def _summary(shown: Shown) -> tuple[object, ...]:
    standing = shown.standing
    sizes = (shown.incidents, len(standing.endpoints), len(standing.jobs))
    return (standing.state.value, standing.reason, *sizes, standing.oldest_good_at)
