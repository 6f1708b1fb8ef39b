"""The names in pings' URLs and the jobs that they mean: kept with the policy, or made by a ping with `create=1`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from collector.model.policy import JobPolicy, Policy
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
    INSERT INTO job_slug (practice_id, slug, subject, endpoint_id, job) VALUES ($1, $2, $3, $4, $5)
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
        await conn.execute(_ADD, practice_id, slug, job_subject(None, slug), None, slug)
        return True


async def put_slugs(conn: Connection, policies: Sequence[Policy]) -> None:
    """Let each scheduled job have the slug of its name, and no retired one; the caller holds the transaction."""
    named = [(policy, list(_named(policy))) for policy in policies]
    await conn.executemany(
        _DROP,
        [
            (policy.practice_id, [slug for slug, _ in jobs], [job.subject for _, job in jobs], list(policy.retired))
            for policy, jobs in named
        ],
    )
    new = [
        (policy.practice_id, slug, job.subject, job.endpoint_id, job.job)
        for policy, jobs in named
        for slug, job in jobs
    ]
    await conn.executemany(_ADD, new)


def _named(policy: Policy) -> Iterator[tuple[str, JobPolicy]]:
    for job in policy.jobs.values():
        slug = slug_of(job.job)
        if slug and policy.retirement(job.subject) is None:
            yield slug, job
