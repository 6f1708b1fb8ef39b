"""A practice and its provider taken along a timeline, as a worker would that is always awake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from collector.escalation.deeds import Refusal
from collector.escalation.incidents import REOPEN_WINDOW, Change
from collector.escalation.orders import Orders
from collector.judge import Record, Verdict, escalate
from collector.model.campaign import CAMPAIGN, OWN_OUTAGE, Campaign
from collector.model.finding import Evaluation, Finding
from collector.model.incident import Incident, Ticket
from collector.model.message import Addressed, TicketMessage
from collector.model.policy import Policy
from collector.model.silence import Silence
from collector.model.snapshot import Snapshot
from collector.model.subject import Subject
from collector.model.undelivered import UNDELIVERED
from collector.model.value import earliest
from collector.scenario.escalation.finding import finding_of
from collector.scenario.escalation.hands import done
from collector.scenario.escalation.happenings import (
    Approved,
    Campaigned,
    Found,
    Gone,
    Handled,
    Silenced,
    Turned,
    Unsilenced,
)
from collector.scenario.escalation.silences import changed, silence_of
from collector.scenario.escalation.stage import OF_INCIDENT, Placed, Stage, called, name_in
from collector.scenario.player import SHORTEST_STEP

OF_PROVIDER = frozenset({CAMPAIGN, OWN_OUTAGE, UNDELIVERED})
# Nobody can do anything to what was never found.
NOT_FOUND = "not_found"


@dataclass
class Desk:
    """What the house would hold about the practice, or about the provider; findings by what they are called."""

    policy: Policy
    findings: dict[str, Finding] = field(default_factory=dict)
    incidents: dict[UUID, Incident] = field(default_factory=dict)
    tickets: dict[UUID, Ticket] = field(default_factory=dict)
    named: dict[tuple[str, Subject], str] = field(default_factory=dict)

    def find(self, name: str, finding: Finding) -> None:
        self.findings[name] = finding
        self.named[finding.rule, finding.subject] = name

    def record(self, now: datetime) -> Record:
        """What lasts, or can still come back, as the store would give it."""
        recent = now - REOPEN_WINDOW
        return Record(
            Snapshot(practice_id=self.policy.practice_id),
            self.policy,
            tuple(one for one in self.incidents.values() if one.resolved_at is None or one.resolved_at >= recent),
            tuple(one for one in self.tickets.values() if one.resolved_at is None or one.resolved_at >= recent),
        )

    def keep(self, verdict: Verdict) -> None:
        self.incidents |= {one.incident_id: one for one in verdict.incidents}
        self.tickets |= {one.ticket_id: one for one in verdict.tickets}

    def incident(self, name: str) -> Incident | None:
        """The one that lasts, else the last one."""
        of_name = (one for one in self.incidents.values() if self.named.get((one.rule, one.subject)) == name)
        return max(of_name, key=lambda one: (one.lasts, one.found_at), default=None)


@dataclass(frozen=True)
class Refused:
    at: datetime
    why: str


@dataclass(frozen=True)
class Sent:
    """A message, and what the story calls the incidents that it is about."""

    at: datetime
    addressed: Addressed
    of: tuple[str, ...]


class Player:
    """Judges at each event, and at each instant at which something falls due between them.

    1. What is found at one instant is judged together; whatever people do comes after, each by itself.
    2. The provider comes first: its campaigns speak for the practice's incidents.
    """

    def __init__(self, stage: Stage) -> None:
        self.practice = Desk(stage.practice)
        self.provider = Desk(stage.provider)
        self.sent: list[Sent] = []
        self.refused: list[Refused] = []
        self.silences: dict[str, Silence] = {}
        self._roster = stage.roster
        self._due: datetime | None = None
        self._found_more = False

    @property
    def desks(self) -> tuple[Desk, Desk]:
        return self.practice, self.provider

    def hear(self, at: datetime, events: Sequence[Placed]) -> None:
        """Judge all that fell due before, then what happens at this instant."""
        self._advance(at)
        for one in events:
            if isinstance(one.event, Handled) and self._found_more:
                self._judge(at)
            self._happen(one)
        self._judge(at)

    def play_until(self, at: datetime) -> None:
        """Judge all that falls due until an instant, and at it if it does; a look alone judges nothing."""
        self._advance(at)
        if self._due == at:
            self._judge(at)

    def _advance(self, at: datetime) -> None:
        while self._due is not None and self._due < at:
            self._judge(self._due)

    def _happen(self, placed: Placed) -> None:
        self._found_more = True
        match placed.event:
            case Found() | Campaigned() as event:
                finding = finding_of(event, placed.at)
                desk = self.provider if finding.rule in OF_PROVIDER else self.practice
                desk.find(called(event), finding)
            case Gone(gone=name):
                self._desk(name).findings.pop(name, None)
            case Turned(turns=severity, of=name):
                findings = self._desk(name).findings
                if name in findings:
                    findings[name] = findings[name].model_copy(update={"severity": severity})
            case Silenced() as event:
                self.silences[event.silence] = silence_of(event, placed, self._roster.book.zone)
            case Approved(approve=name) | Unsilenced(end_silence=name):
                self._change_silence(name, placed)
            case _:
                self._do(placed)

    def _change_silence(self, name: str, placed: Placed) -> None:
        before = self.silences.get(name)
        after = changed(before, placed) if before else NOT_FOUND
        if isinstance(after, Silence):
            self.silences[name] = after
        else:
            self.refused.append(Refused(placed.at, after))

    def _do(self, placed: Placed) -> None:
        """What somebody does to an incident."""
        about = name_in(placed.event, OF_INCIDENT)
        desk = self._desk(about.name) if about else self.practice
        incident = desk.incident(about.name) if about else None
        if incident is None:
            self.refused.append(Refused(placed.at, NOT_FOUND))
            return
        outcomes = done(placed, incident, desk.incidents.values(), self._roster.book.acknowledged_for)
        for one in (outcomes,) if isinstance(outcomes, str) else outcomes:
            if isinstance(one, Change):
                desk.incidents[one.incident.incident_id] = one.incident
            elif one is not None:
                self.refused.append(Refused(placed.at, one.value if isinstance(one, Refusal) else one))

    def _desk(self, name: str) -> Desk:
        return self.provider if name in self.provider.named.values() else self.practice

    def _judge(self, now: datetime) -> None:
        self._found_more = False
        orders = Orders(self._roster, tuple(one for one in self.silences.values() if one.until > now))
        campaigns: tuple[Campaign, ...] = ()
        dues: list[datetime | None] = []
        for desk in (self.provider, self.practice):
            found = Evaluation(findings=tuple(desk.findings.values()))
            verdict = escalate(desk.record(now), found, now, campaigns, orders)
            desk.keep(verdict)
            self.sent += [Sent(now, one, _about(one, desk)) for one in verdict.messages]
            campaigns = tuple(_campaigns(desk.incidents.values()))
            dues.append(verdict.next_due)
        due = earliest(dues)
        self._due = max(due, now + SHORTEST_STEP) if due else None


def _campaigns(incidents: Iterable[Incident]) -> Iterable[Campaign]:
    return (Campaign.of(one) for one in incidents if one.rule == CAMPAIGN and one.speaks)


def _about(addressed: Addressed, desk: Desk) -> tuple[str, ...]:
    message = addressed.message
    lines = message.incidents if isinstance(message, TicketMessage) else (message.incident,)
    return tuple(desk.named[line.rule, line.subject] for line in lines)
