"""What can happen in a story of escalation: what is found, what people do, what is silenced; each known by its verb."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from collector.configuration.escalation.form import Clock
from collector.configuration.fleet import Form, Word
from collector.configuration.hours import DaysText
from collector.model.campaign import Kind
from collector.model.duration import Duration
from collector.model.finding import Severity
from collector.model.happening import Deed
from collector.model.value import Text
from collector.scenario.happenings import Moment


class Event(Form):
    at: Moment


class Repeated(Event):
    """`every` and `times` repeat it; each time it is over after `lasts`, where that is said."""

    every: Duration | None = None
    times: Annotated[int, Field(ge=1, le=1_000)] = 1
    lasts: Duration | None = None
    called: Word | None = None
    """By what other events and `expect` name it, where its rule alone is not enough."""


class Found(Repeated):
    """A rule finds something from now on, and opens an incident, or brings back one of the last week.

    Of the practice; `own_outage` and `undelivered` are of the provider.
    """

    found: Word
    severity: Severity = Severity.CRITICAL
    job: Word | None = None
    endpoint: Word | None = None
    alert: Word | None = None
    channel: Word | None = None
    """Whose messages were given up, of `undelivered`."""
    reason: Word = "found"
    signature: Word | None = None
    """What it has in common with the same trouble elsewhere, as `ransomware_signature`."""
    inhibited_by: Word | None = None
    """The rule whose finding speaks for it."""
    grey: Word | None = None
    """Why it may be our own doing."""


class Campaigned(Repeated):
    """The same comes to several practices, this one among them if it has the signature; found of the provider."""

    campaign: Kind
    practices: Annotated[int, Field(ge=1)] = 3
    tickets: Literal["parent", "each"] = "parent"
    """One ticket for all, or one for each practice."""
    severity: Severity = Severity.CRITICAL


class Turned(Event):
    """What is found has become worse, or milder."""

    turns: Severity
    of: Word


class Gone(Event):
    """It is found no longer."""

    gone: Word


class Handled(Event):
    """Somebody does something to an incident."""

    by: Word = "operator"


class Acknowledged(Handled):
    """Without `until` for as long as escalation.yaml says."""

    acknowledge: Word
    until: Moment | None = None


class LetGo(Handled):
    let_go: Word


class Snoozed(Handled):
    snooze: Word
    until: Moment


class Woken(Handled):
    wake: Word


class Closed(Handled):
    """Somebody says here that it is over."""

    close: Word
    because: Word = "settled"


class InTicket(Handled):
    """Somebody does it to the ticket, in its ticket system."""

    in_ticket: Deed
    of: Word
    said: Text = ""


class WeeklyForm(Form):
    """On each of these days, from when the wall clock shows this."""

    days: DaysText
    opens: Clock
    lasts: Duration


class Silenced(Handled):
    """A silence by name, of the practice unless a rule or labels are named."""

    silence: Word
    until: Moment
    rule: Word | None = None
    labels: Mapping[Word, Word] = {}
    endpoint: Word | None = None
    weekly: WeeklyForm | None = None
    approved_by: Word | None = None


class Approved(Handled):
    """A second person agrees to a silence."""

    approve: Word


class Unsilenced(Handled):
    """Somebody ends a silence before its time."""

    end_silence: Word


AnyEvent = (
    Found | Campaigned | Turned | Gone | Acknowledged | LetGo | Snoozed | Woken | Closed | InTicket | Silenced
    | Approved | Unsilenced
)  # fmt: skip
VERBS: Mapping[str, type[AnyEvent]] = {
    "found": Found,
    "campaign": Campaigned,
    "turns": Turned,
    "gone": Gone,
    "acknowledge": Acknowledged,
    "let_go": LetGo,
    "snooze": Snoozed,
    "wake": Woken,
    "close": Closed,
    "in_ticket": InTicket,
    "silence": Silenced,
    "approve": Approved,
    "end_silence": Unsilenced,
}


def verb(written: Mapping[str, object]) -> str | None:
    return next((one for one in VERBS if one in written), None)
