"""The heartbeat as the contract writes it (DESIGN, "The heartbeat, version 1"); None where unknown."""

from __future__ import annotations

from typing import TypedDict

LARGEST = 256 * 1024  # bytes of one heartbeat
LARGEST_COUNT = 1_000  # heartbeats of one request
LONGEST_INTERVAL_S = 86_400  # source: the collector's model, `interval_s`
LABEL_LENGTH = 200  # characters; source: the collector's model, `Label`
JOB_LENGTH = 100  # characters; source: the collector's model, `JobName`

ROLES = ("server", "workstation", "nas", "imaging")
MEDIA = ("local", "nas", "usb", "tape", "cloud", "other")


class Endpoint(TypedDict):
    id: str
    name: str
    role: str
    os: str
    agent: str


class Copy(TypedDict):
    medium: str
    location: str
    offline: bool


class RestorePoints(TypedDict):
    count: int
    oldest_at: str
    newest_at: str


class Size(TypedDict):
    bytes_total: int | None
    files_total: int | None
    bytes_added: int | None
    files_changed: int | None


class Backup(Size):
    job: str
    tool: str
    run_id: str
    status: str
    started_at: str | None
    finished_at: str
    copies: list[Copy]
    restore_points: RestorePoints


class MissingPatch(TypedDict):
    id: str
    severity: str
    released_at: str | None
    title: str | None


class Patches(TypedDict):
    scanned_at: str
    missing: list[MissingPatch]
    last_installed_at: str | None
    reboot_required_since: str | None


class Sections(TypedDict, total=False):
    backups: list[Backup]
    patches: Patches


class _SignOfLife(TypedDict):
    id: str
    seq: int
    queued: int
    sent_at: str
    interval_s: int
    endpoint: Endpoint


class Heartbeat(_SignOfLife, Sections):
    """A sign of life, with what was looked at."""
