"""Which rules there are, and all of them run over one practice."""

from datetime import datetime

from collector.model.finding import Evaluation, Finding
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
    findings = [as_set for result in results for found in result.findings if (as_set := _as_set(found, policy))]
    findings.sort(key=lambda found: (found.severity.rank, found.since, found.rule, found.subject))
    return Evaluation(findings=tuple(findings), next_due=earliest(result.next_due for result in results))


def _as_set(found: Finding, policy: Policy) -> Finding | None:
    """A finding as its practice wants it; none about what is retired, or by a rule that is off."""
    setting = policy.rules_of(found.subject).setting(found.rule)
    if not setting.enabled or policy.retirement(found.subject) is not None:
        return None
    return found.model_copy(update={"severity": setting.severity}) if setting.severity else found
