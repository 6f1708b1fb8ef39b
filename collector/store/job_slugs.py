"""The names in pings' URLs and the jobs that they mean: kept with the policy, or made by a ping with `create=1`."""

from dataclasses import dataclass
from uuid import UUID

from collector.model.policy import Policy
from collector.model.slug import slug_of
from collector.model.subject import job_subject
from collector.store.connect import Connection

# Of one practice, those of its schedule among them; each made by a ping becomes a job to judge.
MOST_SLUGS = 500


class TooManySlugsError(Exception):
    """The practice has as many names as it may have."""


@dataclass(frozen=True)
class SlugJob:
    """A job that a slug may mean; without an endpoint it is the whole practice's."""

    endpoint_id: UUID | None
    job: str


_OF_SLUG = "SELECT endpoint_id, job FROM job_slug WHERE practice_id = $1 AND slug = $2"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('vigie:slugs:' || $1, 0))"
_COUNT = "SELECT count(*), count(*) FILTER (WHERE slug = $2) FROM job_slug WHERE practice_id = $1"
_ADD = """
    INSERT INTO job_slug (practice_id, slug, subject, endpoint_id, job)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[])
    ON CONFLICT DO NOTHING
"""
# One that a ping made is the practice's and named as its slug: it stays until it is retired.
_DROP = """
    DELETE FROM job_slug
    WHERE practice_id = $1 AND (practice_id, slug, subject) NOT IN (
            SELECT $1, * FROM unnest($2::text[], $3::text[]))
        AND (endpoint_id IS NOT NULL OR job <> slug OR subject = ANY($4::text[]))
"""


async def jobs_of_slug(conn: Connection, practice_id: UUID, slug: str) -> tuple[SlugJob, ...]:
    rows = await conn.fetch(_OF_SLUG, practice_id, slug)
    return tuple(SlugJob(row["endpoint_id"], row["job"]) for row in rows)


async def create_job_slug(conn: Connection, practice_id: UUID, slug: str) -> bool:
    """Make a job of the whole practice by this name; False where the slug means something already.

    Raises TooManySlugsError. Those who create at once do so one after the other.
    """
    async with conn.transaction():
        await conn.execute(_LOCK, str(practice_id))
        every, same = await conn.fetchrow(_COUNT, practice_id, slug) or (0, 0)
        if same:
            return False
        if every >= MOST_SLUGS:
            raise TooManySlugsError
        await conn.execute(_ADD, practice_id, [slug], [job_subject(None, slug)], [None], [slug])
        return True


async def put_slugs(conn: Connection, policy: Policy) -> None:
    """Let each scheduled job have the slug of its name, and no retired one; the caller holds the transaction."""
    watched = [job for job in policy.jobs.values() if policy.retirement(job.subject) is None]
    named = [(slug, job) for job in watched if (slug := slug_of(job.job))]
    slugs, subjects = [slug for slug, _ in named], [job.subject for _, job in named]
    await conn.execute(_DROP, policy.practice_id, slugs, subjects, list(policy.retired))
    endpoints, jobs = [job.endpoint_id for _, job in named], [job.job for _, job in named]
    await conn.execute(_ADD, policy.practice_id, slugs, subjects, endpoints, jobs)
