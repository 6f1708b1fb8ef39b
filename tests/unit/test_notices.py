"""People are told at the steps of an incident, and once that it is over, in an order that never repeats a number."""

from datetime import datetime

import pytest

from collector.escalation.decide import Decision
from collector.escalation.notices import farewell, walked
from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.model.escalation import Action
from collector.model.heartbeat import RunStatus
from collector.model.incident import Incident, IncidentChange, IncidentState, Told
from collector.model.message import NoticeKind
from collector.model.snapshot import Snapshot
from tests.factories import DAY, HOUR, MINUTE, NOW, incident, job_state, policy, run, silence, snapshot
from tests.unit.escalating import BOOK, ROSTER, step, steps
from tests.unit.house import House

RAISED, REPEATED, RESOLVED = NoticeKind
PAGING = steps(
    step(0, Action.NOTIFY, "ada"),
    step(5, Action.PAGE, "ada", "bob", repeat=10 * MINUTE),
    step(30),
)
FAILING = snapshot(jobs=[job_state(last_run=run(NOW, RunStatus.FAILED))])
WELL = snapshot(jobs=[job_state(last_run=run(NOW))])


def house(**more: object) -> House:
    return House(orders=Orders(Roster(BOOK.model_copy(update={"policies": {BOOK.default: PAGING}}))), **more)  # type: ignore[arg-type]


def play(one: House, seen: Snapshot, *times: datetime) -> House:
    for now in times:
        one.judge(seen, now)
    return one


def log(one: House) -> list[tuple[str, NoticeKind, int]]:
    return [(sent.channel, notice.kind, notice.times) for sent, notice in zip(one.sent, one.notices, strict=True)]


def test_people_are_told_at_each_step_again_and_that_it_is_over() -> None:
    told = play(house(), FAILING, NOW, NOW + 5 * MINUTE, NOW + 14 * MINUTE, NOW + 15 * MINUTE, NOW + 25 * MINUTE)
    play(told, WELL, NOW + 26 * MINUTE)
    assert log(told) == [
        ("mail", RAISED, 1),
        ("sms", RAISED, 1),
        ("calls", RAISED, 1),
        ("sms", REPEATED, 2),
        ("calls", REPEATED, 2),
        ("sms", REPEATED, 3),
        ("calls", REPEATED, 3),
        ("mail", RESOLVED, 1),
        ("sms", RESOLVED, 1),
        ("calls", RESOLVED, 1),
    ]
    assert [notice.sequence for notice in told.notices] == list(range(1, 11))
    assert {notice.person for notice in told.notices} == {"ada", "bob"}
    assert told.told == [], "it was over before its ticket step"


def test_the_same_is_told_of_a_relapse_and_numbers_go_on() -> None:
    told = play(play(house(), FAILING, NOW), WELL, NOW + MINUTE)
    play(play(told, FAILING, NOW + HOUR), WELL, NOW + 2 * HOUR)
    assert [kind for _, kind, _ in log(told)] == [RAISED, RESOLVED, RAISED, RESOLVED]
    assert [notice.sequence for notice in told.notices] == [1, 2, 3, 4]


def test_what_is_retired_or_closed_or_held_says_farewell_too() -> None:
    retired = play(house(), FAILING, NOW)
    retired.policy = policy(retired_because="sold")
    silenced = play(house(), FAILING, NOW)
    silenced.orders = Orders(silenced.orders.roster, (silence(until=NOW + DAY),))
    play(silenced, FAILING, NOW + 5 * MINUTE)
    flapping = play(house(), FAILING, NOW)
    flapping.change(flapping=True, quiet_since=NOW - DAY)
    for one in (retired, silenced, flapping):
        play(one, WELL, NOW + 6 * MINUTE, NOW + 7 * MINUTE)
        assert [kind for _, kind, _ in log(one)] == [RAISED, RESOLVED]


def test_what_was_held_back_from_its_beginning_tells_nobody_of_its_end() -> None:
    silenced = house()
    silenced.orders = Orders(silenced.orders.roster, (silence(until=NOW + DAY),))
    play(play(silenced, FAILING, NOW, NOW + HOUR), WELL, NOW + 2 * HOUR)
    assert silenced.sent == []


def test_what_is_acknowledged_is_not_told_again_until_that_expires() -> None:
    told = play(house(), FAILING, NOW, NOW + 5 * MINUTE)
    told.acknowledge(NOW + HOUR)
    play(told, FAILING, NOW + 15 * MINUTE, NOW + HOUR - MINUTE)
    assert len(told.notices) == 3
    verdict = told.judge(FAILING, NOW + HOUR)
    assert verdict.next_due == NOW + HOUR + 10 * MINUTE
    assert log(told)[3:] == log(told)[:3], "whoever was told before is told at once"


def told_before(*told: Told) -> Incident:
    return incident(told=told, state=IncidentState.RESOLVED, resolved_at=NOW, messages=7)


def test_a_channel_that_told_two_people_hears_once_that_it_is_over() -> None:
    before = told_before(Told(channel="phone", person="ada"), Told(channel="phone", person="bob"), Told(channel="mail"))
    after, sent = farewell(before, policy(), BOOK, NOW)
    assert [(one.channel, one.message.sequence) for one in sent] == [("phone", 8), ("mail", 9)]
    assert (after.told, after.messages) == ((), 9)
    assert farewell(after, policy(), BOOK, NOW) == (after, ())


def test_a_channel_that_has_gone_hears_nothing_any_more() -> None:
    _, sent = farewell(told_before(Told(channel="gone", person="eve"), Told(channel="mail")), policy(), BOOK, NOW)
    assert [one.channel for one in sent] == ["mail"]


def test_what_lasts_says_no_farewell() -> None:
    lasting = incident(told=(Told(channel="mail"),))
    assert farewell(lasting, policy(), BOOK, NOW) == (lasting, ())


@pytest.mark.parametrize(("now", "person"), [(NOW, "ada"), (NOW + DAY, "bob")])
def test_whoever_is_on_call_now_is_told(now: datetime, person: str) -> None:
    escalation = steps(step(0, Action.PAGE, "nights"))
    one = incident(escalation=escalation)
    _, sent, (change,) = walked(one, Decision((0,), None), policy(), ROSTER, now)
    assert [one.message.person for one in sent] == [person]  # type: ignore[union-attr]
    assert change.what is IncidentChange.TOLD
    assert change.said.startswith(f"page: {person} (")
