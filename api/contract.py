"""What programs read under /v1: the shapes of answers, and how each is made from what the store gives."""

from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from collector.model.campaign import PROVIDER
from collector.model.finding import Severity, State
from collector.model.heartbeat import Role, RunStatus
from collector.model.incident import IncidentState, TicketState
from collector.model.standing import Digit
from collector.problems import Problem
from collector.store.incident_pages import IncidentRow, TicketRow
from collector.store.reading import PracticeRow

Item = TypeVar("Item")

_REASON = "code of the worst thing known, such as `backup_missed.not_run`; none when all is well"


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="hand it back as `after` for the page that follows; null on the last")


class PracticeAnswer(Answer):
    """A practice as it stands."""

    practice_id: UUID
    name: str
    zone: str = Field(description="time zone of the practice, as in `Europe/Paris`")
    state: State = Field(description="the worst of its machines and backup jobs; unknown is never ok")
    reason: str | None = Field(description=_REASON)
    since: datetime = Field(description="when it came into this state")
    incidents: int = Field(description="incidents that last, acknowledged or not")
    unattended: int = Field(description="those of them that nobody has acknowledged")
    endpoints: int = Field(description="machines")
    jobs: int = Field(description="backup jobs")
    oldest_good_at: datetime | None = Field(
        description="end of the worst job's last good backup: what a disaster now would go back to; "
        "null if any job has none; it says nothing of machines that no job covers"
    )
    evaluated_at: datetime | None = Field(description="when the rules last judged it; null if never")
    status_page: str | None = Field(description="address of the practice's own page; whoever has it can read it")

    @classmethod
    def of(cls, row: PracticeRow, status_page: str | None) -> Self:
        return cls.model_validate({**vars(row), "status_page": status_page})


class EndpointAnswer(Answer):
    """A machine as it stands."""

    endpoint_id: UUID
    name: str
    role: Role
    os: str | None
    agent: str | None = Field(description="version of the agent")
    state: State
    reason: str | None = Field(description=_REASON)
    first_seen_at: datetime
    last_seen_at: datetime = Field(description="its last heartbeat, by our clock")
    skew_s: int = Field(description="seconds by which its clock lags ours; negative if it is ahead, 0 within 5 minutes")
    lost_heartbeats: int = Field(description="heartbeats of its last day that never came, by the gaps in `seq`")
    missing_patches: int | None = Field(description="null if it never looked")
    patches_scanned_at: datetime | None
    protection: str | None = Field(description="best mode of its protection products; null if it never looked")


class JobAnswer(Answer):
    """A backup job as it stands."""

    subject: str = Field(description="identity of the job within the practice")
    endpoint_id: UUID | None = Field(description="null for a job of the whole practice")
    endpoint: str | None = Field(description="name of the machine")
    job: str
    tool: str | None
    state: State
    reason: str | None = Field(description=_REASON)
    last_run_at: datetime | None
    last_status: RunStatus | None
    last_good_at: datetime | None = Field(description="end of its last good backup; null if there was none")
    bytes_total: int | None = Field(description="size of the last good backup")
    due_at: datetime | None = Field(description="when it is to run next; null if never scheduled")
    missed_at: datetime | None = Field(description="when it counts as missed unless it has run")
    rpo_s: int | None = Field(description="largest tolerated age of its last good backup, in seconds")
    copies_score: str | None = Field(
        description="its 3-2-1-1-0: copies with the original, kinds of media, off site, out of reach, errors "
        "(`?` if none was read back lately); null if nothing is known of its copies"
    )
    copies_missing: list[Digit] = Field(description="the digits that are not met")


class PracticeDetail(BaseModel):
    """A practice with its machines and backup jobs, the worst first."""

    practice: PracticeAnswer
    endpoints: list[EndpointAnswer]
    jobs: list[JobAnswer]


class ClosingAnswer(Answer):
    """Somebody's word that it is over."""

    by: str
    at: datetime
    because: str


class IncidentAnswer(Answer):
    """A finding that lasts or lasted."""

    incident_id: UUID
    practice_id: UUID = Field(description=f"`{PROVIDER}` for what concerns the provider itself, such as a campaign")
    practice: str
    rule: str
    reason: str
    subject: str = Field(
        description="what it is about: `practice`, `endpoint:<id>`, `job:<endpoint id or ->:<name>`, "
        "`alert:<endpoint id>:<alert>`, or `campaign:<what>` of the provider"
    )
    root: str = Field(description="what its ticket is keyed by")
    severity: Severity
    state: IncidentState
    since: datetime = Field(description="when it fell due; before `opened_at` by our own delay")
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_until: datetime | None = Field(description="then it comes back, if it lasts")
    snoozed_until: datetime | None
    snoozed_by: str | None
    assigned_to: str | None
    closing: ClosingAnswer | None = Field(description="who says that it is over; believed for a while")
    resolved_at: datetime | None
    resolution: str | None
    reopened_at: datetime | None = Field(description="when it came back, the last time")
    flapping: bool = Field(description="it comes and goes, and is held open until it has been quiet for a while")
    held_by: str | None = Field(
        description="why nobody is told: `snooze`, `silence:<id>`, or the rule whose incident speaks for it"
    )
    facts: dict[str, str]
    ticket_id: UUID | None
    inhibited_by: str | None = Field(description="the rule whose incident speaks for it, and has the ticket")
    campaign_id: UUID | None = Field(description="the campaign that it belongs to, or did while that lasted")

    @classmethod
    def of(cls, row: IncidentRow) -> Self:
        own = {"practice_id": row.practice_id, "practice": row.practice, "held_by": row.incident.walk.held_by}
        return cls.model_validate({**_named(cls, row.incident), **own})


class TicketAnswer(Answer):
    """A ticket, and how far its receiver has been told."""

    ticket_id: UUID
    practice_id: UUID
    practice: str
    root: str = Field(description="the subject that keys it: at most one open ticket for each")
    title: str
    severity: Severity
    state: TicketState
    opened_at: datetime
    resolved_at: datetime | None
    sequence: int = Field(description="messages that it has made")
    unsent: int = Field(description="messages that its receiver has not taken yet")
    last_error: str | None = Field(description="why the first of them was not taken at the last attempt")

    @classmethod
    def of(cls, row: TicketRow) -> Self:
        own = {"practice_id": row.practice_id, "practice": row.practice}
        return cls.model_validate(
            {**_named(cls, row.ticket), **own, "unsent": row.unsent, "last_error": row.last_error}
        )


def _named(wanted: type[BaseModel], source: object) -> dict[str, Any]:
    return {name: getattr(source, name) for name in wanted.model_fields if hasattr(source, name)}


_WHEN = {
    400: "the body is not JSON in UTF-8",
    401: "no token of an operator in force",
    404: "no such thing",
    409: "as it stands, this is not done: it is over, or takes two people",
    413: "the body is longer than 64 KiB",
    422: "the request breaks the contract; `errors` names each field",
    503: "the database is away; come back after Retry-After seconds",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route documents, each as problem details. What takes a body (400) takes no endless one."""
    too_long = {413} if 400 in statuses else set()
    every = sorted({401, 422, 503, *statuses, *too_long})
    return {status: {"model": Problem, "description": _WHEN[status]} for status in every}
