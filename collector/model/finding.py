"""What a rule says is wrong now, and what the rules together make of a snapshot."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from collector.model.subject import Subject
from collector.model.value import Value


class Severity(StrEnum):
    """A notice is shown and disturbs nobody."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Finding(Value):
    """One thing wrong about one subject. `root` is what a ticket about it is keyed by.

    `grey` names why it may be our own doing: it is shown as unknown, opens nothing, and closes nothing.
    `inhibited_by` names the rule whose finding speaks for it: it is kept, and notifies nobody meanwhile.
    `signature` is what it has in common with the same trouble elsewhere (`correlate`).
    """

    rule: str
    subject: Subject
    root: Subject
    severity: Severity
    reason: str
    since: datetime
    facts: Mapping[str, str] = {}
    grey: str | None = None
    inhibited_by: str | None = None
    signature: str | None = None


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

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """What a finding that is more than a notice makes of its subject."""
        if finding.grey:
            return cls.UNKNOWN
        return cls.CRITICAL if finding.severity is Severity.CRITICAL else cls.WARNING
