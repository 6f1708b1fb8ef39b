"""The escalation policies that a provider starts with."""

from datetime import timedelta

from collector.model.finding import Severity
from collector.model.incident import EscalationPolicy, Step

DEFAULT = EscalationPolicy(name="default", steps=(Step(after=timedelta(0), action="ticket"),))
WATCH = EscalationPolicy(name="watch", steps=())


def for_severity(severity: Severity) -> EscalationPolicy:
    """A notice is shown and disturbs nobody."""
    return WATCH if severity is Severity.NOTICE else DEFAULT
