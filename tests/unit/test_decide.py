"""Which steps of an escalation policy an incident has come to."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.escalation.decide import decide
from collector.escalation.incidents import reconcile
from collector.model.escalation import EscalationPolicy, Step
from collector.model.incident import Incident, IncidentState
from tests.factories import HOUR, MINUTE, NOW, finding, policy

TICK = timedelta(microseconds=1)


def steps(*minutes: int) -> EscalationPolicy:
    return EscalationPolicy(name="test", steps=tuple(Step(after=one * MINUTE, action="ticket") for one in minutes))


def incident(**more: object) -> Incident:
    (opened,), _ = reconcile((), (finding(),), policy(), NOW)
    return opened.model_copy(update=more)


@pytest.mark.parametrize(
    ("now", "done", "due", "next_due"),
    [
        (NOW, 0, [0], NOW + 10 * MINUTE),
        (NOW + 10 * MINUTE - TICK, 1, [], NOW + 10 * MINUTE),
        (NOW + 10 * MINUTE, 1, [10], NOW + HOUR),
        (NOW + 10 * MINUTE, 0, [0, 10], NOW + HOUR),
        (NOW + 9 * HOUR, 0, [0, 10, 60], None),
        (NOW + 9 * HOUR, 3, [], None),
    ],
    ids=["at-once", "not-yet", "at-its-time", "caught-up", "all", "none-left"],
)
def test_steps_are_taken_when_their_time_has_come(
    now: datetime, done: int, due: list[int], next_due: datetime | None
) -> None:
    decided = decide(incident(steps_done=done), steps(0, 10, 60), now)
    assert [step.after for step in decided.due] == [one * MINUTE for one in due]
    assert decided.next_due == next_due


@pytest.mark.parametrize("state", [IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED])
def test_acknowledged_or_resolved_incident_takes_no_step(state: IncidentState) -> None:
    decided = decide(incident(state=state), steps(0, 10), NOW + HOUR)
    assert (decided.due, decided.next_due) == ((), None)


@given(st.lists(st.integers(0, 100), max_size=5).map(sorted), st.lists(st.integers(0, 120), max_size=8).map(sorted))
def test_no_step_is_taken_twice_and_none_is_skipped(minutes: list[int], looks: list[int]) -> None:
    one, escalation, taken = incident(), steps(*minutes), list[Step]()
    for look in [*looks, 120]:
        due = decide(one, escalation, NOW + look * MINUTE).due
        taken += due
        one = one.model_copy(update={"steps_done": one.steps_done + len(due)})
    assert tuple(taken) == escalation.steps


def test_policy_with_steps_out_of_order_is_refused() -> None:
    with pytest.raises(ValidationError):
        steps(30, 10)
