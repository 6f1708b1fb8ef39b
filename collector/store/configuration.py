"""Configuration's one truth: each change is a version, audited in its own transaction, and wakes the worker."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.book import Book
from collector.model.policy import Policy
from collector.store.audit import record_deed, record_deeds
from collector.store.connect import Connection
from collector.store.escalation import practices_with_incidents, put_book
from collector.store.job_slugs import put_slugs
from collector.store.wakes import wake_practices

# Of one statement: long enough to be quick, short enough that progress is seen.
AT_ONCE = 250


@dataclass(frozen=True)
class Reported:
    """What practices reported, by the practice's id: the names of machines and of jobs."""

    machines: Mapping[UUID, tuple[str, ...]]
    jobs: Mapping[UUID, tuple[str, ...]]


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('vigie:configuration', 0))"
_VERSION = "SELECT coalesce(max(version), 0) FROM configuration"
_NEW_VERSION = """
    INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, $2, $3) RETURNING version
"""
_ADD_POLICIES = """
    INSERT INTO policy (practice_id, version, body)
    SELECT practice_id, $2, body::jsonb FROM unnest($1::uuid[], $3::text[]) AS new (practice_id, body)
"""
_SET_ZONES = """
    UPDATE practice SET zone = new.zone FROM unnest($1::uuid[], $2::text[]) AS new (practice_id, zone)
    WHERE practice.practice_id = new.practice_id AND practice.zone <> new.zone
"""
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
_IN_FORCE = """
    SELECT newest.body FROM practice
    CROSS JOIN LATERAL (
        SELECT body FROM policy WHERE policy.practice_id = practice.practice_id ORDER BY version DESC LIMIT 1
    ) AS newest
    WHERE retired_at IS NULL AND kind = 'practice'
"""
_ADD_RULES = "INSERT INTO rules (version, body) VALUES ($1, $2::jsonb)"
_RULES = "SELECT body FROM rules ORDER BY version DESC LIMIT 1"
_RULES_AT = """
    SELECT body FROM rules JOIN configuration USING (version) WHERE applied_at <= $1 ORDER BY version DESC LIMIT 1
"""
_APPLIED = "SELECT applied_at, applied_by, summary FROM configuration WHERE version = $1"
_MACHINES = (
    "SELECT practice_id, array_agg(name) AS names FROM endpoint_now WHERE state <> 'retired' GROUP BY practice_id"
)
_JOBS = "SELECT practice_id, array_agg(DISTINCT job) AS names FROM job_now GROUP BY practice_id"


async def lock_configuration(conn: Connection) -> None:
    """Until the transaction ends nobody else changes the configuration. Taken after a practice's lock, never before."""
    await conn.execute(_LOCK)


async def newest_version(conn: Connection) -> int:
    return int(await conn.fetchval(_VERSION))


async def put_policy(conn: Connection, policy: Policy, *, at: datetime, actor: str, summary: str) -> Policy:
    """Put a practice's policy in force as a new version; the caller holds the transaction and the practice's lock."""
    version = await put_policies(conn, [policy], at=at, actor=actor, summary=summary)
    return policy.model_copy(update={"version": version})


async def put_policies(
    conn: Connection,
    policies: Sequence[Policy],
    *,
    at: datetime,
    actor: str,
    summary: str,
    rules: str | None = None,
    book: Book | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Put policies in force, and rules and the book where they changed, as one new version.

    The caller holds the transaction.
    """
    version = int(await conn.fetchval(_NEW_VERSION, at, actor, summary))
    if rules is not None:
        await conn.execute(_ADD_RULES, version, rules)
        await _record(conn, "rules", version, at=at, actor=actor, summary=summary)
    if book is not None:
        await put_book(conn, version, book)
        await wake_practices(conn, await practices_with_incidents(conn), at)
        await _record(conn, "escalation", version, at=at, actor=actor, summary=summary)
    for start in range(0, len(policies), AT_ONCE):
        some = [one.model_copy(update={"version": version}) for one in policies[start : start + AT_ONCE]]
        await _put_some(conn, some, version, at=at, actor=actor, summary=summary)
        advance(len(some))
    return version


async def _record(conn: Connection, subject: str, version: int, *, at: datetime, actor: str, summary: str) -> None:
    """What concerns all practices."""
    detail = {"version": str(version), "summary": summary}
    await record_deed(conn, at=at, actor=actor, action="configure", practice_id=None, subject=subject, detail=detail)


async def _put_some(
    conn: Connection, policies: Sequence[Policy], version: int, *, at: datetime, actor: str, summary: str
) -> None:
    practice_ids = [one.practice_id for one in policies]
    await conn.execute(_ADD_POLICIES, practice_ids, version, [one.model_dump_json() for one in policies])
    await conn.execute(_SET_ZONES, practice_ids, [one.zone for one in policies])
    about = [(one.practice_id, one.practice) for one in policies]
    detail = {"version": str(version), "summary": summary}
    await record_deeds(conn, about, at=at, actor=actor, action="configure", detail=detail)
    await put_slugs(conn, policies)
    await wake_practices(conn, practice_ids, at)


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


async def policies_in_force(conn: Connection) -> list[Policy]:
    """Of every practice that is watched, by name."""
    policies = [Policy.model_validate_json(row["body"]) for row in await conn.fetch(_IN_FORCE)]
    return sorted(policies, key=lambda policy: policy.practice)


async def rules_in_force(conn: Connection, at: datetime | None = None) -> str | None:
    """What was said last of the rules, or until an instant; none where nobody ever said anything."""
    body: str | None = await (conn.fetchval(_RULES_AT, at) if at else conn.fetchval(_RULES))
    return body


async def applied(conn: Connection, version: int) -> tuple[datetime, str, str] | None:
    """When a version was put in force, by whom, and what it was about."""
    row = await conn.fetchrow(_APPLIED, version)
    return (row["applied_at"], row["applied_by"], row["summary"]) if row else None


async def reported_names(conn: Connection) -> Reported:
    """What files may name beyond what is configured."""
    machines, jobs = await conn.fetch(_MACHINES), await conn.fetch(_JOBS)
    return Reported(
        machines={row["practice_id"]: tuple(row["names"]) for row in machines},
        jobs={row["practice_id"]: tuple(row["names"]) for row in jobs},
    )
