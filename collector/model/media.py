"""What is remembered of a job's copies: on which media they lie, when each was last renewed, how long each is locked.

A listing says which copies there are, and not whether anything new was put on them. One counts as renewed when
1. a good run lists it: new, back after it was away, or attached, so that the run wrote it;
2. its lock or its last verification has moved on.
A medium that is offline and named was not written by the run that lists it. One without a name cannot be told from
another, so that the run which lists it is all that is known of it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from collector.model.heartbeat import Backup, Copy, Medium, RunStatus
from collector.model.report import Report
from collector.model.value import Value, latest

# Of one job: the discs of a month that are changed every working day.
MOST_COPIES = 25
# Less is rounding, or a run that ended earlier than the one before.
SHORTENED_TOLERATED = timedelta(days=1)
_REMOVABLE = (Medium.USB, Medium.TAPE, Medium.OTHER)


class Shortened(Value):
    """A lock that was moved back, as told `at`."""

    at: datetime
    before: datetime
    after: datetime


class KeptCopy(Value):
    """One medium at one place. `listed_at` is when a good run last told of it, `away_at` when it was last offline."""

    medium: Medium
    location: str
    media_id: str | None = None
    first_at: datetime
    listed_at: datetime
    renewed_at: datetime
    away_at: datetime | None = None
    verified_at: datetime | None = None
    immutable_until: datetime | None = None
    shortened: Shortened | None = None
    deleted_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.media_id or self.location

    @property
    def rotated_at(self) -> datetime | None:
        """Since when it holds what it holds, out of reach; none for what is always attached."""
        return min(self.renewed_at, self.away_at) if self.away_at else None


def copies_after(known: Mapping[str, KeptCopy], report: Report, backup: Backup) -> Mapping[str, KeptCopy]:
    """What is remembered once a run has told of its copies; a failed run adds none and renews none."""
    if backup.finished_at is None or not backup.copies:
        return known
    ended = report.ours(backup.finished_at)
    good = backup.status is not RunStatus.FAILED
    last_listed = max((one.listed_at for one in known.values()), default=report.as_of)
    kept = dict(known)
    for copy in backup.copies:
        key = f"{copy.medium.value}|{copy.location}|{copy.media_id or ''}"
        before = known.get(key)
        if good:
            before = _listed(before, copy, report, ended, last_listed)
        if before is not None:
            kept[key] = _told(before, copy, report, ended)
    newest = sorted(kept.items(), key=lambda one: (one[1].listed_at, one[0]))
    return dict(newest[-MOST_COPIES:])


def _listed(known: KeptCopy | None, copy: Copy, report: Report, ended: datetime, last_listed: datetime) -> KeptCopy:
    if known is None:
        return KeptCopy(
            medium=copy.medium,
            location=copy.location,
            media_id=copy.media_id,
            first_at=ended,
            listed_at=report.as_of,
            renewed_at=ended,
        )
    back = known.listed_at < last_listed
    written = not copy.offline or copy.media_id is None
    update: dict[str, object] = {"listed_at": max(known.listed_at, report.as_of)}
    if back or written:
        update["renewed_at"] = max(known.renewed_at, ended)
    if back and copy.medium in _REMOVABLE:
        update["away_at"] = latest((known.away_at, ended))
    return known.model_copy(update=update)


def _told(known: KeptCopy, copy: Copy, report: Report, ended: datetime) -> KeptCopy:
    """What any run can tell of a copy that is known."""
    verified_at = report.ours(copy.verified_at) if copy.verified_at else None
    renewed = [known.renewed_at, verified_at]
    if known.immutable_until and copy.immutable_until and copy.immutable_until > known.immutable_until:
        renewed.append(ended)
    return known.model_copy(
        update={
            "renewed_at": latest(renewed),
            "away_at": latest((known.away_at, report.as_of)) if copy.offline else known.away_at,
            "verified_at": latest((known.verified_at, verified_at)),
            "immutable_until": copy.immutable_until or known.immutable_until,
            "shortened": _shortened(known, copy, report),
            "deleted_at": report.ours(copy.deleted_at) if copy.deleted_at else None,
        }
    )


def _shortened(known: KeptCopy, copy: Copy, report: Report) -> Shortened | None:
    """A lock that ends earlier than it did, unless it was over, or the clock that told of it is off by as much.

    A tool that says nothing of a lock has not looked: only time ends it then.
    """
    before, after = known.immutable_until, copy.immutable_until
    if before is None or after is None:
        return known.shortened
    tolerated = SHORTENED_TOLERATED + abs(report.skew)
    if before > report.as_of and before - after > tolerated:
        return Shortened(at=report.as_of, before=before, after=after)
    put_right = known.shortened and known.shortened.before - after <= tolerated
    return None if put_right else known.shortened
