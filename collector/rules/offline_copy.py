"""A job's copies are within the attacker's reach, or soon will be: nobody changes the medium, or a lock gives way."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.media import KeptCopy
from collector.model.policy import Policy
from collector.model.rule_settings import OfflineCopy as Setting
from collector.model.snapshot import JobState, Snapshot
from collector.model.value import LATEST, earliest
from collector.rules.jobs import endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "offline_copy"


class _Lack(NamedTuple):
    """Something wrong from an instant until another one, or for good; a tuple, since a job has several each time."""

    reason: str
    since: datetime
    facts: tuple[tuple[str, str | datetime], ...]
    severity: Severity = Severity.WARNING
    until: datetime = LATEST
    signature: str | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        setting = policy.rules_of(job.subject).offline_copy
        if job.state is None or not (job.state.kept_copies or setting.required):
            continue  # where nothing was ever received, backup_missed says so
        lacks = tuple(_lacks(job.state, setting))
        dues.extend(at for one in lacks for at in (one.since, one.until) if now < at < LATEST)
        worst = min((one for one in lacks if one.holds(now)), key=lambda one: one.severity.rank, default=None)
        if worst is None:
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=worst.severity,
                reason=worst.reason,
                since=worst.since,
                facts=endpoint_name(job, snapshot) | {"job": job.job} | _written(worst),
                signature=worst.signature,
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(job: JobState, setting: Setting) -> Iterator[_Lack]:
    """The worst first; of each kind the one that began last, since that is news."""
    copies = [job.kept_copies[key] for key in sorted(job.kept_copies)]
    live = [one for one in copies if one.deleted_at is None]
    if len(live) < len(copies):
        yield from sorted(_deleted(copies, setting), key=_since, reverse=True)
    yield from sorted(_shortened(copies, setting), key=_since, reverse=True)
    away = [(at, one) for one in live if (at := one.rotated_at)]
    if away:
        yield _rotation_overdue(away, setting)
        yield from _same_medium([one for _, one in away if one.media_id], setting)
    locked = [(one.immutable_until, one.location) for one in live if one.immutable_until]
    if locked:
        yield _immutability_ending(locked, setting)
    if setting.required and not away:
        yield _Lack(reason="no_offline_copy", since=max(locked)[0] if locked else job.first_seen_at, facts=())


def _since(lack: _Lack) -> datetime:
    return lack.since


def _written(lack: _Lack) -> dict[str, str]:
    return {name: fact if isinstance(fact, str) else fact.isoformat() for name, fact in lack.facts}


def _deleted(copies: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    for copy in copies:
        if copy.deleted_at is not None:
            yield _Lack(
                reason="copy_deleted",
                since=copy.deleted_at,
                until=copy.deleted_at + setting.kept,
                severity=Severity.CRITICAL,
                facts=(("location", copy.location), ("medium", copy.name), ("deleted_at", copy.deleted_at)),
                signature="copy_deleted",
            )


def _shortened(copies: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    for copy in copies:
        if copy.shortened is not None:
            yield _Lack(
                reason="immutability_shortened",
                since=copy.shortened.at,
                until=copy.shortened.at + setting.kept,
                severity=Severity.CRITICAL,
                facts=(
                    ("location", copy.location),
                    ("immutable_until", copy.shortened.after),
                    ("was_immutable_until", copy.shortened.before),
                ),
                signature="immutability_shortened",
            )


def _rotation_overdue(away: list[tuple[datetime, KeptCopy]], setting: Setting) -> _Lack:
    last, medium = max((at, one.name) for at, one in away)
    facts = (("medium", medium), ("rotated_at", last))
    return _Lack(reason="rotation_overdue", since=last + setting.rotation, facts=facts)


def _same_medium(named: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    """Counted from when another one was last renewed; that there was never more than one is only told."""
    if named:
        *others, newest = sorted(named, key=lambda one: (one.renewed_at, one.name))
        alone_since = others[-1].renewed_at if others else newest.first_at
        facts = (("medium", newest.name), ("alone_since", alone_since))
        severity = Severity.WARNING if others else Severity.NOTICE
        yield _Lack(reason="same_medium", since=alone_since + setting.same_medium, facts=facts, severity=severity)


def _immutability_ending(locked: list[tuple[datetime, str]], setting: Setting) -> _Lack:
    """Only the copy that is locked longest counts."""
    ends, location = max(locked)
    facts = (("location", location), ("immutable_until", ends))
    return _Lack(reason="immutability_ending", since=ends - setting.immutable_for, facts=facts)


OFFLINE_COPY = Rule(NAME, check)
