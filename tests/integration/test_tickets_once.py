"""Exactly one ticket in a ticket system that knows no idempotency keys, whatever it answers and whoever dies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from collector.delivery.channel import DeliveryError, NotYetError
from collector.delivery.remotes import StoredRemotes
from collector.delivery.tickets import WAITS_FOR_THE_OTHER, NotMadeError, Tickets
from collector.delivery.written import Pen, Templates, write_ticket
from collector.model.message import TicketEvent, TicketMessage
from collector.store.outbox import Parcel
from tests.factories import NOW
from tests.integration.help_desk import SETTLE, Create, Desk, desk_system
from tests.integration.house import House, enrol, message, open_ticket, rows

TIMEOUT = timedelta(seconds=10)
MOMENT = timedelta(milliseconds=1)
OPENED, APPENDED, RESOLVED, REOPENED = TicketEvent


@dataclass
class Bench:
    """A ticket, the channel to a desk, and a clock that the test turns."""

    house: House
    desk: Desk
    tickets: Tickets
    told: TicketMessage
    now: datetime = NOW
    parcels: dict[tuple[UUID, TicketEvent], Parcel] = field(default_factory=dict)

    async def deliver(self, event: TicketEvent = OPENED, attempts: int = 1, **more: object) -> None:
        """The same message of an event with every call, as the outbox would give it again."""
        told = self.told.model_copy(update={"event": event, **more})
        parcel = Parcel(told.practice_id, uuid4(), attempts, None, NOW, told)
        await self.tickets.deliver(self.parcels.setdefault((told.ticket_id, event), parcel))

    async def put_off(self, event: TicketEvent = OPENED, **more: object) -> timedelta:
        with pytest.raises(NotYetError) as raised:
            await self.deliver(event, **more)  # type: ignore[arg-type]
        assert raised.value.retry_after is not None
        return raised.value.retry_after

    async def fails(self, event: TicketEvent = OPENED) -> None:
        with pytest.raises(DeliveryError) as raised:
            await self.deliver(event)
        assert not raised.value.permanent

    @property
    def creates(self) -> int:
        return self.desk.asked.count("create")

    async def kept(self) -> tuple[object, ...]:
        question = "SELECT remote_id, asks, replaced FROM ticket_remote WHERE ticket_id = $1"
        (row,) = await rows(self.house, question, self.told.ticket_id)
        return tuple(row.values())


@pytest.fixture
async def bench(house: House) -> AsyncIterator[Bench]:
    practice_id = (await enrol(house)).practice.practice_id
    ticket_id = await open_ticket(house, practice_id)
    desk = Desk()
    pen = Pen("en", "Europe/Paris", "https://vigie.example", Templates())
    async with desk_system(desk, TIMEOUT) as system:
        tickets = Tickets("tickets", system, StoredRemotes(house.worker), partial(write_ticket, pen=pen), TIMEOUT)
        made = Bench(house, desk, tickets, message(practice_id, ticket_id, 1))
        tickets.now = lambda: made.now
        yield made


async def test_a_tickets_life_is_one_ticket_there(bench: Bench) -> None:
    for event in (OPENED, APPENDED, RESOLVED, REOPENED):
        await bench.deliver(event)
    assert bench.desk.asked == ["create", "append", "resolve", "reopen"]
    (ticket,) = bench.desk.alive
    assert ticket.key == str(bench.told.ticket_id)
    assert await bench.kept() == ("1", 1, None)


async def test_what_is_delivered_again_is_there_once(bench: Bench) -> None:
    """The worker died after the answer and before it was written down that the message is sent."""
    for event in (OPENED, APPENDED, RESOLVED):
        await bench.deliver(event)
        await bench.deliver(event)
    assert bench.creates == 1
    assert len(bench.desk.tickets[0].said) == 3


async def test_a_create_that_was_done_and_answered_500_is_found(bench: Bench) -> None:
    bench.desk.creates = [Create.FILED_AND_500]
    await bench.fails()
    await bench.deliver()
    assert (bench.creates, len(bench.desk.tickets)) == (1, 1)
    assert await bench.kept() == ("1", 1, None)


async def test_a_create_whose_answer_never_comes_is_found(bench: Bench) -> None:
    bench.desk.creates = [Create.HANGS]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await bench.deliver()
    await bench.deliver()
    assert (bench.creates, len(bench.desk.tickets)) == (1, 1)


async def test_a_create_that_comes_to_be_late_is_waited_for(bench: Bench) -> None:
    bench.desk.creates = [Create.LATE]
    await bench.fails()
    assert await bench.put_off() == TIMEOUT + SETTLE
    bench.now += TIMEOUT
    bench.desk.arrive()
    await bench.deliver()
    assert (bench.creates, len(bench.desk.tickets)) == (1, 1)


@pytest.mark.parametrize(("waited", "creates"), [(TIMEOUT + SETTLE - MOMENT, 1), (TIMEOUT + SETTLE, 2)])
async def test_it_is_asked_for_again_once_the_first_create_has_settled(
    bench: Bench, waited: timedelta, creates: int
) -> None:
    bench.desk.creates = [Create.LOST_AND_500]
    await bench.fails()
    bench.now += waited
    await bench.put_off()
    assert bench.creates == creates


async def test_looking_does_not_begin_the_wait_anew(bench: Bench) -> None:
    bench.desk.creates = [Create.LOST_AND_500]
    await bench.fails()
    for _ in range(3):
        bench.now += SETTLE / 3
        await bench.put_off()
    bench.now += TIMEOUT
    await bench.put_off()
    assert bench.creates == 2


async def test_after_a_second_create_it_is_looked_for_doubles_once(bench: Bench) -> None:
    bench.desk.creates = [Create.LOST_AND_500]
    await bench.fails()
    bench.now += TIMEOUT + SETTLE
    assert await bench.put_off() == TIMEOUT + SETTLE
    bench.now += TIMEOUT + SETTLE - MOMENT
    assert await bench.put_off() == MOMENT
    bench.now += MOMENT
    await bench.deliver()
    await bench.deliver(APPENDED)
    assert bench.desk.asked[2:] == ["create", "find", "append"]
    assert await bench.kept() == ("1", 1, None)


async def test_a_double_that_turns_up_later_is_linked_and_closed(bench: Bench) -> None:
    bench.desk.creates = [Create.LATE]
    await bench.fails()
    bench.now += TIMEOUT + SETTLE
    await bench.put_off()
    bench.desk.arrive()
    bench.now += TIMEOUT + SETTLE
    await bench.deliver()
    first, double = bench.desk.tickets
    assert (double.linked_to, double.open, first.open) == (1, False, True)
    assert await bench.kept() == ("1", 1, None)


async def test_what_one_create_made_twice_is_one_ticket(bench: Bench) -> None:
    bench.desk.creates = [Create.TWICE_AND_500]
    await bench.fails()
    await bench.deliver()
    assert [(ticket.open, ticket.linked_to) for ticket in bench.desk.tickets] == [(True, None), (False, 1)]


async def test_two_creates_without_an_answer_are_one_ticket(bench: Bench) -> None:
    bench.desk.creates = [Create.LATE, Create.FILED_AND_500]
    await bench.fails()
    bench.now += TIMEOUT + SETTLE
    await bench.fails()
    bench.desk.arrive()
    await bench.put_off()
    bench.now += TIMEOUT + SETTLE
    await bench.deliver()
    assert len(bench.desk.alive) == 1
    assert await bench.kept() == ("1", 1, None)


async def test_what_was_refused_is_asked_for_again_at_once(bench: Bench) -> None:
    bench.desk.creates = [Create.REFUSED]
    with pytest.raises(NotMadeError):
        await bench.deliver()
    await bench.deliver()
    assert bench.desk.asked == ["create", "create"]
    assert await bench.kept() == ("1", 1, None)


async def test_a_refusal_after_a_lost_answer_leaves_the_first_in_doubt(bench: Bench) -> None:
    bench.desk.creates = [Create.LATE, Create.REFUSED]
    await bench.fails()
    bench.now += TIMEOUT + SETTLE
    await bench.fails()
    bench.desk.arrive()
    await bench.deliver()
    assert len(bench.desk.tickets) == 1


async def test_a_ticket_that_could_not_be_written_down_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker died between the ticket system's answer and our own commit."""

    async def dies(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(StoredRemotes, "keep", dies)
        with pytest.raises(ConnectionResetError):
            await bench.deliver()
    await bench.deliver()
    assert (bench.creates, len(bench.desk.tickets)) == (1, 1)


@pytest.mark.parametrize("event", [APPENDED, REOPENED])
async def test_a_ticket_whose_opening_was_given_up_opens_as_it_is_now(bench: Bench, event: TicketEvent) -> None:
    await bench.deliver(event)
    assert bench.desk.asked == ["find", "create"]
    (ticket,) = bench.desk.alive
    assert "needs a look" in next(iter(ticket.said.values()))


async def test_one_whose_opening_was_given_up_but_done_is_found_and_told(bench: Bench) -> None:
    bench.desk.creates = [Create.FILED_AND_500]
    await bench.fails()
    await bench.deliver(APPENDED)
    (ticket,) = bench.desk.alive
    assert len(ticket.said) == 2


async def test_what_is_over_before_it_was_told_needs_no_ticket(bench: Bench) -> None:
    await bench.deliver(RESOLVED)
    assert bench.desk.tickets == []


async def test_what_is_over_is_closed_if_an_unanswered_create_made_it(bench: Bench) -> None:
    bench.desk.creates = [Create.LATE]
    await bench.fails()
    await bench.put_off(RESOLVED)
    bench.desk.arrive()
    await bench.deliver(RESOLVED)
    assert [ticket.open for ticket in bench.desk.tickets] == [False]


@pytest.mark.parametrize("event", [APPENDED, REOPENED])
async def test_a_ticket_that_was_deleted_there_is_opened_anew_and_says_so(bench: Bench, event: TicketEvent) -> None:
    await bench.deliver()
    bench.desk.tickets[0].deleted = True
    await bench.deliver(event)
    (ticket,) = bench.desk.alive
    assert "1 was deleted" in next(iter(ticket.said.values()))
    assert await bench.kept() == ("2", 1, "1")


async def test_one_that_was_deleted_and_opened_anew_without_an_answer_is_found(bench: Bench) -> None:
    await bench.deliver()
    bench.desk.tickets[0].deleted = True
    bench.desk.creates = [Create.FILED_AND_500]
    await bench.fails(APPENDED)
    await bench.deliver(APPENDED)
    assert len(bench.desk.alive) == 1
    assert await bench.kept() == ("2", 1, "1")


async def test_one_that_is_deleted_again_is_let_go(bench: Bench) -> None:
    await bench.deliver()
    bench.desk.tickets[0].deleted = True
    await bench.deliver(APPENDED)
    bench.desk.tickets[1].deleted = True
    with pytest.raises(DeliveryError) as raised:
        await bench.deliver(REOPENED)
    assert raised.value.permanent
    assert bench.creates == 2


async def test_one_that_is_over_is_not_opened_anew(bench: Bench) -> None:
    await bench.deliver()
    bench.desk.tickets[0].deleted = True
    await bench.deliver(RESOLVED)
    assert bench.creates == 1


async def other_ticket(bench: Bench) -> UUID:
    return await open_ticket(bench.house, bench.told.practice_id)


async def test_a_ticket_that_went_into_another_is_closed_and_linked(bench: Bench) -> None:
    other = await other_ticket(bench)
    await bench.deliver()
    await bench.put_off(RESOLVED, merged_into=other)
    await bench.deliver(OPENED, ticket_id=other)
    await bench.deliver(RESOLVED, merged_into=other)
    went, into = bench.desk.tickets
    assert (went.open, went.linked_to, into.open) == (False, 2, True)


async def test_one_whose_other_never_opens_there_is_closed_all_the_same(bench: Bench) -> None:
    other = await other_ticket(bench)
    await bench.deliver()
    await bench.deliver(RESOLVED, attempts=WAITS_FOR_THE_OTHER + 1, merged_into=other)
    (went,) = bench.desk.tickets
    assert (went.open, went.linked_to) == (False, None)


async def test_one_that_was_made_by_hand_of_a_restored_house_is_known_again(bench: Bench, house: House) -> None:
    """The database was restored from before the ticket was written down: what follows finds it by its key."""
    await bench.deliver()
    await house.owner.execute("DELETE FROM ticket_remote")
    await bench.deliver(APPENDED)
    assert bench.creates == 1
    assert await bench.kept() == ("1", 1, None)
