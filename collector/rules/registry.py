"""Which rules there are, and all of them run over one practice."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from collector.model.value import earliest
from collector.rules.agent_outdated import AGENT_OUTDATED
from collector.rules.backup_failed import BACKUP_FAILED
from collector.rules.backup_late import BACKUP_LATE
from collector.rules.backup_looks_wrong import BACKUP_LOOKS_WRONG
from collector.rules.backup_missed import BACKUP_MISSED
from collector.rules.backup_overrunning import BACKUP_OVERRUNNING
from collector.rules.backup_warning import BACKUP_WARNING
from collector.rules.clock_skew import CLOCK_SKEW
from collector.rules.endpoint_alert import ENDPOINT_ALERT
from collector.rules.endpoint_without_backup import ENDPOINT_WITHOUT_BACKUP
from collector.rules.heartbeat_missing import HEARTBEAT_MISSING, speaking
from collector.rules.heartbeats_lost import HEARTBEATS_LOST
from collector.rules.offline_copy import OFFLINE_COPY
from collector.rules.own_outage import greyed
from collector.rules.patches_overdue import PATCHES_OVERDUE
from collector.rules.practice_silent import PRACTICE_SILENT, inhibited
from collector.rules.protection_weak import PROTECTION_WEAK
from collector.rules.ransomware_signature import RANSOMWARE_SIGNATURE
from collector.rules.restore_test import RESTORE_TEST
from collector.rules.rpo_breached import RPO_BREACHED
from collector.rules.rule import Rule

RULES: tuple[Rule, ...] = (
    HEARTBEAT_MISSING,
    PRACTICE_SILENT,
    BACKUP_MISSED,
    BACKUP_LATE,
    BACKUP_OVERRUNNING,
    BACKUP_FAILED,
    BACKUP_WARNING,
    RPO_BREACHED,
    BACKUP_LOOKS_WRONG,
    RANSOMWARE_SIGNATURE,
    RESTORE_TEST,
    OFFLINE_COPY,
    ENDPOINT_WITHOUT_BACKUP,
    PATCHES_OVERDUE,
    PROTECTION_WEAK,
    CLOCK_SKEW,
    HEARTBEATS_LOST,
    AGENT_OUTDATED,
    ENDPOINT_ALERT,
)


def evaluate(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """Every rule's findings about what is still watched, worst first, and when the next could change.

    What may be our own doing is grey, and what another finding speaks for is inhibited.
    """
    results = [rule.check(snapshot, policy, now) for rule in RULES]
    findings = [as_set for result in results for found in result.findings if (as_set := _as_set(found, policy))]
    findings.sort(key=lambda found: (found.severity.rank, found.since, found.rule, found.subject))
    judged = Evaluation(findings=tuple(findings), next_due=earliest(result.next_due for result in results))
    return speaking(inhibited(greyed(judged, snapshot, policy, now), snapshot, policy, now))


def _as_set(found: Finding, policy: Policy) -> Finding | None:
    """A finding as its practice wants it; none about what is retired, or by a rule that is off."""
    setting = policy.rules_of(found.subject).setting(found.rule)
    if not setting.enabled or policy.retirement(found.subject) is not None:
        return None
    return found.model_copy(update={"severity": setting.severity}) if setting.severity else found
