"""kill -9 while tickets go out, a few rounds of it (`make kill-tickets` does more): none is lost, none doubled."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from deploy.local import Services, local_services
from tests.bench.kill_tickets import Outcome, Victim, run_rounds
from tests.bench.ticket_check import HOOK, TRACKER, Found, Held, Posted
from tests.bench.ticket_receivers import Way

ROUNDS = 3
SEED = 11


@pytest.fixture(scope="module")
def mortal() -> Iterator[Services]:
    """Servers of its own, to be killed."""
    with local_services(say=lambda _: None) as started:
        yield started


@pytest.fixture(scope="module")
async def outcome(mortal: Services, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return await run_rounds(mortal, tmp_path_factory.mktemp("kill-tickets"), ROUNDS, SEED, print)


@pytest.fixture(scope="module")
def held(outcome: Outcome) -> Held:
    assert outcome.held
    return outcome.held


@pytest.fixture(scope="module")
def found(outcome: Outcome) -> Found:
    assert outcome.found
    return outcome.found


def test_whatever_is_killed_each_ticket_is_there_once(outcome: Outcome, found: Found) -> None:
    assert set(outcome.killed) == set(Victim)
    assert outcome.troubles.owed
    assert outcome.troubles.faults == []
    assert outcome.tracker.ways.keys() - {Way.WELL}
    assert (found.lost, found.doubled) == (frozenset(), frozenset())
    assert found.sent == found.received > 0


def _posted(held: Held, channel: str) -> Posted:
    return next(one for one in held.posted if one.channel == channel)


def test_a_message_that_is_not_at_the_hook_would_be_seen(
    outcome: Outcome, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rounds above find nothing; these show that they could."""
    key = str(_posted(held, HOOK).outbox_id)
    monkeypatch.delitem(outcome.hook.arrived, key)
    [lost] = outcome.check(held).lost
    assert key in lost


def test_a_ticket_that_is_not_at_the_tracker_would_be_seen(
    outcome: Outcome, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(_posted(held, TRACKER).about)
    monkeypatch.setattr(outcome.tracker, "tickets", [one for one in outcome.tracker.tickets if one.key != key])
    assert all(key in lost for lost in outcome.check(held).lost)


def test_an_alert_without_a_ticket_would_be_seen(outcome: Outcome, held: Held) -> None:
    forgotten = min(held.ticketed)
    without = replace(held, ticketed=held.ticketed - {forgotten})
    assert outcome.check(without).lost == {f"alert {forgotten} has no ticket"}


def test_what_was_never_sent_would_be_seen(outcome: Outcome, held: Held) -> None:
    first, *others = held.posted
    unsent = replace(held, posted=(replace(first, sent=False, last_error="no answer"), *others))
    [lost] = outcome.check(unsent).lost
    assert "never sent: no answer" in lost


def test_an_event_by_two_keys_would_be_seen(outcome: Outcome, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    again = next(iter(outcome.hook.arrived.values()))
    monkeypatch.setitem(outcome.hook.arrived, str(uuid4()), again)
    assert outcome.check(held).doubled == {f"ticket {again.ticket_id} at the hook"}


def test_two_tickets_at_work_for_one_of_ours_would_be_seen(
    outcome: Outcome, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = next(one for one in outcome.tracker.tickets if one.status != "rejected")
    monkeypatch.setattr(outcome.tracker, "tickets", [*outcome.tracker.tickets, twin])
    assert outcome.check(held).doubled == {f"ticket {twin.key} at the tracker"}


def test_two_tickets_for_one_root_would_be_seen(outcome: Outcome, held: Held) -> None:
    one = next(ticket for ticket in held.tickets if ticket.channel == HOOK)
    twice = replace(held, tickets=(*held.tickets, replace(one, ticket_id=uuid4())))
    assert outcome.check(twice).doubled == {f"2 tickets for {one.root}"}
