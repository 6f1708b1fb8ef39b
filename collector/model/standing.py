"""How a practice, its endpoints and its jobs stand right now: what pages and dashboards show."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from collector.model.finding import State
from collector.model.heartbeat import Role, RunStatus
from collector.model.subject import Subject
from collector.model.value import Value


class EndpointStanding(Value):
    """`reason` names why the state is not ok; `skew_s` is how far its clock lags ours; losses are of its last day."""

    endpoint_id: UUID
    name: str
    role: Role
    os: str | None
    agent: str | None
    state: State
    reason: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    skew_s: int
    missing_patches: int | None
    patches_scanned_at: datetime | None
    protection: str | None
    lost_heartbeats: int = 0


class Digit(StrEnum):
    """What 3-2-1-1-0 asks of a job's copies, in its order: one for each digit (collector/rules/copies.py)."""

    COPIES = "copies"
    MEDIA = "media"
    OFFSITE = "offsite"
    UNREACHABLE = "unreachable"
    PROOF = "proof"


class JobStanding(Value):
    """`rpo_s` in seconds; `bytes_total` of the last good run.

    `copies_score` is its 3-2-1-1-0 as text, none where nothing is known of its copies; `copies_missing` names the
    digits that are not met.
    """

    subject: Subject
    endpoint_id: UUID | None
    endpoint: str | None
    job: str
    tool: str | None
    state: State
    reason: str | None
    last_run_at: datetime | None
    last_status: RunStatus | None
    last_good_at: datetime | None
    bytes_total: int | None
    due_at: datetime | None
    missed_at: datetime | None
    rpo_s: int | None
    copies_score: str | None = None
    copies_missing: tuple[Digit, ...] = ()


class Standing(Value):
    """`oldest_good_at` is the worst job's last good backup: what would be lost tonight."""

    state: State
    reason: str | None
    oldest_good_at: datetime | None
    endpoints: tuple[EndpointStanding, ...]
    jobs: tuple[JobStanding, ...]
