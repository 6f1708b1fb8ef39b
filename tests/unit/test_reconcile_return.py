"""What was over and is found again: a relapse within a week, and what was closed by hand."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.incidents import REOPEN_WINDOW, Reconciled
from collector.model.campaign import RANSOMWARE_SIGNATURE, tool_signature
from collector.model.escalation import Walk
from collector.model.finding import Severity
from collector.model.incident import Closing, Incident, IncidentChange, IncidentState
from collector.model.subject import Subject
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident
from tests.unit.reconciling import BOOK, LATER, TICK, acknowledged, reconciled, resolved, told


def closed_by_hand(at: Any = LATER, *, still_found: bool = True, severity: Severity = Severity.CRITICAL) -> Incident:
    closing = Closing(by="ada", at=at, because="disk replaced")
    known = incident(finding(severity=severity), closing=closing)
    (over,) = reconciled([known], *([finding(severity=severity)] if still_found else []), now=at).incidents
    return over


@pytest.mark.parametrize(
    ("pause", "same"),
    [(TICK, True), (REOPEN_WINDOW, True), (REOPEN_WINDOW + TICK, False)],
    ids=["at-once", "at-the-end-of-the-window", "after-the-window"],
)
def test_relapse_within_a_week_is_the_same_incident(pause: timedelta, same: bool) -> None:
    done = reconciled([resolved()], finding(), now=LATER + pause)
    (now,) = done.incidents
    assert (now.incident_id == incident().incident_id) is same
    assert (now.found_at, now.walk.number) == (LATER + pause, 2 if same else 1)
    assert told(done) == [IncidentChange.REOPENED if same else IncidentChange.OPENED]


def test_nothing_that_people_did_before_holds_for_a_relapse_but_whose_it_is() -> None:
    before = acknowledged(resolved()).model_copy(
        update={
            "state": IncidentState.RESOLVED, "snoozed_until": NOW + DAY, "snoozed_by": "ada", "assigned_to": "bob",
            "ticket_id": UUID(int=1), "campaign_id": UUID(int=2), "inhibited_by": "practice_silent",
            "walk": Walk(began_at=NOW, held_by="snooze").after((0,), NOW), "messages": 4,
        }
    )  # fmt: skip
    worse = finding(severity=Severity.WARNING, reason="else", facts={"a": "b"}, root=Subject("endpoint:x"), since=LATER)
    (now,) = reconciled([before], worse, now=LATER + HOUR).incidents
    fresh = incident(worse, at=LATER + HOUR)
    same = {name: getattr(now, name) for name in Incident.model_fields if getattr(now, name) == getattr(fresh, name)}
    assert set(Incident.model_fields) - same.keys() == {
        "incident_id", "opened_at", "reopened_at", "openings", "walk", "assigned_to", "messages",
    }  # fmt: skip
    assert (now.assigned_to, now.messages, now.opened_at) == ("bob", 4, NOW)
    assert (now.walk.taken, now.walk.held_by) == ((), None)


def test_what_is_closed_by_hand_is_believed_and_looked_at_again() -> None:
    known = incident(closing=Closing(by="ada", at=LATER, because="disk replaced"))
    done = reconciled([known], finding())
    assert [(one.state, one.resolution) for one in done.incidents] == [
        (IncidentState.RESOLVED, "closed by ada: disk replaced")
    ]
    assert done.next_due == LATER + BOOK.closed_by_hand_for


@pytest.mark.parametrize(("early", "back"), [(TICK, False), (timedelta(0), True)])
def test_what_was_closed_by_hand_comes_back_if_it_is_found_still(early: timedelta, back: bool) -> None:
    until = LATER + BOOK.closed_by_hand_for
    done = reconciled([closed_by_hand().model_copy(update={"ticket_id": UUID(int=1)})], finding(), now=until - early)
    assert told(done) == ([IncidentChange.REOPENED, IncidentChange.RETURNED] if back else [])
    assert done.next_due == (None if back else until)
    if back:
        assert done.changes[-1].said == "found still, after it was closed by ada: disk replaced"
        assert [one.ticket_id for one in done.incidents] == [UUID(int=1)], "its ticket opens again at once"


@pytest.mark.parametrize(("signature", "waited"), [(None, HOUR), (RANSOMWARE_SIGNATURE, HOUR + 5 * MINUTE)])
def test_what_comes_back_after_it_was_closed_goes_on_where_it_was(signature: str | None, waited: timedelta) -> None:
    """While it is believed to be over its steps rest, but those of what takes two people to silence."""
    found = finding(signature=signature)
    walked = incident(found, closing=Closing(by="ada", at=LATER, because="fixed"))
    closed = reconciled([walked.model_copy(update={"walk": walked.walk.after((0,), NOW)})], found)
    until = LATER + BOOK.closed_by_hand_for
    (back,) = reconciled(closed.incidents, found, now=until).incidents
    assert back.walk == Walk(number=2, began_at=until, waited=waited)


def test_what_comes_back_worse_than_it_was_closed_walks_from_its_first_step_on() -> None:
    milder = closed_by_hand(severity=Severity.WARNING)
    (back,) = reconciled([milder], finding(), now=LATER + TICK).incidents
    assert back.walk == Walk(number=2, began_at=LATER + TICK)


def test_whoever_closes_it_again_and_again_does_not_make_it_flap() -> None:
    known, now = incident(), NOW
    for _ in range(BOOK.flapping.times + 1):
        closing = Closing(by="ada", at=now, because="fixed")
        closed = reconciled([known.model_copy(update={"closing": closing})], finding(), now=now)
        now += BOOK.closed_by_hand_for
        (known,) = reconciled(closed.incidents, finding(), now=now).incidents
    assert (known.openings, known.flapping) == ((NOW,), False)


@pytest.mark.parametrize(
    ("signature", "back"), [(RANSOMWARE_SIGNATURE, True), (tool_signature("restic"), False), (None, False)]
)
def test_encryption_is_closed_away_by_nobody(signature: str | None, back: bool) -> None:
    known = incident(finding(signature=signature), closing=Closing(by="ada", at=LATER, because="fixed"))
    closed = reconciled([known], finding(signature=signature))
    assert closed.next_due == LATER + (timedelta(seconds=1) if back else BOOK.closed_by_hand_for)
    found = reconciled(closed.incidents, finding(signature=signature), now=LATER + timedelta(seconds=1))
    assert (IncidentChange.REOPENED in told(found)) is back


def test_what_somebody_closed_and_opened_again_goes_on_at_once_where_it_was() -> None:
    closed = closed_by_hand().model_copy(update={"ticket_id": UUID(int=1)})
    assert closed.closing is not None
    doubted = closed.model_copy(update={"closing": closed.closing.model_copy(update={"doubted": True})})
    (back,) = reconciled([doubted], finding(), now=LATER + TICK).incidents
    assert (back.ticket_id, back.closing) == (UUID(int=1), None)
    assert back.walk == Walk(number=2, began_at=LATER + TICK, waited=HOUR)


def test_what_was_closed_by_hand_does_not_come_back_by_what_is_grey() -> None:
    until = LATER + BOOK.closed_by_hand_for
    assert reconciled([closed_by_hand()], finding(grey="catching_up"), now=until) == Reconciled((), (), None)


def test_encryption_is_closed_away_by_nobody_while_we_cannot_see_whether_it_lasts() -> None:
    found = finding(signature=RANSOMWARE_SIGNATURE, grey="catching_up")
    known = incident(finding(signature=RANSOMWARE_SIGNATURE), closing=Closing(by="ada", at=LATER, because="fixed"))
    closed = reconciled([known], found)
    assert told(reconciled(closed.incidents, found, now=LATER + timedelta(seconds=1))) == [
        IncidentChange.REOPENED, IncidentChange.RETURNED,
    ]  # fmt: skip


def test_what_has_become_worse_than_what_was_closed_comes_back_at_once() -> None:
    milder = closed_by_hand(severity=Severity.WARNING)
    assert told(reconciled([milder], finding(), now=LATER + TICK)) == [
        IncidentChange.REOPENED, IncidentChange.RETURNED,
    ]  # fmt: skip


@pytest.mark.parametrize("still_found", [True, False])
def test_what_is_gone_after_it_was_closed_stays_closed_and_relapses_as_any_other(still_found: bool) -> None:
    closed = closed_by_hand(still_found=still_found)
    gone = reconciled([closed], now=LATER + MINUTE)
    assert (told(gone), gone.next_due) == ([], None)
    known = {one.incident_id: one for one in (closed, *gone.incidents)}
    relapse = reconciled(known.values(), finding(), now=LATER + 2 * MINUTE)
    assert told(relapse) == [IncidentChange.REOPENED]
