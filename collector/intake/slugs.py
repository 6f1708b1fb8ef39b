"""Which job a slug means."""

from collections.abc import Sequence
from uuid import UUID

from collector.intake.hearing import Hearing
from collector.intake.warm import Warm
from collector.store.connect import Pool, borrowed
from collector.store.job_slugs import SlugJob, create_job_slug, jobs_of_slug

_Key = tuple[UUID, str]  # practice, slug


class UnknownSlugError(Exception):
    """No job of the practice has this slug."""


class AmbiguousSlugError(Exception):
    """Several jobs have it, and none is the whole practice's."""


class Slugs:
    """Slugs of practices, remembered until they change; a new one is known at once where it was made."""

    def __init__(self, pool: Pool, hearing: Hearing) -> None:
        self._pool = pool
        self._warm: Warm[_Key, tuple[SlugJob, ...]] = Warm(self._ask, _told_by, hearing)

    async def job(self, practice_id: UUID, slug: str) -> SlugJob:
        """Raises UnknownSlugError, AmbiguousSlugError or StoreAwayError."""
        return the_job(await self._warm.get((practice_id, slug)))

    async def create(self, practice_id: UUID, slug: str) -> bool:
        """Whether it was not there yet. Raises TooManySlugsError, or what the store raises when it is away."""
        async with borrowed(self._pool) as conn:
            created = await create_job_slug(conn, practice_id, slug)
        self._warm.forget(_notice(practice_id))
        return created

    async def _ask(self, key: _Key) -> tuple[SlugJob, ...]:
        async with borrowed(self._pool) as conn:
            return await jobs_of_slug(conn, *key)


def the_job(meant: Sequence[SlugJob]) -> SlugJob:
    """The whole practice's wins over those of single machines."""
    wide = [job for job in meant if job.endpoint_id is None]
    if not meant:
        raise UnknownSlugError
    if len(wide) == 1 or len(meant) == 1:
        return (wide or list(meant))[0]
    raise AmbiguousSlugError


def _told_by(key: _Key, _: object) -> tuple[str]:
    return (_notice(key[0]),)


def _notice(practice_id: UUID) -> str:
    return f"practice:{practice_id}"
