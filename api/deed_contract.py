"""What operators send about incidents under /v1, and what they read of one."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.contract import Answer, IncidentAnswer, TicketAnswer
from collector.escalation.deeds import LONGEST_HOLD
from collector.model.duration import Duration
from collector.model.incident import IncidentChange
from collector.model.value import Instant, Name, Text
from collector.store.incident_pages import IncidentRow
from collector.store.timeline import MOST_ENTRIES, History, TicketThere

# Something to read stands in it.
Said = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]

_UNTIL = f"an instant; at most {LONGEST_HOLD.days} days away"
_FOR = "the same as a length of time, in place of `until`"


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Held(_Asked):
    """Something that rests for a while."""

    until: Instant | None = Field(None, description=_UNTIL)
    lasts: Duration | None = Field(None, alias="for", description=_FOR)
    comment: Text = Field("", description="kept in the incident's history and in the audit log")

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        if self.until and self.lasts is not None:
            raise ValueError("say either `until` or `for`")
        return self

    @property
    def ends(self) -> str:
        """The field that says how long."""
        return "for" if self.lasts is not None else "until"

    def end(self, now: datetime) -> datetime | None:
        return now + self.lasts if self.lasts is not None else self.until


class Acknowledgement(Held):
    """Until when somebody has it; without that for as long as the escalation in force says."""


class Snooze(Held):
    """Until when nobody is to hear of it."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.until is None and self.lasts is None:
            raise ValueError("a snooze ends: say `until` or `for`")
        return self


class Assignment(_Asked):
    """To whom it is given."""

    to: Name | None = Field(
        description="an operator, or one of the people of escalation.yaml, by name; null: to nobody"
    )


class Comment(_Asked):
    """Words for its history."""

    comment: Said


class Resolution(_Asked):
    """Why somebody says that it is over. It comes back if it is found still."""

    because: Said


class Merging(_Asked):
    """The campaign that it belongs to."""

    campaign_id: UUID = Field(description="incident of a campaign that lasts")


class EntryAnswer(Answer):
    """One thing that happened to an incident."""

    at: datetime
    what: IncidentChange
    said: str = Field(description="words of a person, a reason or a severity, by what happened")
    actor: str = Field(description="an operator, `<channel>: <name>` of a ticket system, or `vigie`")


class TicketLink(TicketAnswer):
    """A ticket, and where its people work on it."""

    channel: str = Field(description="the ticket system")
    remote_id: str | None = Field(description="what the ticket system calls it; null while that is not known")
    url: str | None = Field(description="its address there")


class IncidentDetail(BaseModel):
    """An incident with what happened to it, oldest first, and its ticket."""

    incident: IncidentAnswer
    timeline: list[EntryAnswer] = Field(description=f"the last {MOST_ENTRIES} things that happened, or those asked for")
    earlier: int | None = Field(description="hand it back as `before` for what happened earlier; null if that is all")
    ticket: TicketLink | None

    @classmethod
    def made(cls, row: IncidentRow, told: History, ticket: TicketThere | None) -> Self:
        return cls(
            incident=IncidentAnswer.of(row),
            timeline=[EntryAnswer.model_validate(one) for one in told.entries],
            earlier=told.earlier,
            ticket=link(ticket) if ticket else None,
        )


def link(ticket: TicketThere) -> TicketLink:
    remote = ticket.remote
    told = TicketAnswer.of(ticket.row).model_dump()
    return TicketLink(
        **told, channel=ticket.row.ticket.channel, remote_id=remote.remote_id if remote else None,
        url=remote.url if remote else None,
    )  # fmt: skip
