"""A finding that lasts, the ticket it belongs to, and the messages that tickets send."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Self
from uuid import UUID

from pydantic import model_validator

from collector.model.finding import Severity
from collector.model.subject import Subject
from collector.model.value import Value


class Step(Value):
    """One step of an escalation policy: what is done how long after the incident opened."""

    after: timedelta
    action: Literal["ticket"]


class EscalationPolicy(Value):
    """Copied onto the incident when it opens, so that a later edit cannot rewrite its history."""

    name: str
    steps: tuple[Step, ...]

    @model_validator(mode="after")
    def _in_the_order_of_their_time(self) -> Self:
        if list(self.steps) != sorted(self.steps, key=lambda step: step.after):
            raise ValueError("steps must stand in the order of their time")
        return self


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Incident(Value):
    """`since` is when it fell due, `opened_at` when we found it so; the distance is our own delay.

    While `inhibited_by` names a rule, another incident speaks for it. `campaign_id` is the campaign that it belongs to,
    or did while that lasted.
    """

    incident_id: UUID
    rule: str
    subject: Subject
    root: Subject
    severity: Severity
    reason: str
    facts: Mapping[str, str]
    state: IncidentState
    since: datetime
    opened_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    policy_version: int
    escalation: EscalationPolicy
    steps_done: int = 0
    ticket_id: UUID | None = None
    inhibited_by: str | None = None
    signature: str | None = None
    campaign_id: UUID | None = None

    @property
    def lasts(self) -> bool:
        return self.state is not IncidentState.RESOLVED


class TicketState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Ticket(Value):
    """Keyed by practice and root subject; `sequence` counts the messages it has sent."""

    ticket_id: UUID
    root: Subject
    state: TicketState
    severity: Severity
    title: str
    opened_at: datetime
    resolved_at: datetime | None = None
    sequence: int = 0


class TicketEvent(StrEnum):
    OPENED = "ticket.opened"
    APPENDED = "ticket.appended"
    RESOLVED = "ticket.resolved"
    REOPENED = "ticket.reopened"


class IncidentChange(StrEnum):
    """What happened to an incident, as its history and the ticket's messages say it."""

    OPENED = "opened"
    SEVERITY = "severity"
    ACKNOWLEDGED = "acknowledged"
    JOINED = "joined"
    RESOLVED = "resolved"


class IncidentLine(Value):
    """An incident as a ticket message tells it."""

    incident_id: UUID
    rule: str
    subject: Subject
    severity: Severity
    reason: str
    state: IncidentState
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    facts: Mapping[str, str]


class TicketMessage(Value):
    """What a ticket system is told: one event of one ticket, in its strict order.

    A ticket whose incidents have moved to their endpoint's closes with `merged_into`.
    """

    event: TicketEvent
    ticket_id: UUID
    sequence: int
    at: datetime
    practice_id: UUID
    practice: str
    root: Subject
    severity: Severity
    title: str
    incidents: tuple[IncidentLine, ...]
    merged_into: UUID | None = None
