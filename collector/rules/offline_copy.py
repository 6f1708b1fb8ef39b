"""A job's copies are within the attacker's reach, or soon will be: nobody changes the medium, or a lock gives way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.media import KeptCopy
from collector.model.policy import Policy
from collector.model.rule_settings import OfflineCopy as Setting
from collector.model.snapshot import JobState, Snapshot
from collector.model.value import LATEST, earliest
from collector.rules.jobs import endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "offline_copy"


@dataclass(frozen=True)
class _Lack:
    """Something wrong from an instant until another one, or for good."""

    reason: str
    since: datetime
    facts: dict[str, str]
    severity: Severity = Severity.WARNING
    until: datetime = LATEST
    signature: str | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.state is None:
            continue  # nothing was ever received: backup_missed says so
        lacks = tuple(_lacks(job.state, policy.rules_of(job.subject).offline_copy))
        dues.extend(at for one in lacks for at in (one.since, one.until) if now < at < LATEST)
        worst = next((one for one in lacks if one.holds(now)), None)
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
                facts=endpoint_name(job, snapshot) | {"job": job.job} | worst.facts,
                signature=worst.signature,
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(job: JobState, setting: Setting) -> Iterator[_Lack]:
    """The worst first; of each kind the one that began last, since that is news."""
    copies = sorted(job.kept_copies.values(), key=lambda one: (one.location, one.name))
    yield from sorted(_deleted(copies, setting), key=lambda one: one.since, reverse=True)
    yield from sorted(_shortened(copies, setting), key=lambda one: one.since, reverse=True)
    live = [one for one in copies if one.deleted_at is None]
    yield from _rotation_overdue(live, setting)
    yield from _same_medium(live, setting)
    yield from _immutability_ending(live, setting)
    if setting.required:
        yield from _no_offline_copy(live, job)


def _deleted(copies: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    for copy in copies:
        if copy.deleted_at is not None:
            yield _Lack(
                reason="copy_deleted",
                since=copy.deleted_at,
                until=copy.deleted_at + setting.kept,
                severity=Severity.CRITICAL,
                facts={"location": copy.location, "medium": copy.name, "deleted_at": copy.deleted_at.isoformat()},
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
                facts={
                    "location": copy.location,
                    "immutable_until": copy.shortened.after.isoformat(),
                    "was_immutable_until": copy.shortened.before.isoformat(),
                },
                signature="immutability_shortened",
            )


def _rotation_overdue(live: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    rotated = [(one.rotated_at, one.name) for one in live if one.rotated_at is not None]
    if rotated:
        last, medium = max(rotated)
        facts = {"medium": medium, "rotated_at": last.isoformat()}
        yield _Lack(reason="rotation_overdue", since=last + setting.rotation, facts=facts)


def _same_medium(live: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    """Counted from when another one was last renewed; that there was never more than one is only told."""
    media = sorted((one for one in live if one.rotated_at and one.media_id), key=lambda one: (one.renewed_at, one.name))
    if media:
        *others, newest = media
        alone_since = others[-1].renewed_at if others else newest.first_at
        facts = {"medium": newest.name, "alone_since": alone_since.isoformat()}
        severity = Severity.WARNING if others else Severity.NOTICE
        yield _Lack(reason="same_medium", since=alone_since + setting.same_medium, facts=facts, severity=severity)


def _immutability_ending(live: list[KeptCopy], setting: Setting) -> Iterator[_Lack]:
    """Only the copy that is locked longest counts."""
    locked = [(one.immutable_until, one.location) for one in live if one.immutable_until is not None]
    if locked:
        ends, location = max(locked)
        facts = {"location": location, "immutable_until": ends.isoformat()}
        yield _Lack(reason="immutability_ending", since=ends - setting.immutable_for, facts=facts)


def _no_offline_copy(live: list[KeptCopy], job: JobState) -> Iterator[_Lack]:
    if not any(one.rotated_at for one in live):
        locks = (one.immutable_until for one in live if one.immutable_until)
        yield _Lack(reason="no_offline_copy", since=max(locks, default=job.first_seen_at), facts={})


OFFLINE_COPY = Rule(NAME, check)
