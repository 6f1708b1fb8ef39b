"""Exactly one ticket, whatever a ticket system answers, loses, does late, and whenever our worker dies."""

# ruff: noqa: ARG002 - a ticket system is given more than this one needs

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from collector.delivery.channel import DeliveryError
from collector.delivery.remotes import RememberedRemotes
from collector.delivery.tickets import NotMadeError, Remote, Tickets
from collector.delivery.written import Written
from collector.model.finding import Severity
from collector.model.message import TicketEvent, TicketMessage
from collector.model.subject import PRACTICE as ROOT
from collector.store.outbox import Parcel
from tests.factories import NOW, PRACTICE

TIMEOUT, SETTLE = timedelta(seconds=10), timedelta(seconds=30)
RETRY = timedelta(seconds=2)
OPENED, APPENDED, RESOLVED, REOPENED = TicketEvent


class Fault(Enum):
    """What goes wrong with one request, or not."""

    NONE = auto()
    DONE_UNANSWERED = auto()
    LOST = auto()
    LATE = auto()  # a create within the time that it has to settle
    LATER = auto()  # and one after it
    REFUSED = auto()
    WE_DIE = auto()  # after the answer, before we have written it down


class _DeadError(BaseException):
    """Our worker is gone."""


@dataclass
class Filed:
    arrives: datetime
    said: set[str]
    open: bool = True
    linked: bool = False


@dataclass
class System:
    """A ticket system in which time passes when the test says so; one fault for each request to it."""

    faults: list[Fault]
    now: datetime = NOW
    filed: list[Filed] = field(default_factory=list)
    dies: bool = False
    settle = SETTLE

    def there(self) -> list[tuple[int, Filed]]:
        return [(number, one) for number, one in enumerate(self.filed) if one.arrives <= self.now and not one.linked]

    def _fault(self) -> Fault:
        fault = self.faults.pop(0) if self.faults else Fault.NONE
        if fault is Fault.REFUSED:
            raise NotMadeError("refused")
        if fault is Fault.LOST:
            raise DeliveryError("lost")
        return fault

    def _answer(self, fault: Fault) -> None:
        self.dies = fault is Fault.WE_DIE
        if fault not in (Fault.NONE, Fault.WE_DIE):
            raise DeliveryError("no answer")

    async def open(self, message: TicketMessage, written: Written, key: str) -> Remote:
        fault = self._fault()
        late = {Fault.LATE: TIMEOUT + SETTLE, Fault.LATER: TIMEOUT + SETTLE * 1.9}.get(fault, timedelta(0))
        self.filed.append(Filed(self.now + late, {key}))
        self._answer(fault)
        return Remote(str(len(self.filed) - 1))

    async def append(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        self._tell(remote, key, None)

    async def resolve(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        self._tell(remote, key, False)

    async def reopen(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:
        self._tell(remote, key, True)

    def _tell(self, remote: Remote, key: str, is_open: bool | None) -> None:
        fault = self._fault()
        one = self.filed[int(remote.remote_id)]
        one.said.add(key)
        one.open = one.open if is_open is None else is_open
        self._answer(fault)

    async def find(self, ticket_id: UUID) -> list[Remote]:
        self._answer(self._fault())
        return [Remote(str(number)) for number, _ in self.there()]

    async def link(self, duplicate: Remote, original: Remote) -> None:
        fault = self._fault()
        one = self.filed[int(duplicate.remote_id)]
        one.linked, one.open = True, False
        self._answer(fault)


class Mortal(RememberedRemotes):
    """What is kept survives us; we may die before we say it."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self._system = system

    async def keep(self, message: TicketMessage, channel: str, remote: Remote, at: datetime) -> None:
        if self._system.dies:
            self._system.dies = False
            raise _DeadError
        await super().keep(message, channel, remote, at)


def parcel(ticket_id: UUID, sequence: int, event: TicketEvent) -> Parcel:
    told = TicketMessage(
        event=event, ticket_id=ticket_id, sequence=sequence, at=NOW, practice_id=PRACTICE, practice="A", root=ROOT,
        severity=Severity.CRITICAL, title="A ticket", incidents=(),
    )  # fmt: skip
    return Parcel(PRACTICE, uuid4(), 1, None, NOW, told)


async def deliver(channel: Tickets, system: System, one: Parcel) -> None:
    """Until it is taken, waiting as long as is wished each time."""
    while True:
        try:
            return await channel.deliver(one)
        except DeliveryError as error:
            system.now += max(RETRY, error.retry_after or RETRY)
        except _DeadError:
            system.now += TIMEOUT + RETRY


async def lived(events: list[TicketEvent], faults: list[Fault]) -> System:
    """A ticket's messages in their order against a system that behaves so."""
    system, ticket_id = System(list(faults)), uuid4()
    channel = Tickets("desk", system, Mortal(system), lambda _: Written("", ""), TIMEOUT, lambda: system.now)
    for sequence, event in enumerate(events, 1):
        await deliver(channel, system, parcel(ticket_id, sequence, event))
    system.now += (TIMEOUT + SETTLE) * 2
    return system


FAULTS = st.lists(st.sampled_from(Fault), max_size=12)
LATER = st.lists(st.sampled_from([APPENDED, RESOLVED, REOPENED]), max_size=4)


@given(LATER, FAULTS)
async def test_one_ticket_is_left_in_the_state_that_was_told_last(
    later: list[TicketEvent], faults: list[Fault]
) -> None:
    system = await lived([OPENED, *later], faults)
    ((_, left),) = system.there()
    told = [event for event in later if event is not APPENDED]
    assert left.open is (not told or told[-1] is REOPENED)
    assert len(left.said) == 1 + len(later)


@given(FAULTS.map(lambda faults: [one for one in faults if one is not Fault.LATER]))
async def test_a_create_that_keeps_its_time_is_never_doubled(faults: list[Fault]) -> None:
    system = await lived([OPENED], faults)
    assert len(system.filed) == 1


@given(st.sampled_from([APPENDED, REOPENED]), LATER, FAULTS)
async def test_a_ticket_whose_opening_never_came_is_one_all_the_same(
    first: TicketEvent, later: list[TicketEvent], faults: list[Fault]
) -> None:
    system = await lived([first, *later], faults)
    assert len(system.there()) == 1


@given(FAULTS)
async def test_what_was_over_before_it_was_told_leaves_none(faults: list[Fault]) -> None:
    assert (await lived([RESOLVED], faults)).filed == []
