"""Values that tests make: each function gives a valid one, and takes what the test is about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from collector.escalation.incidents import reconcile
from collector.model.book import Book
from collector.model.clock import clock_skew
from collector.model.finding import Finding
from collector.model.heartbeat import Backup, Endpoint, Heartbeat, Role, RunStatus, Sections
from collector.model.identity import uuid7
from collector.model.incident import Incident
from collector.model.policy import Every, JobPolicy, Policy, Schedule
from collector.model.report import Report
from collector.model.silence import Silence
from collector.model.snapshot import EndpointState, JobState, PastRun, Run, Sighting, Snapshot
from collector.model.subject import job_subject

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
PRACTICE = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001")
ENDPOINT = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c002")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_random = Random(7)  # noqa: S311 - tests repeat


def new_id(at: datetime = NOW) -> UUID:
    return uuid7(at, _random)


def endpoint(endpoint_id: UUID = ENDPOINT, name: str = "SRV-01", role: Role = Role.SERVER) -> Endpoint:
    return Endpoint(id=endpoint_id, name=name, role=role, os="Debian 12", agent="test/1")


def backup(
    job: str = "daily", status: RunStatus = RunStatus.SUCCESS, finished_at: datetime | None = NOW, **more: object
) -> Backup:
    return Backup.model_validate(
        {"job": job, "tool": "restic 0.16.4", "status": status, "finished_at": finished_at, **more}
    )


def heartbeat(at: datetime = NOW, seq: int = 0, **more: object) -> Heartbeat:
    return Heartbeat.model_validate(
        {"id": new_id(at), "seq": seq, "sent_at": at, "interval_s": 60, "endpoint": endpoint(), **more}
    )


def report(
    at: datetime = NOW,
    *,
    sections: Sections | None = None,
    received_at: datetime | None = None,
    identity: Endpoint | None = None,
    endpoint_id: UUID = ENDPOINT,
    queued: int = 0,
    clock_at: datetime | None = None,
) -> Report:
    """A report sent `at`; it arrives at once and names its endpoint unless told otherwise."""
    return Report(
        heartbeat_id=new_id(received_at or at),
        endpoint_id=endpoint_id,
        received_at=received_at or at,
        sent_at=at,
        skew=clock_skew(received_at or at, sent_at=at, queued=queued, clock_at=clock_at),
        endpoint=identity or endpoint(endpoint_id),
        sections=sections or Sections(),
    )


def run(finished_at: datetime = NOW, status: RunStatus = RunStatus.SUCCESS) -> Run:
    return Run(run_id=None, status=status, started_at=None, finished_at=finished_at)


def job_state(job: str = "daily", *, last_run: Run | None = None, **more: object) -> JobState:
    good = last_run if last_run and last_run.good else None
    fields = {"endpoint_id": ENDPOINT, "job": job, "tool": "restic", "as_of": NOW, "first_seen_at": NOW - DAY}
    history = (PastRun(last_run.finished_at, last_run.status),) if last_run else ()
    return JobState.model_validate({**fields, "last_run": last_run, "last_good": good, "history": history, **more})


def endpoint_state(seen_at: datetime = NOW, *, interval_s: int = 60, **more: object) -> EndpointState:
    sighting = Sighting(received_at=seen_at, interval_s=interval_s, queued=0)
    fields = {
        "endpoint_id": ENDPOINT, "name": "SRV-01", "role": Role.SERVER, "os": None, "agent": None,
        "as_of": seen_at, "first_seen_at": seen_at, "last_report_at": seen_at, "sighting": sighting,
        "patches": {"as_of": seen_at, "scanned_at": seen_at},
    }  # fmt: skip
    return EndpointState.model_validate({**fields, **more})


def snapshot(endpoints: Iterable[EndpointState] = (), jobs: Iterable[JobState] = (), **more: object) -> Snapshot:
    return Snapshot.model_validate(
        {
            "practice_id": PRACTICE,
            "endpoints": {one.endpoint_id: one for one in endpoints},
            "jobs": {one.subject: one for one in jobs},
            **more,
        }
    )


def job_policy(
    job: str = "daily",
    schedule: Schedule | None = None,
    *,
    grace: timedelta = HOUR,
    since: datetime = NOW - DAY,
    endpoint_id: UUID | None = ENDPOINT,
) -> JobPolicy:
    return JobPolicy(endpoint_id=endpoint_id, job=job, schedule=schedule or Every(period=DAY), grace=grace, since=since)


def policy(jobs: Iterable[JobPolicy] = (), **more: object) -> Policy:
    return Policy.model_validate(
        {"practice_id": PRACTICE, "practice": "Cabinet Test", "jobs": {one.subject: one for one in jobs}, **more}
    )


def finding(rule: str = "backup_missed", job: str = "daily", **more: object) -> Finding:
    subject = job_subject(ENDPOINT, job)
    fields = {"subject": subject, "root": subject, "severity": "critical", "reason": "not_run", "since": NOW}
    return Finding.model_validate({"rule": rule, **fields, **more})


def incident(found: Finding | None = None, *, at: datetime = NOW, book: Book | None = None, **more: object) -> Incident:
    """As a finding opens it."""
    (opened,) = reconcile((), (found or finding(),), policy(), book or Book(), at).incidents
    return opened.model_copy(update=more)


def silence(**more: object) -> Silence:
    """Of the whole practice, for an hour, by one person."""
    scope = {"practice_id": more.pop("practice_id", PRACTICE)}
    fields = {"silence_id": UUID(int=4), "scope": scope, "since": NOW, "until": NOW + HOUR, "reason": "new server"}
    return Silence.model_validate({**fields, "by": "ada", **more})
