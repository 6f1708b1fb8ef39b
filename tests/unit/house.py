"""What the store would keep between two judgements of one practice, held in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from collector.escalation.deeds import Outcome
from collector.escalation.incidents import REOPEN_WINDOW, Change
from collector.escalation.orders import AS_IT_COMES, Orders
from collector.judge import Record, Verdict, judge
from collector.model.campaign import Campaign
from collector.model.incident import Incident, IncidentState, Ticket
from collector.model.message import Addressed, Notice, TicketEvent, TicketMessage
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from tests.factories import policy


@dataclass
class House:
    """One practice, what it has been through, and what was sent of it."""

    policy: Policy = field(default_factory=policy)
    orders: Orders = AS_IT_COMES
    campaigns: Sequence[Campaign] = ()
    known: dict[UUID, Incident] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    sent: list[Addressed] = field(default_factory=list)

    def judge(self, seen: Snapshot, now: datetime) -> Verdict:
        sightings = {key: one.sighting for key, one in seen.endpoints.items() if one.sighting}
        record = Record(seen, self.policy, self._recent(now), tuple(self.tickets.values()))
        verdict = judge(record, sightings, seen.gaps, now, self.campaigns, self.orders)
        self.known |= {one.incident_id: one for one in verdict.incidents}
        self.tickets |= {str(one.ticket_id): one for one in verdict.tickets}
        self.sent += verdict.messages
        return verdict

    def _recent(self, now: datetime) -> tuple[Incident, ...]:
        return tuple(
            one for one in self.known.values() if one.resolved_at is None or now - one.resolved_at <= REOPEN_WINDOW
        )

    def change(self, **update: object) -> None:
        """What people do to every incident that lasts."""
        self.known |= {one.incident_id: one.model_copy(update=update) for one in self.incidents}

    def do(self, deed: Callable[[Incident], Outcome]) -> None:
        """The same by what they may do."""
        done = (outcome for one in self.incidents if isinstance(outcome := deed(one), Change))
        self.known |= {change.incident.incident_id: change.incident for change in done}

    def acknowledge(self, until: datetime | None = None) -> None:
        self.change(state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada", acknowledged_until=until)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(one for one in self.known.values() if one.lasts)

    @property
    def messages(self) -> list[TicketMessage]:
        return [message for _, message in self.sent if isinstance(message, TicketMessage)]

    @property
    def notices(self) -> list[Notice]:
        return [message for _, message in self.sent if isinstance(message, Notice)]

    @property
    def told(self) -> list[TicketEvent]:
        return [message.event for message in self.messages]
