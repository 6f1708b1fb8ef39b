"""Nobody has proven lately that a backup can be read back, or the last attempt to do so failed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import RestoreLevel, RestoreStatus
from collector.model.policy import Policy
from collector.model.rule_settings import RestoreTest as Setting
from collector.model.snapshot import JobState, Snapshot
from collector.model.value import earliest
from collector.rules.jobs import endpoint_name, root_of, watched_jobs
from collector.rules.rule import Rule

NAME = "restore_test"


@dataclass(frozen=True)
class _Lack:
    """A level that failed, or that falls due at an instant: `never` says that it was not tested before."""

    level: RestoreLevel
    at: datetime
    failed: bool = False
    never: bool = False


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for job in watched_jobs(snapshot, policy):
        if job.state is None:
            continue  # nothing was ever received: backup_missed says so
        setting = policy.rules_of(job.subject).restore_test
        lacks = tuple(_lacks(job.state, setting))
        dues.extend(one.at for one in lacks if one.at > now)
        found = tuple(one for one in lacks if one.at <= now)
        if not found:
            continue
        root = root_of(job, snapshot, now)
        dues.append(root.next_due)
        severity, since = _worst(found, setting)
        findings.append(
            Finding(
                rule=NAME,
                subject=job.subject,
                root=root.subject,
                severity=severity,
                reason=_reason(found),
                since=since,
                facts=endpoint_name(job, snapshot) | {"job": job.job} | _facts(found, job.state),
            )
        )
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(job: JobState, setting: Setting) -> Iterator[_Lack]:
    """By level, in their order: what failed last, and what falls due some time after it was proven.

    A level that was never tested counts from when the job was first heard of.
    """
    for level in RestoreLevel:
        test, every = job.restore_tests.get(level), setting.every.get(level)
        if test is not None and test.status is RestoreStatus.FAILED:
            yield _Lack(level, test.tested_at, failed=True)
        elif test is not None:
            yield _Lack(level, test.tested_at + (every or setting.again))
        elif every is not None:
            yield _Lack(level, job.first_seen_at + every, never=True)


def _worst(found: tuple[_Lack, ...], setting: Setting) -> tuple[Severity, datetime]:
    """The severity of the worst level, and since when one is as bad as that."""
    graded = [(_severity(one, setting), one.at) for one in found]
    severity = min((grade for grade, _ in graded), key=lambda grade: grade.rank)
    return severity, min(at for grade, at in graded if grade is severity)


def _severity(lack: _Lack, setting: Setting) -> Severity:
    if lack.failed:
        return Severity.CRITICAL
    return setting.unproven if lack.never else Severity.WARNING


def _reason(found: tuple[_Lack, ...]) -> str:
    if any(one.failed for one in found):
        return "failed"
    return "never_tested" if all(one.never for one in found) else "overdue"


def _facts(found: tuple[_Lack, ...], job: JobState) -> dict[str, str]:
    """The levels that failed and those that are due, and when each was tested last."""
    failed = ", ".join(one.level.value for one in found if one.failed)
    due = ", ".join(one.level.value for one in found if not one.failed)
    tests = (job.restore_tests.get(one.level) for one in found)
    tested = {f"{test.level.value}_tested_at": test.tested_at.isoformat() for test in tests if test}
    return ({"failed": failed} if failed else {}) | ({"due": due} if due else {}) | tested


RESTORE_TEST = Rule(NAME, check)
