"""The heartbeat as the contract writes it (DESIGN, "The heartbeat, version 1"); what is unknown is left out."""

from __future__ import annotations

from typing import TypedDict

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


class _Run(TypedDict):
    job: str
    tool: str
    run_id: str
    status: str
    finished_at: str
    copies: list[Copy]
    restore_points: RestorePoints


class Backup(_Run, total=False):
    started_at: str
    bytes_total: int
    bytes_added: int
    files_total: int
    files_changed: int


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
