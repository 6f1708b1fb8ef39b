"""Which rules there are, and all of them run over one practice."""

from datetime import datetime

from collector.model.finding import Evaluation
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from collector.model.value import earliest
from collector.rules.backup_failed import BACKUP_FAILED
from collector.rules.backup_missed import BACKUP_MISSED
from collector.rules.heartbeat_missing import HEARTBEAT_MISSING
from collector.rules.rule import Rule

RULES: tuple[Rule, ...] = (HEARTBEAT_MISSING, BACKUP_MISSED, BACKUP_FAILED)


def evaluate(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """Every rule's findings about what is still watched, worst first, and when the next could change."""
    results = [rule.check(snapshot, policy, now) for rule in RULES]
    findings = [found for result in results for found in result.findings if policy.retirement(found.subject) is None]
    findings.sort(key=lambda found: (found.severity.rank, found.since, found.rule, found.subject))
    return Evaluation(findings=tuple(findings), next_due=earliest(result.next_due for result in results))
