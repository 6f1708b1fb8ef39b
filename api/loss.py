"""If we were hit tonight, what would we lose? Pure, and never more hopeful than what is known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.model.finding import State
from collector.model.standing import Digit, EndpointStanding, JobStanding


class Extent(StrEnum):
    """How much would be lost, as far as backups that ended well can show."""

    NOTHING_KNOWN = "nothing_known"
    EVERYTHING = "everything"
    SOME_NEVER = "some_never"
    SOME_UNCOVERED = "some_uncovered"
    SINCE = "since"


@dataclass(frozen=True)
class Loss:
    """`never` names jobs without any good backup, `uncovered` machines that no job covers.

    `reachable` names jobs of which no copy is known to be out of an attacker's reach.
    """

    extent: Extent
    since: datetime | None
    never: tuple[str, ...]
    uncovered: tuple[str, ...]
    reachable: tuple[str, ...]


def loss(jobs: Sequence[JobStanding], endpoints: Iterable[EndpointStanding]) -> Loss:
    """The worst job decides: what it protects goes back to its last good backup, or is gone.

    A job of the whole practice covers every machine; of a machine that no job covers, nothing is known.
    """
    watched = [job for job in jobs if job.state is not State.RETIRED]
    never = tuple(_label(job) for job in watched if job.last_good_at is None)
    good = [job.last_good_at for job in watched if job.last_good_at is not None]
    uncovered = tuple(_uncovered(watched, endpoints))
    reachable = tuple(_label(job) for job in watched if _reachable(job))
    return Loss(_extent(never, good, uncovered), min(good, default=None), never, uncovered, reachable)


def _reachable(job: JobStanding) -> bool:
    """A job of whose copies nothing is known is no better than one whose copies are all in reach."""
    return job.last_good_at is not None and (job.copies_score is None or Digit.UNREACHABLE in job.copies_missing)


def _uncovered(watched: Sequence[JobStanding], endpoints: Iterable[EndpointStanding]) -> Iterator[str]:
    covered = {job.endpoint_id for job in watched}
    if None in covered:
        return
    for endpoint in endpoints:
        if endpoint.state is not State.RETIRED and endpoint.endpoint_id not in covered:
            yield endpoint.name


def _extent(never: Sequence[str], good: Sequence[datetime], uncovered: Sequence[str]) -> Extent:
    if never:
        return Extent.SOME_NEVER if good else Extent.EVERYTHING
    if not good:
        return Extent.NOTHING_KNOWN
    return Extent.SOME_UNCOVERED if uncovered else Extent.SINCE


def _label(job: JobStanding) -> str:
    return f"{job.job} ({job.endpoint})" if job.endpoint else job.job
