"""What a ticket hears of incidents that are held back, come back or flap, and in which ticket system."""

from datetime import timedelta

from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.model.book import DEFAULT, WATCH, Book, Route
from collector.model.channels import Secret, WebhookChannel
from collector.model.escalation import EscalationPolicy, Step
from collector.model.finding import Severity
from collector.model.heartbeat import Role, RunStatus
from collector.model.incident import Closing, TicketState
from collector.model.message import TicketEvent
from collector.model.silence import Silence
from collector.model.subject import endpoint_subject
from tests.factories import (
    DAY,
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    job_policy,
    job_state,
    policy,
    run,
    silence,
    snapshot,
)
from tests.unit.house import House

SERVER = endpoint_subject(ENDPOINT)
TICK = timedelta(microseconds=1)
OPENED, APPENDED, RESOLVED, REOPENED = TicketEvent
FAILING = [job_state(last_run=run(NOW, RunStatus.FAILED))]
WELL = [job_state(last_run=run(NOW))]


def orders(*silences: Silence, **book: object) -> Orders:
    return Orders(Roster(Book(**book)), silences)


LATE_TICKET = orders(
    policies={"default": EscalationPolicy(name="default", steps=(Step(after=30 * MINUTE, action="ticket"),))}
)


def test_what_is_held_at_its_opening_takes_no_step_and_comes_to_its_ticket_when_it_is_freed() -> None:
    house = House(orders=orders(silence(until=NOW + DAY)))
    verdict = house.judge(snapshot(jobs=FAILING), NOW)
    assert (house.sent, verdict.next_due) == ([], NOW + DAY)
    assert [(one.walk.taken, one.ticket_id) for one in house.incidents] == [((), None)]
    house.judge(snapshot(jobs=FAILING), NOW + DAY)
    (message,) = house.messages
    assert (message.event, message.notes) == (OPENED, ("the silence has ended",))
    assert message.incidents[0].since == NOW


def test_a_ticket_hears_nothing_of_what_is_held_back_but_that_it_is_over() -> None:
    house = House()
    house.judge(snapshot([endpoint_state(NOW, role=Role.WORKSTATION)]), NOW + 7 * DAY)
    house.orders = orders(silence(until=NOW + 30 * DAY))
    house.judge(snapshot([endpoint_state(NOW)]), NOW + 8 * DAY)
    assert Severity.CRITICAL in {one.severity for one in house.incidents}
    assert house.told == [OPENED]
    house.judge(snapshot([endpoint_state(NOW + 9 * DAY)]), NOW + 9 * DAY)
    assert house.told == [OPENED, RESOLVED]


def test_ticket_of_what_comes_back_says_why() -> None:
    house = House()
    house.judge(snapshot(jobs=FAILING), NOW)
    house.acknowledge(NOW + HOUR)
    house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    assert [(one.event, one.notes) for one in house.messages[1:]] == [(APPENDED, ("the acknowledgement has expired",))]


def test_what_is_told_by_no_ticket_step_never_comes_to_a_ticket() -> None:
    house = House(orders=orders(default=WATCH.name, policies={WATCH.name: WATCH}))
    house.judge(snapshot(jobs=FAILING), NOW)
    house.acknowledge(NOW + HOUR)
    house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    house.judge(snapshot(jobs=WELL), NOW + 2 * HOUR)
    assert (house.sent, [one.resolution for one in house.known.values()]) == ([], ["recovered"])


def test_ticket_that_was_closed_by_hand_while_it_still_fails_opens_again_with_a_note() -> None:
    house = House(orders=LATE_TICKET)
    house.judge(snapshot(jobs=FAILING), NOW)
    house.judge(snapshot(jobs=FAILING), NOW + 30 * MINUTE)
    house.change(closing=Closing(by="ada", at=NOW + HOUR, because="disk replaced"))
    closed = house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    assert closed.next_due == NOW + HOUR + 5 * MINUTE
    house.judge(snapshot(jobs=FAILING), NOW + HOUR + 5 * MINUTE)
    assert house.told == [OPENED, RESOLVED, REOPENED]
    assert house.messages[-1].notes == ("found still, after it was closed by ada: disk replaced",)
    assert len(house.known) == 1


def test_relapse_that_is_held_for_longer_than_its_ticket_can_be_reopened_comes_to_another() -> None:
    house = House()
    house.judge(snapshot(jobs=FAILING), NOW)
    house.change(closing=Closing(by="ada", at=NOW, because="x"))
    house.judge(snapshot(jobs=FAILING), NOW + TICK)
    house.orders = orders(silence(until=NOW + 9 * DAY))
    house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    house.judge(snapshot(jobs=FAILING), NOW + 9 * DAY)
    assert house.told == [OPENED, RESOLVED, OPENED]
    assert len(house.tickets) == 2


def test_flapping_is_said_once_and_stops_the_messages() -> None:
    house = House()
    for minute in range(40):
        house.judge(snapshot(jobs=WELL if minute % 2 else FAILING), NOW + minute * MINUTE)
    assert house.told == [OPENED, RESOLVED, REOPENED, RESOLVED, REOPENED, RESOLVED, REOPENED]
    assert "raised 4 times within" in house.messages[-1].notes[0]
    house.judge(snapshot(jobs=WELL), NOW + 39 * MINUTE + 2 * HOUR - TICK)
    assert len(house.told) == 7
    house.judge(snapshot(jobs=WELL), NOW + 39 * MINUTE + 2 * HOUR)
    assert house.told[7:] == [RESOLVED]


def to(system: str, *rules: str) -> dict[str, object]:
    """A policy and its route to one ticket system."""
    one = EscalationPolicy(name=system, steps=(Step(after=timedelta(0), action="ticket", to=(system,)),))
    routes = (Route(name=system, policy=system, rules=rules),)
    return {"policies": {system: one, "default": DEFAULT}, "routes": routes, "channels": {system: DESK}}


DESK = WebhookChannel(kind="webhook", url="https://desk.example", secret=Secret(env="KEY"))


def test_ticket_goes_to_the_system_that_its_step_names_and_is_told_there_from_then_on() -> None:
    house = House(orders=orders(**to("helpdesk", "backup_failed")))
    house.judge(snapshot(jobs=FAILING), NOW)
    house.judge(snapshot(jobs=WELL), NOW + HOUR)
    house.orders = orders(channels={"helpdesk": DESK})
    house.judge(snapshot(jobs=FAILING), NOW + 2 * HOUR)
    assert [(one.channel, one.message.event) for one in house.sent] == [  # type: ignore[union-attr]
        ("helpdesk", OPENED), ("helpdesk", RESOLVED), ("helpdesk", REOPENED),
    ]  # fmt: skip


def test_what_comes_back_once_its_ticket_system_has_gone_comes_to_a_new_ticket() -> None:
    house = House(orders=orders(**to("helpdesk", "backup_failed")))
    house.judge(snapshot(jobs=FAILING), NOW)
    house.judge(snapshot(jobs=WELL), NOW + HOUR)
    house.orders = orders()
    house.judge(snapshot(jobs=FAILING), NOW + 2 * HOUR)
    assert (house.sent[-1].channel, house.told[-1]) == ("tickets", OPENED)


def test_a_step_whose_ticket_system_has_gone_opens_its_ticket_where_others_open() -> None:
    late = EscalationPolicy(name="default", steps=(Step(after=HOUR, action="ticket", to=("helpdesk",)),))
    house = House(orders=orders(policies={"default": late}, channels={"helpdesk": DESK}))
    house.judge(snapshot(jobs=FAILING), NOW)
    house.orders = orders()
    house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    assert [(one.channel, one.message.event) for one in house.sent] == [("tickets", OPENED)]  # type: ignore[union-attr]


def test_jobs_move_to_the_ticket_of_their_server_in_another_system() -> None:
    house = House(policy([job_policy()]), orders(**to("helpdesk", "heartbeat_missing")))
    due = NOW + DAY + HOUR
    dying = snapshot([endpoint_state(due - MINUTE, interval_s=300)], [job_state(last_run=run(NOW))])
    house.judge(dying, due)
    house.judge(dying, due + HOUR)
    told = sorted((one.channel, one.message.event) for one in house.sent)  # type: ignore[union-attr]
    assert told == [("helpdesk", OPENED), ("tickets", OPENED), ("tickets", RESOLVED)]
    (left,) = [one for one in house.tickets.values() if one.state is TicketState.OPEN]
    assert [one.merged_into for one in house.messages if one.event is RESOLVED] == [left.ticket_id]


def test_what_is_silenced_moves_when_it_is_heard_of_again() -> None:
    house = House(policy([job_policy()]))
    due = NOW + DAY + HOUR
    dying = snapshot([endpoint_state(due - MINUTE, interval_s=300)], [job_state(last_run=run(NOW))])
    house.judge(dying, due)
    house.orders = orders(silence(since=due, until=due + DAY))
    house.judge(dying, due + HOUR)
    assert house.told == [OPENED]
    house.judge(dying, due + DAY)
    assert sorted(house.told[1:]) == [OPENED, RESOLVED]
    assert {one.root for one in house.incidents} == {SERVER}
