"""The escalation policies that a provider starts with."""

from datetime import timedelta

from collector.model.incident import EscalationPolicy, Step

DEFAULT = EscalationPolicy(name="default", steps=(Step(after=timedelta(0), action="ticket"),))
