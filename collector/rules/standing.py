"""How everything stands, findings and their absence alike: unknown is never green."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from collector.model.finding import Finding, State
from collector.model.heartbeat import Protection, ProtectionMode, Role
from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, PatchState, ProtectionState, Snapshot
from collector.model.standing import EndpointStanding, JobStanding, Standing
from collector.model.subject import Subject, endpoint_subject
from collector.model.value import earliest
from collector.rules.deadline import deadline
from collector.rules.jobs import WatchedJob, watched_jobs
from collector.rules.liveness import last_seen, missing_at

# A list of missing patches older than this says nothing about today.
# Source: NIST SP 800-40r4 asks for continuous discovery; a week lets a machine be off over holidays.
SCAN_STALE = timedelta(days=7)

# Machines whose patches are somebody's to install; a NAS or an imaging station has its maker's.
SCANNED = (Role.SERVER, Role.WORKSTATION)

_INSTANT = timedelta(microseconds=1)
_Worst = Mapping[Subject, Finding]


def standing(snapshot: Snapshot, policy: Policy, findings: Sequence[Finding], now: datetime) -> Standing:
    worst = {finding.subject: finding for finding in reversed(findings)}  # findings come worst first
    jobs = tuple(_job(job, snapshot, worst, now) for job in watched_jobs(snapshot, policy))
    backed_up = {job.endpoint_id for job in jobs}
    endpoints = tuple(
        _endpoint(state, policy, worst, backed_up=bool(backed_up & {state.endpoint_id, None}), now=now)
        for state in snapshot.endpoints.values()
    )
    state, reason = _practice(policy, endpoints, jobs, snapshot)
    good = [job.last_good_at for job in jobs if job.state is not State.RETIRED]
    return Standing(
        state=state,
        reason=reason,
        oldest_good_at=min((at for at in good if at is not None), default=None) if None not in good else None,
        endpoints=endpoints,
        jobs=jobs,
    )


def _practice(
    policy: Policy, endpoints: Sequence[EndpointStanding], jobs: Sequence[JobStanding], snapshot: Snapshot
) -> tuple[State, str | None]:
    """The worst of what is watched; a practice that sends nothing, only pings, or backs up nothing, is unknown."""
    if policy.retired_because is not None:
        return State.RETIRED, policy.retired_because
    watched: list[tuple[State, str | None]] = [(one.state, one.reason) for one in endpoints]
    watched += [(one.state, one.reason) for one in jobs]
    if not endpoints:
        watched.append((State.UNKNOWN, "machines_unknown" if snapshot.jobs else "never_reported"))
    elif not jobs:
        watched.append((State.UNKNOWN, "no_backup_job"))
    if snapshot.crowded:
        watched.append((State.UNKNOWN, "too_much_reported"))
    return min((one for one in watched if one[0] is not State.RETIRED), key=lambda one: one[0].rank)


def _endpoint(
    endpoint: EndpointState, policy: Policy, worst: _Worst, *, backed_up: bool, now: datetime
) -> EndpointStanding:
    subject = endpoint_subject(endpoint.endpoint_id)
    state, reason = State.OK, _unknown(endpoint, backed_up, now)
    if reason:
        state = State.UNKNOWN
    if finding := worst.get(subject):
        state, reason = State.of(finding), f"{finding.rule}.{finding.reason}"
    if (because := policy.retirement(subject)) is not None:
        state, reason = State.RETIRED, because
    return EndpointStanding(
        endpoint_id=endpoint.endpoint_id,
        name=endpoint.name,
        role=endpoint.role,
        os=endpoint.os,
        agent=endpoint.agent,
        state=state,
        reason=reason,
        first_seen_at=endpoint.first_seen_at,
        last_seen_at=last_seen(endpoint),
        skew_s=_skew_s(endpoint),
        missing_patches=endpoint.patches.count if endpoint.patches else None,
        patches_scanned_at=endpoint.patches.scanned_at if endpoint.patches else None,
        protection=_protection(endpoint.protection),
        lost_heartbeats=endpoint.sighting.lost_heartbeats if endpoint.sighting else 0,
    )


def _skew_s(endpoint: EndpointState) -> int:
    """By the last heartbeat, where it still stands: a clock is set right between two reports."""
    told = endpoint.sighting.skew_s if endpoint.sighting else None
    return endpoint.skew_s if told is None else told


def _unknown(endpoint: EndpointState, backed_up: bool, now: datetime) -> str | None:
    """What is not known of an endpoint that reports; the first that holds."""
    if not backed_up:
        return "no_backup_job"
    if endpoint.patches is None:
        return "patches_never_reported" if endpoint.role in SCANNED else None
    if now - _looked_at(endpoint.patches) > SCAN_STALE:
        return "patches_stale"
    return _unprotected(endpoint.protection, now)


def _unprotected(state: ProtectionState | None, now: datetime) -> str | None:
    if state is None:
        return None  # its column says so; most servers of a practice run none
    if now - state.as_of > SCAN_STALE:
        return "protection_stale"
    return None if _protection(state) == ProtectionMode.ACTIVE else "protection_not_active"


def next_change(snapshot: Snapshot, policy: Policy, now: datetime) -> datetime | None:
    """When a standing next changes by the clock alone, findings apart."""
    turns = [
        *_silent_turns(snapshot),
        *_lost_turns(snapshot),
        *_stale_turns(snapshot),
        *_rpo_turns(snapshot, policy),
    ]
    return earliest(at + _INSTANT for at in turns if at + _INSTANT > now)


def _silent_turns(snapshot: Snapshot) -> Iterator[datetime]:
    """Retired endpoints too: they owe heartbeats (collector/rules/shortfall.py) until they are found silent."""
    return (missing_at(endpoint, snapshot.gaps) - _INSTANT for endpoint in snapshot.endpoints.values())


def _lost_turns(snapshot: Snapshot) -> Iterator[datetime]:
    """A machine that is silent for good lost none in its last day."""
    sightings = (endpoint.sighting for endpoint in snapshot.endpoints.values())
    return (one.lost_until for one in sightings if one and one.lost_until)


def _stale_turns(snapshot: Snapshot) -> Iterator[datetime]:
    for endpoint in snapshot.endpoints.values():
        if endpoint.patches is not None:
            yield _looked_at(endpoint.patches) + SCAN_STALE
        if endpoint.protection is not None:
            yield endpoint.protection.as_of + SCAN_STALE


def _rpo_turns(snapshot: Snapshot, policy: Policy) -> Iterator[datetime]:
    for job in watched_jobs(snapshot, policy):
        if job.policy and job.policy.rpo and job.state and job.state.last_good:
            yield job.state.last_good.finished_at + job.policy.rpo


def _looked_at(scan: PatchState) -> datetime:
    """A scan is as old as itself, or as the last report that repeated it."""
    return min(scan.scanned_at, scan.as_of)


def _protection(state: ProtectionState | None) -> ProtectionMode | None:
    """The best mode among the products; passive beside an active one is no lack."""
    if state is None:
        return None
    return min(map(_protects, state.products), key=list(ProtectionMode).index, default=ProtectionMode.OFF)


def _protects(product: Protection) -> ProtectionMode:
    """A product that is active and does not look in real time protects nothing."""
    idle = product.mode is ProtectionMode.ACTIVE and not product.real_time
    return ProtectionMode.OFF if idle else product.mode


def _job(job: WatchedJob, snapshot: Snapshot, worst: _Worst, now: datetime) -> JobStanding:
    due = deadline(job.policy, job.state, snapshot.gaps) if job.policy else None
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    last_run = job.state.last_run if job.state else None
    last_good = job.state.last_good if job.state else None
    state, reason = _job_state(job, endpoint, snapshot, worst, now)
    return JobStanding(
        subject=job.subject,
        endpoint_id=job.endpoint_id,
        endpoint=endpoint.name if endpoint else None,
        job=job.job,
        tool=job.state.tool if job.state else None,
        state=state,
        reason=reason,
        last_run_at=last_run.finished_at if last_run else None,
        last_status=last_run.status if last_run else None,
        last_good_at=last_good.finished_at if last_good else None,
        bytes_total=last_good.bytes_total if last_good else None,
        due_at=due.due_at if due else None,
        missed_at=due.missed_at if due else None,
        rpo_s=_seconds(job.policy.rpo) if job.policy else None,
    )


def _seconds(rpo: timedelta | None) -> int | None:
    return int(rpo.total_seconds()) if rpo else None


def _job_state(
    job: WatchedJob, endpoint: EndpointState | None, snapshot: Snapshot, worst: _Worst, now: datetime
) -> tuple[State, str | None]:
    good = job.state.last_good if job.state else None
    if finding := worst.get(job.subject):
        return State.of(finding), f"{finding.rule}.{finding.reason}"
    if job.policy is None:
        return State.UNKNOWN, "never_scheduled"
    if job.state is None or job.state.last_run is None:
        return State.UNKNOWN, "never_reported"
    if endpoint is not None and missing_at(endpoint, snapshot.gaps) <= now:
        return State.UNKNOWN, "endpoint_silent"
    if job.policy.rpo and (good is None or now - good.finished_at > job.policy.rpo):
        return State.WARNING, "rpo_exceeded"
    return State.OK, None
