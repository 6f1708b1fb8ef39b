"""What else an attacker leaves behind at a practice, and when: each makes the next sign weigh more."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from collector.model.heartbeat import AlertCategory, AlertStatus
from collector.model.snapshot import EndpointState, JobState, Snapshot


class Trace(StrEnum):
    RANSOMWARE_ALERT = "ransomware_alert"
    TAMPERING_ALERT = "tampering_alert"
    PROTECTION_OFF = "protection_off"
    COPIES_DELETED = "copies_deleted"
    LOCK_SHORTENED = "lock_shortened"
    RESTORE_POINTS_GONE = "restore_points_gone"
    OTHER_JOB = "other_job"
    SAME_MACHINE = "same_machine"


class Left(NamedTuple):
    """A trace and when it was left."""

    at: datetime
    trace: Trace


_ALERTS = {
    AlertCategory.RANSOMWARE: Trace.RANSOMWARE_ALERT,
    AlertCategory.TAMPERING: Trace.TAMPERING_ALERT,
}


def traces(snapshot: Snapshot) -> tuple[Left, ...]:
    """Everywhere at the practice: an attacker goes from machine to machine."""
    machines = (left for endpoint in snapshot.endpoints.values() for left in _on_machine(endpoint))
    jobs = (left for job in snapshot.jobs.values() for left in _on_copies(job))
    return (*machines, *jobs)


def near(left: tuple[Left, ...], at: datetime, span: timedelta) -> frozenset[Trace]:
    return frozenset(one.trace for one in left if abs(one.at - at) <= span)


def _on_machine(endpoint: EndpointState) -> Iterator[Left]:
    for known in endpoint.alerts.values():
        trace = _ALERTS.get(known.alert.category)
        if trace and known.alert.status is not AlertStatus.DISMISSED:
            yield Left(known.alert.at, trace)
    if endpoint.protection and endpoint.protection.disarmed_at:
        yield Left(endpoint.protection.disarmed_at, Trace.PROTECTION_OFF)


def _on_copies(job: JobState) -> Iterator[Left]:
    for copy in job.kept_copies.values():
        if copy.deleted_at:
            yield Left(copy.deleted_at, Trace.COPIES_DELETED)
        if copy.shortened:
            yield Left(copy.shortened.at, Trace.LOCK_SHORTENED)
