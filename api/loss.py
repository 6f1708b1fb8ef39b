"""If we were hit tonight, what would we lose? Pure, and never more hopeful than what is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.model.finding import State
from collector.model.standing import EndpointStanding, JobStanding


class Extent(StrEnum):
    """How much would be lost, as far as backups that ended well can show."""

    NOTHING_KNOWN = "nothing_known"
    EVERYTHING = "everything"
    SOME_NEVER = "some_never"
    SINCE = "since"


@dataclass(frozen=True)
class Loss:
    """`never` names jobs without any good backup, `uncovered` machines without any job."""

    extent: Extent
    since: datetime | None
    never: tuple[str, ...]
    uncovered: tuple[str, ...]


def loss(jobs: Sequence[JobStanding], endpoints: Iterable[EndpointStanding]) -> Loss:
    """The worst job decides: what it protects goes back to its last good backup, or is gone."""
    watched = [job for job in jobs if job.state is not State.RETIRED]
    never = tuple(_label(job) for job in watched if job.last_good_at is None)
    good = [job.last_good_at for job in watched if job.last_good_at is not None]
    covered = {job.endpoint_id for job in watched}
    uncovered = tuple(
        one.name for one in endpoints if one.state is not State.RETIRED and one.endpoint_id not in covered
    )
    return Loss(_extent(never, good), min(good, default=None), never, uncovered)


def _extent(never: Sequence[str], good: Sequence[datetime]) -> Extent:
    if never:
        return Extent.SOME_NEVER if good else Extent.EVERYTHING
    return Extent.SINCE if good else Extent.NOTHING_KNOWN


def _label(job: JobStanding) -> str:
    return f"{job.job} ({job.endpoint})" if job.endpoint else job.job
