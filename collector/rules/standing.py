"""How everything stands, findings and their absence alike: unknown is never green."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from collector.model.finding import Finding, Severity, State
from collector.model.heartbeat import ProtectionMode
from collector.model.policy import Policy
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import EndpointState, Gap, ProtectionState, Snapshot
from collector.model.standing import EndpointStanding, JobStanding, Standing
from collector.model.subject import PRACTICE, Subject, endpoint_subject, scopes
from collector.model.value import earliest
from collector.rules.copies import score, score_turns
from collector.rules.deadline import deadline
from collector.rules.endpoint_without_backup import SCANNED
from collector.rules.jobs import WatchedJob, watched_jobs
from collector.rules.liveness import last_seen, silent_at
from collector.rules.own_outage import Grey
from collector.rules.rpo_breached import rpo_of

_INSTANT = timedelta(microseconds=1)
_Worst = Mapping[Subject, Finding]


def standing(snapshot: Snapshot, policy: Policy, findings: Sequence[Finding], now: datetime) -> Standing:
    worst = _worst(findings)
    jobs = tuple(_job(job, snapshot, policy, worst, now) for job in watched_jobs(snapshot, policy))
    backed_up = {job.endpoint_id for job in jobs}
    endpoints = tuple(
        _endpoint(state, policy, worst, snapshot.gaps, backed_up=bool(backed_up & {state.endpoint_id, None}), now=now)
        for state in snapshot.endpoints.values()
    )
    state, reason = _practice(policy, worst, endpoints, jobs, snapshot)
    good = [job.last_good_at for job in jobs if job.state is not State.RETIRED]
    return Standing(
        state=state,
        reason=reason,
        oldest_good_at=min((at for at in good if at is not None), default=None) if None not in good else None,
        endpoints=endpoints,
        jobs=jobs,
    )


def _worst(findings: Sequence[Finding]) -> _Worst:
    """Of each subject the first, since findings come worst first; what is grey yields to what is not.

    A notice disturbs nobody: it stands among the incidents, and what it is about stands as it does without it.
    """
    weighty = (one for one in findings if one.severity is not Severity.NOTICE)
    by_weight = sorted(weighty, key=lambda one: one.grey is not None)
    return {_shown_on(finding.subject): finding for finding in reversed(by_weight)}


def _shown_on(subject: Subject) -> Subject:
    """An alert shows on its machine."""
    return scopes(subject)[-1] if subject.startswith("alert:") else subject


def _shown(finding: Finding) -> tuple[State, str]:
    """What is grey is unknown, and says why it is."""
    return State.of(finding), finding.grey or f"{finding.rule}.{finding.reason}"


def _practice(
    policy: Policy,
    worst: _Worst,
    endpoints: Sequence[EndpointStanding],
    jobs: Sequence[JobStanding],
    snapshot: Snapshot,
) -> tuple[State, str | None]:
    """The worst of what is watched; a practice that sends nothing, only pings, or backs up nothing, is unknown."""
    if policy.retired_because is not None:
        return State.RETIRED, policy.retired_because
    watched: list[tuple[State, str | None]] = [_shown(worst[PRACTICE])] if PRACTICE in worst else []
    watched += [(one.state, one.reason) for one in endpoints]
    watched += [(one.state, one.reason) for one in jobs]
    if not endpoints:
        watched.append((State.UNKNOWN, "machines_unknown" if snapshot.jobs else "never_reported"))
    elif not jobs:
        watched.append((State.UNKNOWN, "no_backup_job"))
    if snapshot.crowded:
        watched.append((State.UNKNOWN, "too_much_reported"))
    return min((one for one in watched if one[0] is not State.RETIRED), key=lambda one: one[0].rank)


def _endpoint(
    endpoint: EndpointState,
    policy: Policy,
    worst: _Worst,
    gaps: tuple[Gap, ...],
    *,
    backed_up: bool,
    now: datetime,
) -> EndpointStanding:
    subject = endpoint_subject(endpoint.endpoint_id)
    unknown = _unknown(endpoint, policy.rules_of(subject), gaps, backed_up, now)
    state, reason = _endpoint_state(worst.get(subject), unknown, policy.retirement(subject))
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
        skew_s=round(endpoint.lag.total_seconds()),
        missing_patches=endpoint.patches.count if endpoint.patches else None,
        patches_scanned_at=endpoint.patches.scanned_at if endpoint.patches else None,
        protection=endpoint.protection.mode if endpoint.protection else None,
        lost_heartbeats=endpoint.sighting.lost_heartbeats if endpoint.sighting else 0,
    )


def _endpoint_state(
    finding: Finding | None, unknown: str | None, retired_because: str | None
) -> tuple[State, str | None]:
    """What is found goes before what is not known; what is grey only where our own outage makes it so."""
    if retired_because is not None:
        return State.RETIRED, retired_because
    if finding and (finding.grey is None or unknown is None or finding.grey in {*Grey}):
        return _shown(finding)
    return (State.UNKNOWN, unknown) if unknown else (State.OK, None)


def _unknown(
    endpoint: EndpointState, rules: RuleSettings, gaps: tuple[Gap, ...], backed_up: bool, now: datetime
) -> str | None:
    """What is not known of an endpoint; the first that holds. One that is silent may be off, and no finding."""
    if silent_at(endpoint, gaps) <= now:
        return "switched_off"
    if not backed_up:
        return "no_backup_job"
    if endpoint.patches is None:
        return "patches_never_reported" if endpoint.role in SCANNED else None
    if endpoint.patches.looked_at + rules.patches_overdue.stale <= now:
        return "patches_stale"
    return _unprotected(endpoint.protection, rules, now)


def _unprotected(state: ProtectionState | None, rules: RuleSettings, now: datetime) -> str | None:
    """What is said where `protection_weak` is off, too."""
    if state is None:
        return None  # its column says so; most servers of a practice run none
    if state.as_of + rules.protection_weak.stale <= now:
        return "protection_stale"
    return None if state.mode is ProtectionMode.ACTIVE else "protection_not_active"


def next_change(snapshot: Snapshot, policy: Policy, now: datetime) -> datetime | None:
    """When a standing next changes by the clock alone, findings apart."""
    turns = [
        *_silent_turns(snapshot),
        *_lost_turns(snapshot),
        *_stale_turns(snapshot, policy),
        *_score_turns(snapshot, policy, now),
    ]
    return earliest(at + _INSTANT for at in turns if at + _INSTANT > now)


def _silent_turns(snapshot: Snapshot) -> Iterator[datetime]:
    """Retired endpoints too: they owe heartbeats (collector/rules/shortfall.py) until they are found silent."""
    return (silent_at(endpoint, snapshot.gaps) - _INSTANT for endpoint in snapshot.endpoints.values())


def _lost_turns(snapshot: Snapshot) -> Iterator[datetime]:
    """A machine that is silent for good lost none in its last day."""
    sightings = (endpoint.sighting for endpoint in snapshot.endpoints.values())
    return (one.lost_until for one in sightings if one and one.lost_until)


def _stale_turns(snapshot: Snapshot, policy: Policy) -> Iterator[datetime]:
    for endpoint in snapshot.endpoints.values():
        rules = policy.rules_of(endpoint_subject(endpoint.endpoint_id))
        if endpoint.patches is not None:
            yield endpoint.patches.looked_at + rules.patches_overdue.stale - _INSTANT
        if endpoint.protection is not None:
            yield endpoint.protection.as_of + rules.protection_weak.stale - _INSTANT


def _score_turns(snapshot: Snapshot, policy: Policy, now: datetime) -> Iterator[datetime]:
    for subject, job in snapshot.jobs.items():
        yield from (at - _INSTANT for at in score_turns(job, policy.rules_of(subject)) if at > now)


def _job(job: WatchedJob, snapshot: Snapshot, policy: Policy, worst: _Worst, now: datetime) -> JobStanding:
    due = deadline(job.policy, job.state, snapshot.gaps) if job.policy else None
    endpoint = snapshot.endpoints.get(job.endpoint_id) if job.endpoint_id else None
    last_run = job.state.last_run if job.state else None
    last_good = job.state.last_good if job.state else None
    state, reason = _job_state(job, endpoint, snapshot, worst, now)
    copies = score(job.state, policy.rules_of(job.subject), now) if job.state else None
    return JobStanding(
        subject=job.subject,
        endpoint_id=job.endpoint_id,
        endpoint=endpoint.name if endpoint else job.machine,
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
        rpo_s=_seconds(rpo_of(job, policy)),
        copies_score=copies.text if copies else None,
        copies_missing=copies.missing if copies else (),
    )


def _seconds(rpo: timedelta | None) -> int | None:
    return int(rpo.total_seconds()) if rpo else None


def _job_state(
    job: WatchedJob, endpoint: EndpointState | None, snapshot: Snapshot, worst: _Worst, now: datetime
) -> tuple[State, str | None]:
    if finding := worst.get(job.subject):
        return _shown(finding)
    if job.policy is None:
        return State.UNKNOWN, "never_scheduled"
    if job.state is None or job.state.last_run is None:
        return State.UNKNOWN, "never_reported"
    if endpoint is not None and silent_at(endpoint, snapshot.gaps) <= now:
        return State.UNKNOWN, "endpoint_silent"
    return State.OK, None
