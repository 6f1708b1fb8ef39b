"""Everything known about one practice at one instant: the input of the rules."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self
from uuid import UUID

from collector.model.heartbeat import (
    Alert,
    Backup,
    Copy,
    PatchSeverity,
    Protection,
    ProtectionMode,
    RestoreLevel,
    RestorePoints,
    RestoreTest,
    Role,
    RunStatus,
)
from collector.model.media import KeptCopy
from collector.model.reading import Levels, Reading
from collector.model.report import Source
from collector.model.subject import Subject, job_subject
from collector.model.value import Value, earliest

GOOD = (RunStatus.SUCCESS, RunStatus.WARNING)


class Sighting(Value):
    """The last heartbeat row of an endpoint: its sign of life.

    `skew_s` is how far its clock lagged ours then, none where the row itself is gone; `lost_heartbeats` counts
    those of its last day that never came, as far as until `lost_until`.
    """

    received_at: datetime
    interval_s: int
    queued: int
    skew_s: int | None = None
    lost_heartbeats: int = 0
    lost_until: datetime | None = None


class Gap(Value):
    """A span in which no collector of ours could commit, or the way to them was broken."""

    start: datetime
    end: datetime


class MissingPatches(Value):
    """How many of one severity, when the oldest was released, and when the oldest without a date was first seen."""

    count: int
    oldest_released_at: datetime | None = None
    oldest_seen_at: datetime | None = None

    @property
    def oldest_at(self) -> datetime | None:
        return earliest((self.oldest_released_at, self.oldest_seen_at))


class UndatedPatches(Value):
    """Missing patches whose release nobody knows, and when they were first seen missing together."""

    since: datetime
    ids: tuple[str, ...]


class PatchState(Value):
    """The figures of a scan; its list of patches stays in the series."""

    as_of: datetime
    scanned_at: datetime
    missing: Mapping[PatchSeverity, MissingPatches] = {}
    undated: tuple[UndatedPatches, ...] = ()
    last_installed_at: datetime | None = None
    reboot_required_since: datetime | None = None

    @property
    def count(self) -> int:
        return sum(one.count for one in self.missing.values())

    @property
    def looked_at(self) -> datetime:
        """A scan is as old as itself, or as the last report that repeated it."""
        return min(self.scanned_at, self.as_of)


class ProtectionState(Value):
    """`since` is when it came into its mode, `disarmed_at` when what was active was switched off or laid open."""

    as_of: datetime
    products: tuple[Protection, ...]
    since: datetime | None = None
    disarmed_at: datetime | None = None

    @property
    def active(self) -> tuple[Protection, ...]:
        """A product that is active and does not look in real time protects nothing."""
        return tuple(one for one in self.products if one.mode is ProtectionMode.ACTIVE and one.real_time)

    @property
    def mode(self) -> ProtectionMode:
        """The best among the products: passive beside an active one is no lack."""
        if self.active:
            return ProtectionMode.ACTIVE
        passive = any(one.mode is ProtectionMode.PASSIVE for one in self.products)
        return ProtectionMode.PASSIVE if passive else ProtectionMode.OFF


class AlertState(Value):
    as_of: datetime
    alert: Alert


class EndpointState(Value):
    endpoint_id: UUID
    name: str
    role: Role
    os: str | None
    agent: str | None
    as_of: datetime
    first_seen_at: datetime
    last_report_at: datetime
    skew_s: int = 0
    patches: PatchState | None = None
    protection: ProtectionState | None = None
    alerts: Mapping[str, AlertState] = {}
    sighting: Sighting | None = None

    @property
    def lag(self) -> timedelta:
        """How far its clock lags ours, by the last heartbeat where that still stands: it may be right by now."""
        told = self.sighting.skew_s if self.sighting else None
        return timedelta(seconds=self.skew_s if told is None else told)


class Run(Value):
    """One execution of a job, its times by our clock; `source` is who told."""

    source: Source = Source.AGENT
    run_id: str | None
    status: RunStatus
    started_at: datetime | None
    finished_at: datetime
    reported_end: datetime | None = None
    bytes_total: int | None = None
    bytes_added: int | None = None
    files_total: int | None = None
    files_changed: int | None = None
    message: str | None = None

    @property
    def good(self) -> bool:
        """Whether there is something to restore; a run with warnings has written its copy."""
        return self.status in GOOD


class PastRun(NamedTuple):
    """What is remembered of a run that ended, to compare the next one with; sizes in bytes, times by our clock.

    A row, and not an object: a practice has 800 of them, and all are read whenever it is judged. New fields go last.
    `reported_end` is the end by the machine's own clock, where that says otherwise.
    `repository` is a mark of the place that the run wrote to first.
    """

    finished_at: datetime
    status: RunStatus
    duration_s: int | None = None
    bytes_total: int | None = None
    bytes_added: int | None = None
    files_total: int | None = None
    files_changed: int | None = None
    restore_points: int | None = None
    tool: str | None = None
    reported_end: datetime | None = None
    repository: int | None = None

    @property
    def good(self) -> bool:
        """Whether there is something to restore; a run with warnings has written its copy."""
        return self.status in GOOD


class Start(Value):
    """Word that a run began; its id where it has one."""

    at: datetime
    run_id: str | None = None


class RunSpan(Value):
    """What was told of a run by its id; either end may be missing."""

    started_at: datetime | None = None
    finished_at: datetime | None = None


class JobState(Value):
    """Starts up to `over_until` are over, whatever their ids; `running_since` follows from what was told.

    `history` holds the last runs that ended, each once, oldest first. `readings` are those of them, and of some weeks
    before, that wrote out of the ordinary, `levels` the figures of the last good one.
    """

    endpoint_id: UUID | None
    job: str
    tool: str | None
    as_of: datetime
    first_seen_at: datetime
    last_run: Run | None = None
    last_good: Run | None = None
    running_since: datetime | None = None
    last_start: Start | None = None
    over_until: datetime | None = None
    spans: Mapping[str, RunSpan] = {}
    history: tuple[PastRun, ...] = ()
    readings: tuple[Reading, ...] = ()
    levels: Levels | None = None
    copies: tuple[Copy, ...] = ()
    kept_copies: Mapping[str, KeptCopy] = {}
    restore_points: RestorePoints | None = None
    restore_tests: Mapping[RestoreLevel, RestoreTest] = {}

    @property
    def subject(self) -> Subject:
        return job_subject(self.endpoint_id, self.job)

    def with_backup(self, *, as_of: datetime, backup: Backup, looked: bool) -> Self:
        """The facts of a newer run: which tool, and where its copies were looked for, what was found.

        Who did not look leaves `as_of` as it is: what was seen before that and comes later is still news.
        """
        facts: dict[str, object] = {"tool": backup.tool}
        if looked:
            facts |= {"copies": backup.copies, "restore_points": backup.restore_points, "as_of": as_of}
        return self.model_copy(update=facts)


class Snapshot(Value):
    """`crowded` says that more was reported than is kept: what is left out is unknown."""

    practice_id: UUID
    fold_no: int = 0
    crowded: bool = False
    endpoints: Mapping[UUID, EndpointState] = {}
    jobs: Mapping[Subject, JobState] = {}
    gaps: tuple[Gap, ...] = ()

    def observed(self, sightings: Mapping[UUID, Sighting], gaps: tuple[Gap, ...]) -> Self:
        """What only the series know laid over what was folded; never stored."""
        endpoints = {
            endpoint_id: state.model_copy(update={"sighting": sightings.get(endpoint_id)})
            for endpoint_id, state in self.endpoints.items()
        }
        return self.model_copy(update={"endpoints": endpoints, "gaps": gaps})


def extended(start: datetime, deadline: datetime, gaps: tuple[Gap, ...]) -> datetime:
    """A deadline moved by our own outages that fall between `start` and it."""
    since = [gap for gap in gaps if gap.end > start]
    for gap in sorted(since, key=lambda gap: gap.start):
        if gap.start < deadline:
            deadline += max(gap.end - max(gap.start, start), timedelta(0))
    return deadline
