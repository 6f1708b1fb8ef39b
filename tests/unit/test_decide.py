"""Which steps of its escalation policy an incident has come to, looked at whenever."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.escalation.decide import Decision, decide
from collector.model.escalation import SHORTEST_REPEAT, Action, EscalationPolicy, Step, Walk, When
from collector.model.incident import Incident, IncidentState
from tests.factories import DAY, HOUR, MINUTE, NOW, incident
from tests.unit.escalating import CLOSES, OPENS, ROSTER, policies, step, steps

TICK = timedelta(microseconds=1)
NOTIFY, PAGE = Action.NOTIFY, Action.PAGE
IN_HOURS, AFTER_HOURS = When.IN_HOURS, When.AFTER_HOURS
TAKEN_AT = NOW + 3 * MINUTE


def taken(*places: int, at: datetime = NOW, **more: object) -> Incident:
    one = incident(**more)  # type: ignore[arg-type]
    return one.model_copy(update={"walk": one.walk.after(places, at)})


@pytest.mark.parametrize(
    ("now", "done", "due", "next_due"),
    [
        (NOW, (), (0,), NOW + 10 * MINUTE),
        (NOW + 10 * MINUTE - TICK, (0,), (), NOW + 10 * MINUTE),
        (NOW + 10 * MINUTE, (0,), (1,), NOW + HOUR),
        (NOW + 10 * MINUTE, (), (0, 1), NOW + HOUR),
        (NOW + 9 * HOUR, (), (0, 1, 2), None),
        (NOW + 9 * HOUR, (0, 2), (1,), None),
        (NOW + 9 * HOUR, (0, 1, 2), (), None),
    ],
    ids=["at-once", "not-yet", "at-its-time", "caught-up", "all", "left-out-before", "none-left"],
)
def test_steps_are_taken_when_their_time_has_come(
    now: datetime, done: tuple[int, ...], due: tuple[int, ...], next_due: datetime | None
) -> None:
    assert decide(taken(*done), steps(step(0), step(10), step(60)), now, ROSTER) == Decision(due, next_due)


@pytest.mark.parametrize(
    "more",
    [{"state": IncidentState.ACKNOWLEDGED}, {"state": IncidentState.RESOLVED}, {"quiet_since": NOW}],
    ids=["acknowledged", "resolved", "flapping-and-quiet"],
)
def test_what_somebody_has_or_is_over_or_quiet_takes_no_step(more: dict[str, Any]) -> None:
    assert decide(incident(**more), steps(step(0), step(10)), NOW + HOUR, ROSTER) == Decision((), None)


def test_what_is_held_takes_no_step() -> None:
    held = incident()
    held = held.model_copy(update={"walk": held.walk.model_copy(update={"held_by": "snooze"})})
    assert decide(held, steps(step(0)), NOW + HOUR, ROSTER) == Decision((), None)


@pytest.mark.parametrize(("pages", "due"), [(True, (0, 1)), (False, (0,))])
def test_while_a_campaign_pages_its_members_do_not(pages: bool, due: tuple[int, ...]) -> None:
    policy = steps(step(0), step(5, PAGE, "ada", repeat=HOUR))
    decided = decide(incident(), policy, NOW + 5 * MINUTE, ROSTER, pages=pages)
    assert decided == Decision(due, NOW + 5 * MINUTE + HOUR if pages else None)


@pytest.mark.parametrize(
    ("only", "due"),
    [(None, (0, 1, 2)), ((), ()), ((Action.TICKET,), (0,)), ((NOTIFY, Action.TICKET), (0, 1)), ((PAGE,), (2,))],
)
def test_what_has_become_milder_takes_only_such_steps(only: tuple[Action, ...] | None, due: tuple[int, ...]) -> None:
    one = incident()
    milder = one.model_copy(update={"walk": one.walk.model_copy(update={"only": only})})
    policy = steps(step(0), step(0, NOTIFY, "ada"), step(0, PAGE, "ada", repeat=HOUR))
    assert decide(milder, policy, NOW, ROSTER) == Decision(due, NOW + HOUR if 2 in due else None)


@pytest.mark.parametrize(
    ("waited", "due", "next_due"),
    [
        (timedelta(0), (0,), NOW + 10 * MINUTE),
        (10 * MINUTE - TICK, (0,), NOW + TICK),
        (10 * MINUTE, (0, 1), NOW + 50 * MINUTE),
        (DAY, (0, 1, 2), None),
    ],
)
def test_what_comes_back_has_waited_before(waited: timedelta, due: tuple[int, ...], next_due: datetime | None) -> None:
    back = incident(walk=Walk(number=2, began_at=NOW, waited=waited))
    assert decide(back, steps(step(0), step(10), step(60)), NOW, ROSTER) == Decision(due, next_due)


@pytest.mark.parametrize(
    ("one", "now", "decided"),
    [
        (step(0, NOTIFY, "ada", when=IN_HOURS), NOW, Decision((), None)),
        (step(0, NOTIFY, "ada", when=IN_HOURS, waits=True), NOW, Decision((), OPENS)),
        (step(0, NOTIFY, "ada", when=IN_HOURS, waits=True), OPENS - TICK, Decision((), OPENS)),
        (step(0, NOTIFY, "ada", when=IN_HOURS, waits=True), OPENS, Decision((0,), None)),
        (step(0, NOTIFY, "ada", when=AFTER_HOURS), NOW, Decision((0,), None)),
        (step(60 * 37, PAGE, "ada", when=AFTER_HOURS), OPENS, Decision((), None)),
        (step(60 * 37, PAGE, "ada", when=AFTER_HOURS, waits=True), OPENS, Decision((), CLOSES)),
        (step(60 * 37 - 1, PAGE, "ada", when=AFTER_HOURS), OPENS, Decision((0,), None)),
        (step(0, when=IN_HOURS, waits=True), NOW, Decision((), OPENS)),
    ],
    ids=[
        "left-out", "waits", "waits-still", "has-waited", "in-its-part", "left-out-in-hours", "waits-for-the-evening",
        "in-its-part-when-due-though-we-are-late", "a-ticket-waits-too",
    ],
)  # fmt: skip
def test_a_step_is_left_out_or_waits_outside_its_part_of_the_day(one: Step, now: datetime, decided: Decision) -> None:
    assert decide(incident(), steps(one), now, ROSTER) == decided


@pytest.mark.parametrize(
    ("to", "now", "decided"),
    [
        ("days", NOW, Decision((), OPENS)),
        ("office", OPENS - TICK, Decision((), OPENS)),
        ("office", OPENS, Decision((0,), None)),
        ("nights", NOW, Decision((0,), None)),
        ("everybody", NOW, Decision((0,), None)),
        ("weekend", NOW, Decision((), NOW + HOUR)),
        ("weekend", NOW + HOUR, Decision((0,), None)),
        ("weekend", NOW + DAY, Decision((), OPENS)),
        ("nobody", NOW, Decision((), None)),
    ],
)
def test_a_step_waits_until_somebody_is_on_call(to: str, now: datetime, decided: Decision) -> None:
    """Whoever was there while we were not is not there to be told now."""
    assert decide(incident(), steps(step(0, PAGE, to)), now, ROSTER) == decided


def test_a_step_for_whom_nobody_is_ever_there_does_not_hold_up_the_rest() -> None:
    never = step(0, PAGE, "days", when=AFTER_HOURS, waits=True)
    decided = decide(incident(), steps(never, step(1)), NOW + MINUTE, ROSTER)
    assert decided == Decision((1,), None)


@pytest.mark.parametrize(
    ("now", "due", "next_due"),
    [
        (TAKEN_AT + 5 * MINUTE - TICK, (), TAKEN_AT + 5 * MINUTE),
        (TAKEN_AT + 5 * MINUTE, (0,), TAKEN_AT + 10 * MINUTE),
        (TAKEN_AT + HOUR, (0,), TAKEN_AT + HOUR + 5 * MINUTE),
    ],
)
def test_a_step_repeats_from_when_it_was_taken(now: datetime, due: tuple[int, ...], next_due: datetime) -> None:
    policy = steps(step(0, PAGE, "ada", repeat=5 * MINUTE))
    assert decide(taken(0, at=TAKEN_AT), policy, now, ROSTER) == Decision(due, next_due)


class Walker:
    """An incident that takes its steps when it is looked at, as the judge does it."""

    def __init__(self, policy: EscalationPolicy) -> None:
        self.policy, self.one, self.due = policy, incident(), NOW
        self.log: list[tuple[int, datetime]] = []

    def look(self, now: datetime) -> datetime | None:
        decided = decide(self.one, self.policy, now, ROSTER)
        assert decided.next_due is None or decided.next_due > now
        self.log += [(place, now) for place in decided.due]
        self.one = self.one.model_copy(update={"walk": self.one.walk.after(decided.due, now)})
        return decided.next_due

    def walk(self, until: datetime, looks: tuple[datetime, ...] = ()) -> list[tuple[int, datetime]]:
        """Look whenever something falls due, and at some other times."""
        left, due = sorted(looks), self.look(NOW)
        while (now := min([at for at in (due, *left[:1]) if at], default=None)) and now <= until:
            left = [at for at in left if at > now]
            due = self.look(now)
        return self.log


_looks = st.lists(st.integers(1, 3 * 24 * 60), max_size=12).map(lambda some: tuple(NOW + one * MINUTE for one in some))
UNTIL = NOW + 3 * DAY


@given(policies, _looks)
def test_what_is_decided_holds_until_the_next_is_due(policy: EscalationPolicy, looks: tuple[datetime, ...]) -> None:
    """Whoever looks more often sees nothing else: no step is taken sooner, later, twice or not at all."""
    assert Walker(policy).walk(UNTIL, looks) == Walker(policy).walk(UNTIL)


@given(policies, _looks)
def test_a_step_is_taken_once_and_repeats_no_sooner_than_it_may(
    policy: EscalationPolicy, looks: tuple[datetime, ...]
) -> None:
    log = Walker(policy).walk(UNTIL, looks)
    for place, one in enumerate(policy.steps):
        times = [at for number, at in log if number == place]
        assert one.repeat or len(times) <= 1
        assert all(at >= NOW + one.after for at in times)
        assert all(b - a >= (one.repeat or SHORTEST_REPEAT) for a, b in pairwise(times))
        assert all(ROSTER.reached(one.to, one.action, at) for at in times if one.action is not Action.TICKET)
        assert all(ROSTER.fits(one.when, at) for at in times)


@given(policies, _looks.filter(len))
def test_whoever_looks_late_skips_no_step(policy: EscalationPolicy, looks: tuple[datetime, ...]) -> None:
    """Steps whose people are gone by then wait for the next who are there."""
    late = Walker(policy)
    for now in sorted(looks):
        late.look(now)
    punctual = {place for place, _ in Walker(policy).walk(max(looks))}
    missing = punctual - {place for place, _ in late.log}
    assert {place for place, _ in late.log} <= punctual
    assert all(not ROSTER.reached(policy.steps[one].to, policy.steps[one].action, max(looks)) for one in missing)
    assert all(late.one.walk.last(place) is None for place in missing)


@pytest.mark.parametrize(
    "of",
    [
        {"name": "x", "steps": [{"after": 30 * MINUTE, "action": "ticket"}, {"after": MINUTE, "action": "ticket"}]},
        {"name": "x", "steps": [{"after": MINUTE, "action": "page"}]},
        {"name": "x", "steps": [{"after": MINUTE, "action": "page", "to": ["ada"], "repeat": MINUTE - TICK}]},
        {"name": "x", "steps": [{"after": MINUTE, "action": "ticket", "to": ["a", "b"]}]},
        {"name": "x", "steps": [{"after": MINUTE, "action": "ticket", "repeat": HOUR}]},
    ],
    ids=["out-of-order", "nobody-is-paged", "repeats-too-soon", "two-ticket-systems", "a-ticket-repeats"],
)
def test_a_policy_that_cannot_be_is_refused(of: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EscalationPolicy.model_validate(of)
