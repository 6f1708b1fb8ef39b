"""Who and what a story of escalation is about: its clock, its book, its events in order, and what things are called."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from collector.configuration.faults import Steps, did_you_mean
from collector.escalation.oncall import Roster
from collector.model.book import Book
from collector.model.campaign import CAMPAIGN, PROVIDER, PROVIDER_NAME
from collector.model.policy import Policy
from collector.model.rule_settings import RuleSettings
from collector.scenario.escalation.forms import ScenarioForm
from collector.scenario.escalation.happenings import (
    Acknowledged,
    AnyEvent,
    Approved,
    Closed,
    Found,
    Gone,
    InTicket,
    LetGo,
    Repeated,
    Silenced,
    Snoozed,
    Turned,
    Unsilenced,
    Woken,
)
from collector.scenario.moment import Clock, local_instant
from collector.scenario.stage import PRACTICE_ID, MisplacedError

# A campaign has an event of its own.
RULES = frozenset(RuleSettings.model_fields) - {CAMPAIGN}
# By which key an event says which incident, or which silence, it is about.
OF_INCIDENT: Mapping[type[AnyEvent], str] = {
    Gone: "gone", Turned: "of", Acknowledged: "acknowledge", LetGo: "let_go", Snoozed: "snooze", Woken: "wake",
    Closed: "close", InTicket: "of",
}  # fmt: skip
OF_SILENCE: Mapping[type[AnyEvent], str] = {Approved: "approve", Unsilenced: "end_silence"}


@dataclass(frozen=True)
class Placed:
    """An event at one of its instants, with the way to it in its file; `until` is when what it begins ends."""

    at: datetime
    event: AnyEvent
    steps: Steps
    until: datetime | None = None


@dataclass(frozen=True)
class Stage:
    clock: Clock
    roster: Roster
    practice: Policy
    provider: Policy
    events: tuple[Placed, ...]
    names: frozenset[str]

    @property
    def channels(self) -> frozenset[str]:
        """Every way out that the book names, that of the settings included."""
        book = self.roster.book
        return frozenset({*book.channels, book.tickets})


class Reference(NamedTuple):
    """What an event says of something else, and which of its keys says it."""

    key: str
    name: str


def set_stage(scenario: ScenarioForm, book: Book, events: Sequence[tuple[Steps, AnyEvent]], steps: Steps) -> Stage:
    """Raises MisplacedError; `steps` lead to the scenario."""
    zone = ZoneInfo(book.zone)
    try:
        clock = Clock(local_instant(scenario.start, zone), zone)
    except ValueError as error:
        raise MisplacedError((*steps, "start"), str(error)) from None
    names = frozenset(called(event) for _, event in events if isinstance(event, Repeated))
    _check(events, names)
    placed = [one for way, event in events for one in _placed(event, way, clock)]
    return Stage(
        clock=clock,
        roster=Roster(book),
        practice=Policy(
            practice_id=PRACTICE_ID, practice=scenario.practice.name, zone=book.zone, labels=scenario.practice.labels
        ),
        provider=Policy(practice_id=PROVIDER, practice=PROVIDER_NAME, zone=book.zone),
        events=tuple(sorted(placed, key=lambda one: one.at)),
        names=names,
    )


def called(event: Repeated) -> str:
    """What a story calls it."""
    if isinstance(event, Found):
        return event.called or event.found
    return event.called or CAMPAIGN


def known(name: str, names: Iterable[str], steps: Steps, what: str) -> None:
    if name not in names:
        raise MisplacedError(steps, f"no {what} here is called {name!r}", did_you_mean(name, names))


def _check(events: Sequence[tuple[Steps, AnyEvent]], names: frozenset[str]) -> None:
    """Every name that an event uses is one that another gave, to one thing alone."""
    things: dict[str, frozenset[tuple[str, object]]] = {}
    silences = frozenset(event.silence for _, event in events if isinstance(event, Silenced))
    for steps, event in events:
        if isinstance(event, Found):
            known(event.found, RULES, (*steps, "found"), "rule")
        if isinstance(event, Repeated) and things.setdefault(called(event), _thing(event)) != _thing(event):
            raise MisplacedError(steps, f"something else is {called(event)!r} already", "called: and a name of its own")
        if about := name_in(event, OF_INCIDENT):
            known(about.name, names, (*steps, about.key), "incident")
        if about := name_in(event, OF_SILENCE):
            known(about.name, silences, (*steps, about.key), "silence")


def _thing(event: Repeated) -> frozenset[tuple[str, object]]:
    """What it is about, whatever is said of it."""
    return frozenset(event.model_dump(include={"found", "job", "endpoint", "alert", "channel", "campaign"}).items())


def name_in(event: AnyEvent, keys: Mapping[type[AnyEvent], str]) -> Reference | None:
    key = keys.get(type(event))
    return Reference(key, str(getattr(event, key))) if key else None


def _placed(event: AnyEvent, steps: Steps, clock: Clock) -> Iterator[Placed]:
    first = read_moment(clock, event.at, (*steps, "at"))
    if not isinstance(event, Repeated):
        written = getattr(event, "until", None)
        yield Placed(first, event, steps, read_moment(clock, written, (*steps, "until"), first) if written else None)
        return
    if event.times > 1 and event.every is None:
        raise MisplacedError((*steps, "times"), "say how often", "every: 24h")
    for number in range(event.times):
        at = first + number * (event.every or timedelta(0))
        yield Placed(at, event, steps)
        if event.lasts:
            yield Placed(at + event.lasts, Gone(at=event.at, gone=called(event)), steps)


def read_moment(clock: Clock, written: str, steps: Steps, after: datetime | None = None) -> datetime:
    """Not before the start, nor before `after`, which may be called `now`."""
    try:
        at = clock.read(written, after)
    except (ValueError, OverflowError) as error:
        raise MisplacedError(steps, str(error)) from None
    if at < (after or clock.start):
        raise MisplacedError(steps, "this lies before its event" if after else "this lies before the start")
    return at


def named_id(name: str) -> UUID:
    """Of whatever a story calls by a name: machines, silences."""
    return uuid5(PRACTICE_ID, name)
