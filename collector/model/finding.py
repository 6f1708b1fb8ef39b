"""What a rule says is wrong now, and what the rules together make of a snapshot."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from collector.model.subject import Subject
from collector.model.value import Value


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Severity).index(self)


class Finding(Value):
    """One thing wrong about one subject. `root` is what a ticket about it is keyed by."""

    rule: str
    subject: Subject
    root: Subject
    severity: Severity
    reason: str
    since: datetime
    facts: Mapping[str, str] = {}


class Evaluation(Value):
    """Findings are constant from the instant of evaluation to `next_due`."""

    findings: tuple[Finding, ...] = ()
    next_due: datetime | None = None


class State(StrEnum):
    """How a practice, an endpoint or a job stands; unknown is never green."""

    CRITICAL = "critical"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"
    RETIRED = "retired"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(State).index(self)
