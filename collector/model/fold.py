"""How a report changes what is known. Late and repeated reports enter and never turn the present back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from collector.model.heartbeat import (
    Alert,
    AlertStatus,
    Backup,
    Endpoint,
    RestoreTest,
    RunStatus,
)
from collector.model.media import copies_after
from collector.model.report import Report, Source
from collector.model.runs import in_order, with_end, with_start
from collector.model.scans import patch_state, protection_state
from collector.model.snapshot import (
    AlertState,
    EndpointState,
    JobState,
    PatchState,
    ProtectionState,
    Snapshot,
)
from collector.model.subject import Subject, job_subject
from collector.model.value import EARLIEST

# A closed alert is remembered for as long as a late report about it can still arrive.
ALERT_MEMORY = timedelta(days=35)

# What one practice may make us keep and judge: a stolen key must not weigh on the others.
MOST_ENDPOINTS = 500
MOST_JOBS = 2_000
MOST_ALERTS = 1_000  # of an endpoint


def fold(snapshot: Snapshot, report: Report) -> Snapshot:
    """The snapshot after one report; the fold number counts reports in the order they were folded."""
    update: dict[str, object] = {"fold_no": snapshot.fold_no + 1}
    endpoints = snapshot.endpoints
    if report.source is Source.AGENT and report.endpoint_id is not None:
        if report.endpoint_id not in endpoints and len(endpoints) >= MOST_ENDPOINTS:
            return snapshot.model_copy(update={**update, "crowded": True})
        state = _endpoint(endpoints.get(report.endpoint_id), report.endpoint_id, report)
        endpoints = {**endpoints, report.endpoint_id: state} if state else endpoints
    jobs = _jobs(snapshot.jobs, report)
    crowded = snapshot.crowded or len(jobs) > MOST_JOBS
    kept = dict(islice(jobs.items(), MOST_JOBS))
    return snapshot.model_copy(update={**update, "endpoints": endpoints, "jobs": kept, "crowded": crowded})


def _endpoint(known: EndpointState | None, endpoint_id: UUID, report: Report) -> EndpointState | None:
    if known is None:
        # Intake sends the identity with the first report it sees; another collector may be ahead of it.
        known = _first_seen(endpoint_id, report, report.endpoint) if report.endpoint else None
    if known is None:
        return None
    update: dict[str, object] = {
        "last_report_at": max(known.last_report_at, report.received_at),
        "alerts": _alerts(known.alerts, report),
    }
    if report.as_of >= known.as_of:
        update |= {"as_of": report.as_of, "skew_s": round(report.skew.total_seconds())}
        update |= _identity(report.endpoint)
    update |= _scans(known, report)
    return known.model_copy(update=update)


def _first_seen(endpoint_id: UUID, report: Report, endpoint: Endpoint) -> EndpointState:
    return EndpointState(
        endpoint_id=endpoint_id,
        name=endpoint.name,
        role=endpoint.role,
        os=endpoint.os,
        agent=endpoint.agent,
        as_of=report.as_of,
        first_seen_at=report.received_at,
        last_report_at=report.received_at,
    )


def _identity(endpoint: Endpoint | None) -> dict[str, object]:
    return endpoint.model_dump(exclude={"id"}) if endpoint else {}


def _scans(known: EndpointState, report: Report) -> dict[str, object]:
    """The newest patch and protection sections, each judged by its own age."""
    update: dict[str, object] = {}
    patches, protection = report.sections.patches, report.sections.protection
    if patches is not None and _newer(known.patches, report.as_of):
        update["patches"] = patch_state(known.patches, patches, report)
    if protection is not None and _newer(known.protection, report.as_of):
        update["protection"] = protection_state(known.protection, protection, report)
    return update


def _newer(known: PatchState | ProtectionState | AlertState | None, as_of: datetime) -> bool:
    return known is None or as_of >= known.as_of


def _alerts(known: Mapping[str, AlertState], report: Report) -> Mapping[str, AlertState]:
    if not report.sections.alerts:
        return known
    alerts = dict(known)
    for alert in report.sections.alerts:
        if _newer(alerts.get(alert.id), report.as_of):
            ours = alert.model_copy(update={"at": report.ours(alert.at)})
            alerts[alert.id] = AlertState(as_of=report.as_of, alert=ours)
    kept = [one for one in alerts.items() if _remembered(one[1].alert, one[1].as_of, report.as_of)]
    newest = sorted(kept, key=lambda one: (one[1].as_of, one[0]))[-MOST_ALERTS:]
    return dict(newest)


def _remembered(alert: Alert, as_of: datetime, now: datetime) -> bool:
    return alert.status is AlertStatus.OPEN or now - as_of <= ALERT_MEMORY


def _jobs(known: Mapping[Subject, JobState], report: Report) -> Mapping[Subject, JobState]:
    jobs = dict(known)
    for backup in in_order(report.sections.backups or (), report):
        subject = job_subject(report.endpoint_id, backup.job)
        jobs[subject] = _with_run(jobs.get(subject) or _first_heard(report, backup.job, backup.tool), report, backup)
    for test in report.sections.restore_tests or ():
        subject = job_subject(report.endpoint_id, test.job)
        jobs[subject] = _with_restore_test(jobs.get(subject) or _first_heard(report, test.job, None), report, test)
    return jobs


def _first_heard(report: Report, job: str, tool: str | None) -> JobState:
    """A job of which no run is known yet."""
    return JobState(
        endpoint_id=report.endpoint_id, job=job, tool=tool, as_of=EARLIEST, first_seen_at=report.received_at
    )


def _with_run(job: JobState, report: Report, backup: Backup) -> JobState:
    if backup.status is RunStatus.RUNNING:
        return with_start(job, report, backup)
    if report.as_of >= job.as_of:
        job = job.model_copy(update={"kept_copies": copies_after(job.kept_copies, report, backup)})
        job = job.with_backup(as_of=report.as_of, backup=backup, looked=report.source is Source.AGENT)
    return with_end(job, report, backup)


def _with_restore_test(job: JobState, report: Report, test: RestoreTest) -> JobState:
    ours = test.model_copy(update={"tested_at": report.ours(test.tested_at)})
    known = job.restore_tests.get(test.level)
    if known is not None and known.tested_at > ours.tested_at:
        return job
    return job.model_copy(update={"restore_tests": {**job.restore_tests, test.level: ours}})
