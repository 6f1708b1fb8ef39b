"""Configuration's one truth: each change is a version, audited in its own transaction, and wakes the worker."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from collector.model.policy import Policy
from collector.store.audit import record_deed
from collector.store.connect import Connection
from collector.store.job_slugs import put_slugs
from collector.store.wakes import wake_practice

_NEW_VERSION = """
    INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, $2, $3) RETURNING version
"""
_ADD_POLICY = "INSERT INTO policy (practice_id, version, body) VALUES ($1, $2, $3::jsonb)"
_POLICIES = """
    SELECT newest.practice_id, newest.body FROM unnest($1::uuid[]) AS asked (practice_id)
    CROSS JOIN LATERAL (
        SELECT practice_id, body FROM policy WHERE policy.practice_id = asked.practice_id ORDER BY version DESC LIMIT 1
    ) AS newest
"""
_POLICY_AT = """
    SELECT body FROM policy JOIN configuration USING (version)
    WHERE practice_id = $1 AND applied_at <= $2 ORDER BY version DESC LIMIT 1
"""


async def put_policy(conn: Connection, policy: Policy, *, at: datetime, actor: str, summary: str) -> Policy:
    """Put a practice's policy in force as a new version; the caller holds the transaction and the practice's lock."""
    version = await conn.fetchval(_NEW_VERSION, at, actor, summary)
    policy = policy.model_copy(update={"version": version})
    await conn.execute(_ADD_POLICY, policy.practice_id, version, policy.model_dump_json())
    await record_deed(
        conn, at=at, actor=actor, action="configure", practice_id=policy.practice_id, subject=policy.practice,
        detail={"version": str(version), "summary": summary},
    )  # fmt: skip
    await put_slugs(conn, policy)
    await wake_practice(conn, policy.practice_id, at)
    return policy


async def load_policy(conn: Connection, practice_id: UUID) -> Policy | None:
    return (await load_policies(conn, [practice_id])).get(practice_id)


async def load_policies(conn: Connection, practice_ids: Collection[UUID]) -> Mapping[UUID, Policy]:
    """Those in force; none for a practice that was never enrolled."""
    rows = await conn.fetch(_POLICIES, list(practice_ids))
    return {row["practice_id"]: Policy.model_validate_json(row["body"]) for row in rows}


async def policy_at(conn: Connection, practice_id: UUID, at: datetime) -> Policy | None:
    """The policy that was in force at a past instant."""
    body = await conn.fetchval(_POLICY_AT, practice_id, at)
    return Policy.model_validate_json(body) if body else None
