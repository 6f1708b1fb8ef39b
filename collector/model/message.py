"""What is sent: a ticket's events to its ticket system, and notices to people."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import Field

from collector.model.escalation import Action
from collector.model.finding import Severity
from collector.model.incident import IncidentState
from collector.model.subject import Subject
from collector.model.value import Value


class TicketEvent(StrEnum):
    OPENED = "ticket.opened"
    APPENDED = "ticket.appended"
    RESOLVED = "ticket.resolved"
    REOPENED = "ticket.reopened"


class IncidentLine(Value):
    """An incident as a message tells it."""

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

    `customer` is the practice's number there. `notes` say what happened beside what the incidents tell.
    A ticket whose incidents have moved to their endpoint's closes with `merged_into`.
    """

    form: Literal["ticket"] = "ticket"
    event: TicketEvent
    ticket_id: UUID
    sequence: int
    at: datetime
    practice_id: UUID
    practice: str
    customer: str | None = None
    root: Subject
    severity: Severity
    title: str
    incidents: tuple[IncidentLine, ...]
    notes: tuple[str, ...] = ()
    merged_into: UUID | None = None

    @property
    def about(self) -> UUID:
        return self.ticket_id


class NoticeKind(StrEnum):
    RAISED = "raised"
    REPEATED = "repeated"
    RESOLVED = "resolved"


class Notice(Value):
    """What people are told of one incident; `times` counts how often this step was taken."""

    form: Literal["notice"] = "notice"
    kind: NoticeKind
    action: Action
    sequence: int
    times: int = 1
    at: datetime
    practice_id: UUID
    practice: str
    person: str | None = None
    title: str
    incident: IncidentLine

    @property
    def about(self) -> UUID:
        return self.incident.incident_id


Message = Annotated[TicketMessage | Notice, Field(discriminator="form")]


class Addressed(NamedTuple):
    """A message and the channel that it goes out by."""

    channel: str
    message: TicketMessage | Notice
