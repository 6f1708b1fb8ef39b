"""What escalation.yaml says: who is told what, when and how; one for all practices, versioned as all configuration."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from collector.model.calendar import Calendar
from collector.model.channels import ChannelSpec, Language
from collector.model.duration import Duration
from collector.model.escalation import Action, EscalationPolicy, Step, When
from collector.model.finding import Severity
from collector.model.policy import Zone
from collector.model.value import Label, Name, Value

# The ticket system that VIGIE_TICKET_WEBHOOK_URL names: where no other is configured, messages wait for it.
TICKETS = "tickets"


class Person(Value):
    """Somebody of the provider: the channels that reach them for a page, and for what may wait."""

    language: Language = "fr"
    page: tuple[Name, ...] = ()
    notify: tuple[Name, ...] = ()

    def ways(self, action: Action) -> tuple[Name, ...]:
        return (self.notify or self.page) if action is Action.NOTIFY else (self.page or self.notify)


class Override(Value):
    """Somebody else is on call for a while."""

    person: Name
    since: datetime
    until: datetime


class Rota(Value):
    """Who is on call: people in turn, from handover to handover on the rota's own wall clock.

    Nobody is in the part of the day that it does not cover, unless an override says so.
    """

    zone: Zone
    people: Annotated[tuple[Name, ...], Field(min_length=1)]
    turn: Literal["day", "week"] = "week"
    handover: time = time(8)
    begins: date
    covers: When = When.ALWAYS
    overrides: tuple[Override, ...] = ()

    @property
    def turn_days(self) -> int:
        return 7 if self.turn == "week" else 1


class Route(Value):
    """Which policy an incident walks: the first route that fits. What a route does not name fits any."""

    name: Name
    policy: Name
    severities: frozenset[Severity] = frozenset()
    rules: frozenset[Name] = frozenset()
    labels: Mapping[Label, Label] = {}


class Flapping(Value):
    """What opens so often within this time is flapping, and held open until it has been quiet for so long."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    times: Annotated[int, Field(ge=2, le=100)] = 4
    within: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] = timedelta(days=1)
    quiet: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=7))] = timedelta(hours=2)


DEFAULT = EscalationPolicy(name="default", steps=(Step(after=timedelta(0), action=Action.TICKET),))
WATCH = EscalationPolicy(name="watch", steps=())


class Book(Value):
    """The escalation in force. As it comes, every incident that is more than a notice opens a ticket at once.

    `hours` are the provider's own; a ticket step that names no ticket system goes to `tickets`.
    """

    version: int = 0
    zone: Zone = "Europe/Paris"
    hours: Calendar = Calendar()
    policies: Mapping[Name, EscalationPolicy] = {DEFAULT.name: DEFAULT}
    routes: tuple[Route, ...] = ()
    default: Name = DEFAULT.name
    tickets: Name = TICKETS
    people: Mapping[Name, Person] = {}
    rotas: Mapping[Name, Rota] = {}
    teams: Mapping[Name, tuple[Name, ...]] = {}
    channels: Mapping[Name, ChannelSpec] = {}
    acknowledged_for: Duration = timedelta(days=1)
    closed_by_hand_for: Duration = timedelta(minutes=5)
    flapping: Flapping = Flapping()

    def has(self, channel: Name) -> bool:
        """Whether a channel that was known once is there still; the receiver of the settings stands in no book."""
        return channel in self.channels or channel in (TICKETS, self.tickets)

    def knows_any(self, names: Iterable[Name]) -> bool:
        """Whether one of those whom a step tells is here still."""
        return any(name in those for name in names for those in (self.people, self.rotas, self.teams, self.channels))
