"""A practice's script played: which heartbeats it sends, and what stands in each. Pure and deterministic."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid5

from collector.model.heartbeat import (
    Backup,
    Copy,
    Endpoint,
    Heartbeat,
    Medium,
    MissingPatch,
    Patches,
    PatchSeverity,
    Protection,
    ProtectionMode,
    RestorePoints,
    RunStatus,
)
from collector.model.identity import uuid7
from collector.simulation.script import FaultKind, JobScript, MachineScript

_ENDPOINTS = UUID("5f0c9a52-6a0e-4b7f-9d53-0f8f6f5b2a11")
_GIB = 2**30


def endpoint_id(practice: str, machine: MachineScript) -> UUID:
    """Stable for a practice and a machine, as an install id is."""
    return uuid5(_ENDPOINTS, f"{practice}/{machine.name}")


def beats(practice: str, machine: MachineScript, begin: datetime, until: timedelta) -> Iterator[Heartbeat]:
    """What one machine sends from the beginning of the story until an instant of it, in order."""
    seed = endpoint_id(practice, machine)
    for seq in range((until - machine.first) // machine.interval + 1):
        at = machine.first + seq * machine.interval
        if not any(fault.kind is FaultKind.DEAD and fault.holds(at) for fault in machine.faults):
            yield beat(practice, machine, begin, seq, Random(f"{seed}/{seq}"))  # noqa: S311 - repeatable


def beat(practice: str, machine: MachineScript, begin: datetime, seq: int, random: Random) -> Heartbeat:
    """The heartbeat with this number; `random` settles its id alone."""
    at = machine.first + seq * machine.interval
    now = begin + at
    backups = tuple(run for job in machine.jobs if (run := _last_run(job, begin, at)) is not None)
    return Heartbeat(
        id=uuid7(now, random),
        seq=seq,
        sent_at=now,
        interval_s=max(1, round(machine.interval.total_seconds())),
        endpoint=Endpoint(
            id=endpoint_id(practice, machine),
            name=machine.name,
            role=machine.role,
            os=machine.os,
            agent="vigie-simulation/1",
        ),
        backups=backups,
        patches=_patches(practice, machine, begin),
        protection=(
            Protection(
                product="Microsoft Defender",
                mode=ProtectionMode.ACTIVE,
                real_time=True,
                signatures_at=begin,
                tamper_protected=True,
            ),
        ),
    )


def _last_run(job: JobScript, begin: datetime, at: timedelta) -> Backup | None:
    """The last run that has ended by `at`; a fault that holds when a run starts is its fate."""
    newest = int((at - job.first - job.duration) / job.period) if at >= job.first + job.duration else -1
    for number in range(newest, -1, -1):
        starts = job.first + number * job.period
        faults = {fault.kind for fault in job.faults if fault.holds(starts)}
        if FaultKind.MISSED not in faults:
            return _run(job, begin + starts, number, failed=FaultKind.FAILED in faults)
    return None


def _run(job: JobScript, started_at: datetime, number: int, *, failed: bool) -> Backup:
    finished_at = started_at + job.duration
    return Backup(
        job=job.name,
        tool=job.tool,
        run_id=f"{job.name}-{number}",
        status=RunStatus.FAILED if failed else RunStatus.SUCCESS,
        started_at=started_at,
        finished_at=finished_at,
        bytes_total=80 * _GIB + number * _GIB // 8,
        bytes_added=_GIB // 8,
        files_total=120_000 + 40 * number,
        files_changed=40,
        message="the repository is locked" if failed else None,
        copies=(
            Copy(medium=Medium.NAS, location="nas:/backup"),
            Copy(medium=Medium.CLOUD, location="s3:backup", immutable_until=finished_at + timedelta(days=30)),
        ),
        restore_points=RestorePoints(count=number + 30, oldest_at=started_at - 30 * job.period, newest_at=finished_at),
    )


def _patches(practice: str, machine: MachineScript, begin: datetime) -> Patches:
    random = Random(f"{practice}/{machine.name}/patches")  # noqa: S311 - repeatable
    missing = tuple(
        MissingPatch(
            id=f"KB{random.randint(5_000_000, 5_099_999)}",
            severity=random.choice(list(PatchSeverity)),
            released_at=begin - timedelta(days=random.randint(1, 12)),  # a practice that is well: none is overdue
        )
        for _ in range(random.choice((0, 0, 1, 3)))
    )
    return Patches(scanned_at=begin - timedelta(hours=random.randint(1, 20)), missing=missing)
