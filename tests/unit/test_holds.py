"""What is held back tells nobody; what still burns when that ends comes back, and has waited no longer than it did."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.deeds import Outcome, Refusal, acknowledge, let_go, wake
from collector.escalation.holds import LET_GO, SNOOZE_ENDED, hold
from collector.escalation.incidents import Change, Reconciled
from collector.model.campaign import LONGEST_ALONE
from collector.model.escalation import Action, Walk
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.policy import Policy
from collector.model.silence import Silence
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident, policy, silence
from tests.unit.escalating import step

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


def done(outcome: Outcome) -> Change:
    assert isinstance(outcome, Change)
    return outcome


def walking(held_by: str | None = None, **more: object) -> Incident:
    """It has taken a step before."""
    return incident(**{"walk": Walk(began_at=NOW, held_by=held_by).after((0,), NOW), **more})  # type: ignore[arg-type]


def acknowledged(until: datetime | None = END, **more: object) -> Incident:
    state = {"state": IncidentState.ACKNOWLEDGED, "acknowledged_at": NOW, "acknowledged_by": "ada"}
    return walking(**{**state, "acknowledged_until": until, **more})  # type: ignore[arg-type]


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


def test_what_was_held_since_nobody_knows_when_comes_back_too() -> None:
    back = at(END, walking("practice_silent"))
    assert only(back).walk == Walk(number=2, began_at=END, waited=HOUR)
    assert told(back) == [(IncidentChange.RETURNED, "practice_silent speaks for it no longer")]


def test_one_hold_after_another_is_one() -> None:
    later = silence(since=NOW, until=NOW + DAY)
    snoozed = only(at(NOW, walking(snoozed_until=END, snoozed_by="ada"), later))
    assert snoozed.walk.held_by == "snooze"
    silenced = at(END, snoozed, later)
    assert (only(silenced).walk.held_by, only(silenced).walk.number) == (f"silence:{later.silence_id}", 1)
    assert silenced.next_due == NOW + DAY
    assert only(at(NOW + DAY, only(silenced), later)).walk == Walk(number=2, began_at=NOW + DAY)


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
        assert only(held).walk == Walk(number=2, began_at=END, waited=HOUR)


def test_acknowledgement_without_an_end_stays() -> None:
    taken = at(NOW, acknowledged(None))
    assert (taken.changes, taken.next_due) == ((), None)
    assert at(NOW + 30 * DAY, only(taken)) == taken


def test_what_is_held_back_has_waited_no_longer_when_it_comes_back() -> None:
    """Twice held and twice free: its steps are as far as the time in which they could be taken."""
    one = walking()
    for hour in (1, 2):
        held = only(at(NOW + hour * HOUR - 20 * MINUTE, one, silence(since=NOW, until=NOW + hour * HOUR)))
        one = only(at(NOW + hour * HOUR, held))
    assert one.walk == Walk(number=3, began_at=NOW + 2 * HOUR, waited=80 * MINUTE)
    late = step(90, Action.PAGE, "ada")
    assert (one.walk.reaches(step(80)), one.walk.reaches(late)) == (NOW + 2 * HOUR, NOW + 2 * HOUR + 10 * MINUTE)


def test_whoever_lets_go_brings_it_back_once_it_is_judged() -> None:
    theirs = only(at(NOW + MINUTE, acknowledged(NOW + DAY)))
    assert (theirs.walk.stopped_at, theirs.walk.taken) == (NOW + MINUTE, walking().walk.taken)
    given = done(let_go(theirs)).incident
    assert given.walk == theirs.walk
    back = at(END, given)
    assert only(back).walk == Walk(number=2, began_at=END, waited=MINUTE)
    assert [(one.what, one.said, one.quiet) for one in back.changes] == [(IncidentChange.RETURNED, LET_GO, False)]
    assert at(END + TICK, only(back)) == Reconciled(back.incidents, (), None)


def test_whoever_takes_what_another_has_just_let_go_leaves_it_at_rest() -> None:
    theirs = only(at(NOW, acknowledged(NOW + DAY)))
    taken = done(acknowledge(done(let_go(theirs)).incident, "bob", None, DAY, "", END)).incident
    assert at(END, taken) == Reconciled((taken,), (), END + DAY)


def test_a_snooze_that_is_ended_by_hand_comes_back_as_one_that_has_ended() -> None:
    asleep = only(at(NOW + MINUTE, walking(snoozed_until=NOW + DAY, snoozed_by="ada")))
    back = at(END, done(wake(asleep, END)).incident)
    assert (told(back), only(back).walk.waited) == ([(IncidentChange.RETURNED, SNOOZE_ENDED)], MINUTE)


# What takes two people to silence

ALONE = [(LONGEST_ALONE - TICK, False), (LONGEST_ALONE, True)]


def encrypted(**more: object) -> Incident:
    found = {"rule": RANSOM.rule, "signature": RANSOM.signature}
    return acknowledged(NOW + 30 * DAY, **more).model_copy(update=found)


@pytest.mark.parametrize(("after", "back"), ALONE)
def test_what_takes_two_comes_back_after_a_day_however_long_it_was_acknowledged_for(
    after: timedelta, back: bool
) -> None:
    """As what turns out to be encryption when somebody has had it for long."""
    theirs = at(NOW, encrypted())
    assert theirs.next_due == NOW + LONGEST_ALONE
    assert (only(at(NOW + after, only(theirs))).state is IncidentState.OPEN) is back


@pytest.mark.parametrize(("after", "back"), ALONE)
def test_letting_go_and_taking_it_again_gives_nobody_another_day(after: timedelta, back: bool) -> None:
    theirs = only(at(NOW, encrypted()))
    free = done(let_go(theirs)).incident
    again = acknowledge(free, "bob", None, 30 * DAY, "", NOW + after)
    if back:
        assert again is Refusal.TOO_LONG_ALONE
    else:
        assert done(again).incident.acknowledged_until == NOW + LONGEST_ALONE
    assert acknowledge(theirs, "ada", NOW + LONGEST_ALONE + TICK, DAY, "", NOW + HOUR) is Refusal.TOO_LONG_ALONE


def test_time_runs_on_while_one_person_has_what_takes_two() -> None:
    """Nobody puts off a page by taking it and letting go: it is as late as it ever was."""
    free = done(let_go(only(at(NOW + MINUTE, encrypted())))).incident
    back = only(at(END, free))
    assert back.walk == Walk(number=2, began_at=END, waited=HOUR)
    assert only(at(END, only(at(NOW + MINUTE, acknowledged())))).walk.waited == MINUTE


def test_time_rests_while_two_people_silence_what_takes_two() -> None:
    approved = silence(approved_by="bob")
    free = encrypted(state=IncidentState.OPEN, acknowledged_until=None)
    silenced = only(at(NOW + MINUTE, free, approved))
    assert only(at(END, silenced)).walk == Walk(number=2, began_at=END, waited=MINUTE)


def test_whoever_takes_what_two_silence_has_a_day_from_the_end_of_the_silence() -> None:
    long = silence(until=NOW + 3 * DAY, approved_by="bob")
    silenced = at(NOW, encrypted(), long)
    assert silenced.next_due == NOW + 3 * DAY
    late = NOW + 2 * DAY
    assert done(acknowledge(only(silenced), "ada", late + DAY, DAY, "", late)).incident.acknowledged_until == late + DAY
    theirs = at(NOW + 3 * DAY, only(silenced))
    assert (only(theirs).state, theirs.next_due) == (IncidentState.ACKNOWLEDGED, NOW + 3 * DAY + LONGEST_ALONE)
    assert only(theirs).walk.reaches(step(5)) == NOW + 3 * DAY + 5 * MINUTE


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
    assert (only(back).walk.number, only(back).walk.stopped_at, back.next_due) == (1, END, NOW + DAY)
    assert at(END + TICK, only(back)) == Reconciled(back.incidents, (), NOW + DAY)


def test_what_somebody_has_through_a_silence_has_waited_as_long_as_before_either() -> None:
    once = acknowledged(NOW + DAY, walk=Walk(began_at=NOW, waited=MINUTE))
    theirs = only(at(NOW + 5 * MINUTE, once))
    silenced = only(at(NOW + 9 * MINUTE, theirs, silence()))
    assert only(at(END, silenced, silence())).walk.waited == 6 * MINUTE
    assert only(at(NOW + DAY, only(at(END, silenced, silence())))).walk.waited == 6 * MINUTE


def test_what_somebody_has_comes_back_when_its_snooze_ends() -> None:
    held = only(at(NOW, acknowledged(NOW + DAY, snoozed_until=END, snoozed_by="ada")))
    assert only(at(END, held)).state is IncidentState.OPEN


def test_whoever_takes_what_somebody_else_snoozed_keeps_it_when_that_ends() -> None:
    snoozed = only(at(NOW, walking(snoozed_until=END, snoozed_by="ada")))
    taken = done(acknowledge(snoozed, "bob", NOW + DAY, DAY, "", NOW + MINUTE))
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
