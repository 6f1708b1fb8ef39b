"""A finding that lasts, what people did about it, and the ticket it belongs to."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from collector.model.escalation import EscalationPolicy, Walk
from collector.model.finding import Severity
from collector.model.subject import Subject
from collector.model.value import Value

# How an incident ends that is found no longer; else its resolution says who closed or retired it.
RECOVERED = "recovered"


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Closing(Value):
    """Somebody says that it is over, here or in the ticket system: believed for a while, unless somebody doubts it."""

    by: str
    at: datetime
    because: str
    doubted: bool = False


class Told(Value):
    """A channel that was told of an incident, and so hears when it is over; `person` if it is somebody's own."""

    channel: str
    person: str | None = None


class Incident(Value):
    """`since` is when it fell due, `opened_at` when we found it so; the distance is our own delay.

    A relapse within a week reopens it: `since` and `reopened_at` are of the last time, `openings` of the last day.
    While it flaps it stays open, and `quiet_since` says from when it has not been found.
    While `inhibited_by` names a rule, another incident speaks for it. `campaign_id` is the campaign that it belongs to,
    or did while that lasted. `messages` counts what was sent of it beside its ticket.
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
    reopened_at: datetime | None = None
    openings: tuple[datetime, ...] = ()
    flapping: bool = False
    quiet_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_until: datetime | None = None
    snoozed_until: datetime | None = None
    snoozed_by: str | None = None
    assigned_to: str | None = None
    closing: Closing | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    policy_version: int
    escalation: EscalationPolicy
    walk: Walk
    told: tuple[Told, ...] = ()
    messages: int = 0
    ticket_id: UUID | None = None
    inhibited_by: str | None = None
    signature: str | None = None
    campaign_id: UUID | None = None

    @property
    def lasts(self) -> bool:
        return self.state is not IncidentState.RESOLVED

    @property
    def speaks(self) -> bool:
        """Whether it tells for those that it inhibits: when closed by hand, until it is seen whether it is over."""
        return self.lasts or self.closing is not None

    @property
    def found_at(self) -> datetime:
        """When we found it so, this last time."""
        return self.reopened_at or self.opened_at


class TicketState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Ticket(Value):
    """Keyed by practice and root subject, in one ticket system; `sequence` counts the messages it has sent there."""

    ticket_id: UUID
    root: Subject
    channel: str
    state: TicketState
    severity: Severity
    title: str
    opened_at: datetime
    resolved_at: datetime | None = None
    sequence: int = 0


class IncidentChange(StrEnum):
    """What happened to an incident, as its history and the messages about it say it."""

    OPENED = "opened"
    REOPENED = "reopened"
    RETURNED = "returned"  # what held it back has ended: whoever must be told is told again
    SEVERITY = "severity"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    LET_GO = "let_go"
    SNOOZED = "snoozed"
    WOKEN = "woken"  # the snooze was ended by hand
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    HELD = "held"
    TOLD = "told"
    JOINED = "joined"
    CLOSED = "closed"  # by hand: believed for a while
    RESOLVED = "resolved"
