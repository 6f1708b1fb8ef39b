"""The heartbeat, version 1: what an endpoint says of itself.

An absent section means "not looked"; a present one is complete as of `sent_at`; alerts are events by id.
The JSON Schema made from these models is committed as `heartbeat.schema.json`.
"""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import UUID7, Field, StringConstraints, model_validator

from collector.model.value import ONE_LINE, Contract, Count, Expiry, Instant, Label, Name, Text


class Role(StrEnum):
    SERVER = "server"
    WORKSTATION = "workstation"
    NAS = "nas"
    IMAGING = "imaging"


class RunStatus(StrEnum):
    SUCCESS = "success"
    WARNING = "warning"
    FAILED = "failed"
    RUNNING = "running"


class Medium(StrEnum):
    LOCAL = "local"
    NAS = "nas"
    USB = "usb"
    TAPE = "tape"
    CLOUD = "cloud"
    OTHER = "other"


class RestoreLevel(StrEnum):
    FILE = "file"
    BOOT = "boot"
    DATABASE = "database"
    IMAGING = "imaging"


class RestoreStatus(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"


class PatchSeverity(StrEnum):
    CRITICAL = "critical"
    IMPORTANT = "important"
    MODERATE = "moderate"
    LOW = "low"
    UNSPECIFIED = "unspecified"


class ProtectionMode(StrEnum):
    ACTIVE = "active"
    PASSIVE = "passive"
    OFF = "off"


class AlertSeverity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class AlertCategory(StrEnum):
    RANSOMWARE = "ransomware"
    TAMPERING = "tampering"
    MALWARE = "malware"
    INTRUSION = "intrusion"
    CREDENTIALS = "credentials"
    UNWANTED = "unwanted"
    OTHER = "other"


class AlertStatus(StrEnum):
    OPEN = "open"
    REMEDIATED = "remediated"
    DISMISSED = "dismissed"


JobName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=ONE_LINE)]

# A list fails at its first bad item: naming every one of thousands would cost a hundred times the body.


class Endpoint(Contract):
    """The machine. Its identity is the agent's install id; the name is only a label."""

    id: UUID
    name: Name
    role: Role
    os: Label | None = None
    agent: Label | None = None


class Copy(Contract):
    """One place where a job's data lies."""

    medium: Medium
    location: Label
    offline: bool = False
    immutable_until: Expiry | None = None
    media_id: Label | None = None
    verified_at: Instant | None = None
    deleted_at: Instant | None = None


class RestorePoints(Contract):
    """What can be gone back to."""

    count: Count
    oldest_at: Instant | None = None
    newest_at: Instant | None = None


class Backup(Contract):
    """The latest run of one backup job. Sizes are bytes."""

    job: JobName
    tool: Label
    run_id: Label | None = None
    status: RunStatus
    started_at: Instant | None = None
    finished_at: Instant | None = None
    bytes_total: Count | None = None
    bytes_added: Count | None = None
    files_total: Count | None = None
    files_changed: Count | None = None
    message: Text | None = None
    copies: Annotated[tuple[Copy, ...], Field(max_length=50, fail_fast=True)] = ()
    restore_points: RestorePoints | None = None

    @model_validator(mode="after")
    def _an_end_has_a_time(self) -> Self:
        if self.status is not RunStatus.RUNNING and self.finished_at is None:
            raise ValueError(f"finished_at is required when status is {self.status.value!r}")
        return self


class RestoreTest(Contract):
    """Proof that a copy can be read back."""

    job: JobName
    level: RestoreLevel
    status: RestoreStatus
    tested_at: Instant
    evidence: Text | None = None


class MissingPatch(Contract):
    id: Label
    severity: PatchSeverity
    released_at: Instant | None = None
    title: Text | None = None


class Patches(Contract):
    """How far the machine is patched, as of its last scan."""

    scanned_at: Instant
    missing: Annotated[tuple[MissingPatch, ...], Field(max_length=5_000, fail_fast=True)] = ()
    last_installed_at: Instant | None = None
    reboot_required_since: Instant | None = None


class Protection(Contract):
    product: Label
    mode: ProtectionMode
    real_time: bool
    signatures_at: Instant | None = None
    tamper_protected: bool | None = None


class Alert(Contract):
    id: Label
    at: Instant
    severity: AlertSeverity
    category: AlertCategory
    name: Label
    status: AlertStatus = AlertStatus.OPEN


class Sections(Contract):
    """What a heartbeat may carry beside the sign of life."""

    backups: Annotated[tuple[Backup, ...], Field(max_length=500, fail_fast=True)] | None = None
    restore_tests: Annotated[tuple[RestoreTest, ...], Field(max_length=500, fail_fast=True)] | None = None
    patches: Patches | None = None
    protection: Annotated[tuple[Protection, ...], Field(max_length=50, fail_fast=True)] | None = None
    alerts: Annotated[tuple[Alert, ...], Field(max_length=1_000, fail_fast=True)] | None = None


class Heartbeat(Sections):
    """One signed-in report. `id` is the idempotency key; `sent_at` is the endpoint's own clock."""

    id: UUID7
    seq: Count
    queued: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    sent_at: Instant
    interval_s: Annotated[int, Field(ge=1, le=86_400)]
    endpoint: Endpoint
