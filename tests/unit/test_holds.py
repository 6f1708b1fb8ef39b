"""What is held back tells nobody; what still burns when that ends walks its steps anew, from that very moment."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.deeds import acknowledge
from collector.escalation.holds import hold
from collector.escalation.incidents import Change, Reconciled
from collector.model.escalation import Walk
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.silence import Silence
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident, policy, silence

TICK = timedelta(microseconds=1)
END = NOW + HOUR
BY_SILENCE = f"silence:{silence().silence_id}"
RANSOM = finding("ransomware_signature", signature="ransomware_signature")


def at(now: datetime, one: Incident, *silences: Silence, of: Policy | None = None) -> Reconciled:
    return hold([one], silences, of or policy(), now)


def only(held: Reconciled) -> Incident:
    (one,) = held.incidents
    return one


def told(held: Reconciled) -> list[tuple[IncidentChange, str]]:
    return [(change.what, change.said) for change in held.changes]


def walking(held_by: str | None = None, **more: object) -> Incident:
    """It has taken a step before."""
    return incident(walk=Walk(began_at=NOW, held_by=held_by).after((0,), NOW), **more)  # type: ignore[arg-type]


def acknowledged(until: datetime | None = END, **more: object) -> Incident:
    state = {"state": IncidentState.ACKNOWLEDGED, "acknowledged_at": NOW, "acknowledged_by": "ada"}
    return walking(**state, acknowledged_until=until, **more)  # type: ignore[arg-type]


HOLDS = [
    ("snooze", {"snoozed_until": END, "snoozed_by": "ada"}, (), "the snooze has ended"),
    (BY_SILENCE, {}, (silence(),), "the silence has ended"),
]


@pytest.mark.parametrize(("by", "state", "silences", "ended"), HOLDS, ids=["snooze", "silence"])
def test_what_is_held_back_comes_back_at_the_very_end(
    by: str, state: dict[str, Any], silences: tuple[Silence, ...], ended: str
) -> None:
    held = at(NOW, walking(**state), *silences)
    assert (only(held).walk.held_by, only(held).walk.number, held.next_due) == (by, 1, END)
    assert [(change.what, change.quiet) for change in held.changes] == [(IncidentChange.HELD, True)]
    still = at(END - TICK, only(held), *silences)
    assert still == Reconciled(held.incidents, (), END)
    back = at(END, only(still), *silences)
    assert only(back).walk == Walk(number=2, began_at=END)
    assert (told(back), back.next_due) == ([(IncidentChange.RETURNED, ended)], None)
    assert (only(back).snoozed_until, only(back).snoozed_by) == (None, None)
    assert at(END + TICK, only(back), *silences) == Reconciled(back.incidents, (), None)


def test_whoever_is_spoken_for_comes_back_when_that_is_over() -> None:
    held = at(NOW, walking(inhibited_by="practice_silent"))
    assert (only(held).walk.held_by, held.next_due) == ("practice_silent", None)
    back = at(END, only(held).model_copy(update={"inhibited_by": None}))
    assert only(back).walk == Walk(number=2, began_at=END)
    assert told(back) == [(IncidentChange.RETURNED, "practice_silent speaks for it no longer")]


def test_one_hold_after_another_is_one() -> None:
    later = silence(since=NOW, until=NOW + DAY)
    snoozed = only(at(NOW, walking(snoozed_until=END, snoozed_by="ada"), later))
    assert snoozed.walk.held_by == "snooze"
    silenced = at(END, snoozed, later)
    assert (only(silenced).walk.held_by, only(silenced).walk.number) == (f"silence:{later.silence_id}", 1)
    assert silenced.next_due == NOW + DAY


def test_of_two_silences_the_longer_one_holds() -> None:
    longer = silence(until=NOW + DAY, silence_id=UUID(int=7))
    assert at(NOW, walking(), silence(), longer).next_due == NOW + DAY
    assert at(NOW, walking(), longer, silence()).next_due == NOW + DAY


def test_silence_that_is_yet_to_begin_is_waited_for() -> None:
    coming = silence(since=END, until=NOW + DAY)
    assert at(NOW, walking(), coming) == Reconciled((walking(),), (), END)
    assert at(NOW, walking(), silence(practice_id=UUID(int=5), since=END, until=NOW + DAY)).next_due is None


def test_silence_that_was_ended_lets_go() -> None:
    held = only(at(NOW, walking(), silence()))
    assert told(at(NOW + MINUTE, held)) == [(IncidentChange.RETURNED, "the silence has ended")]
    ended = silence(ended_at=NOW + MINUTE, ended_by="bob")
    assert told(at(NOW + MINUTE, held, ended)) == [(IncidentChange.RETURNED, "the silence has ended")]


def test_silence_of_other_labels_holds_nothing() -> None:
    of = policy(labels={"city": "Bordeaux"})
    paris = silence(scope={"labels": {"city": "Paris"}})
    bordeaux = silence(scope={"labels": {"city": "Bordeaux"}})
    assert [only(at(NOW, walking(), one, of=of)).walk.held_by is None for one in (paris, bordeaux)] == [True, False]


@pytest.mark.parametrize(
    "found",
    [RANSOM, finding("endpoint_alert", signature="alert:ransomware:x"), finding("campaign", signature=None)],
    ids=["encryption", "alert", "campaign"],
)
@pytest.mark.parametrize(("approved_by", "holds"), [(None, False), ("bob", True)])
def test_what_needs_two_people_is_silenced_by_two_and_snoozed_by_none(
    found: object, approved_by: str | None, holds: bool
) -> None:
    one = incident(found, snoozed_until=END, snoozed_by="ada")  # type: ignore[arg-type]
    held = only(at(NOW, one, silence(approved_by=approved_by)))
    assert held.walk.held_by == (BY_SILENCE if holds else None)


@pytest.mark.parametrize(("now", "back"), [(END - TICK, False), (END, True)])
def test_acknowledgement_expires(now: datetime, back: bool) -> None:
    held = at(now, acknowledged())
    assert only(held).state is (IncidentState.OPEN if back else IncidentState.ACKNOWLEDGED)
    assert only(held).acknowledged_by == (None if back else "ada")
    assert told(held) == ([(IncidentChange.RETURNED, "the acknowledgement has expired")] if back else [])
    assert held.next_due == (None if back else END)
    if back:
        assert only(held).walk == Walk(number=2, began_at=END)


def test_acknowledgement_without_an_end_stays() -> None:
    assert at(NOW + 30 * DAY, acknowledged(None)) == Reconciled((acknowledged(None),), (), None)


def test_acknowledgement_that_expires_under_a_silence_waits_for_its_end() -> None:
    long = silence(until=NOW + DAY)
    held = only(at(NOW, acknowledged(), long))
    expired = at(END, held, long)
    assert (only(expired).state, only(expired).walk.held_by) == (IncidentState.OPEN, f"silence:{long.silence_id}")
    assert [change.quiet for change in expired.changes] == [True]
    assert told(at(NOW + DAY, only(expired), long)) == [(IncidentChange.RETURNED, "the silence has ended")]


def test_what_somebody_has_does_not_come_back_when_a_silence_ends() -> None:
    held = only(at(NOW, acknowledged(NOW + DAY), silence()))
    back = at(END, held, silence())
    assert (only(back).state, only(back).walk.held_by, back.changes) == (IncidentState.ACKNOWLEDGED, None, ())
    assert (only(back).walk.number, back.next_due) == (1, NOW + DAY)


def test_what_somebody_has_comes_back_when_its_snooze_ends() -> None:
    held = only(at(NOW, acknowledged(NOW + DAY, snoozed_until=END, snoozed_by="ada")))
    assert only(at(END, held)).state is IncidentState.OPEN


def test_whoever_takes_what_somebody_else_snoozed_keeps_it_when_that_ends() -> None:
    snoozed = only(at(NOW, walking(snoozed_until=END, snoozed_by="ada")))
    taken = acknowledge(snoozed, "bob", NOW + DAY, DAY, "", NOW + MINUTE)
    assert isinstance(taken, Change)
    held = at(NOW + MINUTE, taken.incident)
    assert (only(held).walk.held_by, held.changes, held.next_due) == (None, (), NOW + DAY)
    assert at(END, only(held)) == Reconciled(held.incidents, (), NOW + DAY)


def test_what_one_silence_holds_another_that_begins_later_does_not_take_over_before_it_ends() -> None:
    later = silence(since=NOW + MINUTE, until=NOW + DAY, silence_id=UUID(int=7))
    held = at(NOW, walking(), silence(), later)
    assert at(NOW + MINUTE, only(held), silence(), later) == Reconciled(held.incidents, (), END)
    assert only(at(END, only(held), silence(), later)).walk.held_by == f"silence:{later.silence_id}"


def test_history_says_what_has_ended_when_another_hold_begins_at_that_very_moment() -> None:
    begins = silence(since=END, until=NOW + DAY)
    assert told(at(END, acknowledged(), begins)) == [
        (IncidentChange.HELD, "the acknowledgement has expired"), (IncidentChange.HELD, "ada: new server"),
    ]  # fmt: skip


def test_what_is_over_is_held_by_nothing() -> None:
    over = incident(state=IncidentState.RESOLVED, resolved_at=NOW)
    assert at(NOW, over, silence()) == Reconciled((over,), (), None)
