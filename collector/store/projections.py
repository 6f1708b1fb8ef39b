"""What pages and dashboards read, written with every evaluation."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from collector.model.standing import EndpointStanding, JobStanding, Standing
from collector.store.connect import Connection

# `since` is when the practice came into its present state.
_PUT_PRACTICE = """
    INSERT INTO practice_now (practice_id, state, reason, since, incidents, endpoints, jobs, oldest_good_at,
                              evaluated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $4)
    ON CONFLICT (practice_id) DO UPDATE SET
        since = CASE WHEN practice_now.state = EXCLUDED.state THEN practice_now.since ELSE EXCLUDED.since END,
        state = EXCLUDED.state, reason = EXCLUDED.reason, incidents = EXCLUDED.incidents,
        endpoints = EXCLUDED.endpoints, jobs = EXCLUDED.jobs, oldest_good_at = EXCLUDED.oldest_good_at,
        evaluated_at = EXCLUDED.evaluated_at
"""
_DROP_ENDPOINTS = "DELETE FROM endpoint_now WHERE practice_id = $1 AND endpoint_id <> ALL ($2::uuid[])"
_PUT_ENDPOINTS = """
    INSERT INTO endpoint_now
    SELECT $1, e.endpoint_id, e.name, e.role, e.os, e.agent, e.state, e.reason, e.first_seen_at, e.last_seen_at,
        e.skew_s, e.missing_patches, e.patches_scanned_at, e.protection, e.lost_heartbeats
    FROM jsonb_populate_recordset(NULL::endpoint_now, $2::jsonb) AS e
    ON CONFLICT (practice_id, endpoint_id) DO UPDATE SET
        name = EXCLUDED.name, role = EXCLUDED.role, os = EXCLUDED.os, agent = EXCLUDED.agent, state = EXCLUDED.state,
        reason = EXCLUDED.reason, last_seen_at = EXCLUDED.last_seen_at, skew_s = EXCLUDED.skew_s,
        missing_patches = EXCLUDED.missing_patches, patches_scanned_at = EXCLUDED.patches_scanned_at,
        protection = EXCLUDED.protection, lost_heartbeats = EXCLUDED.lost_heartbeats
    WHERE to_jsonb(endpoint_now) - 'last_seen_at' <> to_jsonb(EXCLUDED) - 'last_seen_at'
"""
_DROP_JOBS = "DELETE FROM job_now WHERE practice_id = $1 AND subject <> ALL ($2::text[])"
_PUT_JOBS = """
    INSERT INTO job_now
    SELECT $1, j.subject, j.endpoint_id, j.endpoint, j.job, j.tool, j.state, j.reason, j.last_run_at, j.last_status,
        j.last_good_at, j.bytes_total, j.due_at, j.missed_at, j.rpo_s
    FROM jsonb_populate_recordset(NULL::job_now, $2::jsonb) AS j
    ON CONFLICT (practice_id, subject) DO UPDATE SET
        endpoint = EXCLUDED.endpoint, tool = EXCLUDED.tool, state = EXCLUDED.state, reason = EXCLUDED.reason,
        last_run_at = EXCLUDED.last_run_at, last_status = EXCLUDED.last_status, last_good_at = EXCLUDED.last_good_at,
        bytes_total = EXCLUDED.bytes_total, due_at = EXCLUDED.due_at, missed_at = EXCLUDED.missed_at,
        rpo_s = EXCLUDED.rpo_s
    WHERE to_jsonb(job_now) <> to_jsonb(EXCLUDED)
"""


async def project(conn: Connection, practice_id: UUID, standing: Standing, *, incidents: int, now: datetime) -> None:
    """Replace what readers see of a practice; `incidents` counts those that last."""
    await conn.execute(
        _PUT_PRACTICE, practice_id, standing.state.value, standing.reason, now, incidents,
        len(standing.endpoints), len(standing.jobs), standing.oldest_good_at,
    )  # fmt: skip
    await conn.execute(_DROP_ENDPOINTS, practice_id, [one.endpoint_id for one in standing.endpoints])
    await conn.execute(_PUT_ENDPOINTS, practice_id, _json(standing.endpoints))
    await conn.execute(_DROP_JOBS, practice_id, [one.subject for one in standing.jobs])
    await conn.execute(_PUT_JOBS, practice_id, _json(standing.jobs))


def _json(standings: Sequence[EndpointStanding | JobStanding]) -> str:
    return "[" + ",".join(one.model_dump_json() for one in standings) + "]"
