"""What a look at a story sees, in the story's words: what was sent since the last one, what is held back, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

from collector.model.escalation import Action
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentState
from collector.model.message import Notice, NoticeKind, TicketMessage
from collector.scenario.escalation.player import Desk, Player, Sent
from collector.scenario.escalation.stage import named_id
from collector.scenario.moment import Clock

QUIET = "quiet"
_TICKET = "ticket."


class Among(StrEnum):
    """What kind of thing is expected, as it is told."""

    TICKETS = "tickets"
    PAGES = "pages"
    NOTICES = "notices"
    OVER = "over"
    HELD = "held"
    REFUSED = "refused"
    WALKS = "walks"


SENT = (Among.TICKETS, Among.PAGES, Among.NOTICES, Among.OVER)


@dataclass(frozen=True)
class Message:
    """`event` is a ticket's, `times` how often a step was taken."""

    among: Among
    at: datetime
    to: str
    of: tuple[str, ...]
    severity: Severity
    event: str | None = None
    person: str | None = None
    times: int = 1

    @classmethod
    def of_sent(cls, one: Sent) -> "Message":
        to, message = one.addressed
        if isinstance(message, TicketMessage):
            event = message.event.value.removeprefix(_TICKET)
            return cls(Among.TICKETS, one.at, to, one.of, message.severity, event)
        severity = message.incident.severity
        return cls(_among(message), one.at, to, one.of, severity, person=message.person, times=message.times)

    def write(self, clock: Clock) -> str:
        whom = f"{self.to} ({self.person})" if self.person else self.to
        said = [self.event, whom, ", ".join(self.of), self.severity.value]
        said += [f"time {self.times}"] if self.times > 1 else []
        return ", ".join(one for one in (*said, clock.write(self.at)) if one)


def _among(notice: Notice) -> Among:
    if notice.kind is NoticeKind.RESOLVED:
        return Among.OVER
    return Among.PAGES if notice.action is Action.PAGE else Among.NOTICES


@dataclass(frozen=True)
class Seen:
    """`held` and `walks` are by what the story calls each incident that lasts."""

    messages: tuple[Message, ...]
    held: Mapping[str, str]
    walks: Mapping[str, str]
    refused: tuple[str, ...]

    def sent(self, among: Among) -> Sequence[Message]:
        return [one for one in self.messages if one.among == among]


def look(player: Player, since: datetime | None) -> Seen:
    """`since` is the look before, if there was one."""
    silences = {f"silence:{named_id(name)}": name for name in player.silences}
    lasting = list(chain.from_iterable(_lasting(desk) for desk in player.desks))
    return Seen(
        tuple(Message.of_sent(one) for one in player.sent if since is None or one.at > since),
        {name: silences.get(why, why) for name, one in lasting if (why := _held(one))},
        {name: one.escalation.name for name, one in lasting},
        tuple(one.why for one in player.refused if since is None or one.at > since),
    )


def _lasting(desk: Desk) -> Iterator[tuple[str, Incident]]:
    return ((desk.named[one.rule, one.subject], one) for one in desk.incidents.values() if one.lasts)


def _held(incident: Incident) -> str | None:
    """Why it takes no step; nobody holds it back where this is none."""
    if incident.walk.held_by:
        return incident.walk.held_by
    if incident.state is IncidentState.ACKNOWLEDGED:
        return incident.state.value
    return QUIET if incident.quiet_since else None
