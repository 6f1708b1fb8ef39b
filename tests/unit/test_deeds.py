"""What people do to an incident: done, refused by name, or done already."""

from datetime import datetime, timedelta

import pytest

from collector.escalation import deeds
from collector.escalation.deeds import LONGEST_HOLD, SAME_CLICK, Outcome, Refusal
from collector.escalation.incidents import NOBODY_HAS_IT, Change
from collector.model.campaign import CAMPAIGN, LONGEST_ALONE, RANSOMWARE_SIGNATURE, tool_signature
from collector.model.happening import Deed, Happening
from collector.model.incident import Closing, Incident, IncidentChange, IncidentState
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident

USUAL = DAY
CLOSED = Closing(by="ada", at=NOW, because="done")
OVER = incident(state=IncidentState.RESOLVED, resolved_at=NOW, resolution="recovered")
ENCRYPTED = incident(finding(signature=RANSOMWARE_SIGNATURE))
ATTACK = incident(finding(CAMPAIGN))


def done(outcome: Outcome) -> Change:
    assert isinstance(outcome, Change)
    return outcome


def acknowledged(one: Incident, until: datetime | None = None, by: str = "ada", now: datetime = NOW) -> Outcome:
    return deeds.acknowledge(one, by, until, USUAL, "on my way", now)


@pytest.mark.parametrize(
    "refused",
    [
        acknowledged(OVER),
        deeds.let_go(OVER),
        deeds.snooze(OVER, "ada", NOW + HOUR, "", NOW),
        deeds.wake(OVER, NOW),
        deeds.assign(OVER, "ada", ["ada"]),
        deeds.comment(OVER, "late", ()),
        deeds.close(OVER, "ada", "again", NOW),
        deeds.merge(OVER, ATTACK),
    ],
)
def test_what_is_over_is_left_as_it_was(refused: Outcome) -> None:
    assert refused is Refusal.RESOLVED


def test_an_acknowledgement_lasts_as_long_as_is_usual_unless_it_says() -> None:
    usual, said = done(acknowledged(incident())), done(acknowledged(incident(), NOW + HOUR))
    assert usual.incident.acknowledged_until == NOW + USUAL
    assert said.incident.acknowledged_until == NOW + HOUR
    assert said.incident.state is IncidentState.ACKNOWLEDGED
    assert (said.what, said.said) == (IncidentChange.ACKNOWLEDGED, "until 2026-11-21T19:00:00+00:00: on my way")


@pytest.mark.parametrize(
    ("by", "until", "changes"),
    [
        ("grace", None, False),
        ("ada", None, False),
        ("ada", HOUR, False),
        ("ada", HOUR + SAME_CLICK - timedelta(seconds=1), False),
        ("ada", HOUR + SAME_CLICK, True),
        ("ada", 3 * HOUR, True),
        ("grace", HOUR, True),
    ],
)
def test_a_second_acknowledgement_changes_only_what_it_says_anew(
    by: str, until: timedelta | None, changes: bool
) -> None:
    first = done(acknowledged(incident(), NOW + HOUR)).incident
    again = acknowledged(first, NOW + until if until else None, by, NOW + timedelta(seconds=3))
    assert isinstance(again, Change) is changes
    assert again is None or done(again).incident.acknowledged_by == by


@pytest.mark.parametrize(
    ("until", "refused"),
    [
        (NOW, Refusal.NOT_AHEAD),
        (NOW - DAY, Refusal.NOT_AHEAD),
        (NOW + timedelta(seconds=1), None),
        (NOW + LONGEST_HOLD, None),
        (NOW + LONGEST_HOLD + timedelta(seconds=1), Refusal.TOO_LONG),
    ],
)
def test_a_hold_ends_ahead_and_not_too_far(until: datetime, refused: Refusal | None) -> None:
    for outcome in (acknowledged(incident(), until), deeds.snooze(incident(), "ada", until, "", NOW)):
        assert (outcome if isinstance(outcome, Refusal) else None) is refused


def test_whoever_lets_go_leaves_it_to_be_judged() -> None:
    mine = done(acknowledged(incident())).incident
    given = done(deeds.let_go(mine))
    assert (given.what, given.said) == (IncidentChange.LET_GO, "")
    assert given.incident == mine.model_copy(update=NOBODY_HAS_IT)
    assert deeds.let_go(given.incident) is None


def test_a_snooze_is_one_persons_and_ends_by_hand_too() -> None:
    asleep = done(deeds.snooze(incident(), "ada", NOW + HOUR, "later", NOW)).incident
    assert (asleep.snoozed_by, asleep.snoozed_until) == ("ada", NOW + HOUR)
    assert deeds.snooze(asleep, "ada", NOW + HOUR, "later", NOW) is None
    assert done(deeds.snooze(asleep, "grace", NOW + HOUR, "", NOW)).incident.snoozed_by == "grace"
    woken = done(deeds.wake(asleep, NOW + MINUTE))
    assert (woken.what, woken.incident) == (IncidentChange.WOKEN, incident())
    assert deeds.wake(woken.incident, NOW + MINUTE) is None
    assert deeds.wake(asleep, NOW + HOUR) is None


@pytest.mark.parametrize("one", [ENCRYPTED, ATTACK])
def test_what_takes_two_people_cannot_be_snoozed_by_one(one: Incident) -> None:
    assert deeds.snooze(one, "ada", NOW + HOUR, "", NOW) is Refusal.NEEDS_TWO
    assert isinstance(acknowledged(one), Change)


@pytest.mark.parametrize(
    ("until", "refused"),
    [(NOW + LONGEST_ALONE, None), (NOW + LONGEST_ALONE + timedelta(seconds=1), Refusal.TOO_LONG_ALONE)],
)
@pytest.mark.parametrize("one", [ENCRYPTED, ATTACK])
def test_one_person_holds_back_what_takes_two_for_a_day_at_most(
    one: Incident, until: datetime, refused: Refusal | None
) -> None:
    outcome = acknowledged(one, until)
    assert (outcome if isinstance(outcome, Refusal) else None) is refused


def test_however_long_is_usual_what_takes_two_comes_back_after_a_day() -> None:
    usual = deeds.acknowledge(ENCRYPTED, "ada", None, 31 * DAY, "", NOW)
    assert done(usual).incident.acknowledged_until == NOW + LONGEST_ALONE


def test_an_incident_is_given_only_to_whom_the_provider_knows() -> None:
    known = ("ada", "grace")
    assert deeds.assign(incident(), "adda", known) is Refusal.NOBODY
    given = done(deeds.assign(incident(), "grace", known)).incident
    assert given.assigned_to == "grace"
    assert given.state is IncidentState.OPEN
    assert deeds.assign(given, "grace", known) is None
    assert done(deeds.assign(given, None, known)).incident.assigned_to is None


@pytest.mark.parametrize(
    ("said", "lately", "expected"),
    [("no power", (), "done"), ("no power", ("no power",), None), ("", (), Refusal.NOTHING_SAID),
     (" \n", (), Refusal.NOTHING_SAID), ("no power", ("no network",), "done")],
)  # fmt: skip
def test_a_comment_says_something_once(said: str, lately: tuple[str, ...], expected: object) -> None:
    outcome = deeds.comment(incident(), said, lately)
    assert ("done" if isinstance(outcome, Change) else outcome) == expected


def test_what_is_closed_by_hand_lasts_until_it_is_judged() -> None:
    closed = done(deeds.close(incident(), "ada", "cable", NOW))
    assert closed.incident.closing == Closing(by="ada", at=NOW, because="cable")
    assert closed.incident.lasts
    assert deeds.close(closed.incident, "grace", "cable", NOW) is None
    assert deeds.close(incident(), "ada", "  ", NOW) is Refusal.NOTHING_SAID


def test_only_a_campaign_that_lasts_takes_an_incident_that_one_person_may_silence() -> None:
    plain = incident(finding(signature=tool_signature("restic")))
    merged = done(deeds.merge(plain, ATTACK))
    assert merged.incident.campaign_id == ATTACK.incident_id
    assert merged.said == ATTACK.subject
    assert deeds.merge(merged.incident, ATTACK) is None
    assert deeds.merge(plain, None) is Refusal.NO_CAMPAIGN
    assert deeds.merge(plain, incident()) is Refusal.NO_CAMPAIGN
    assert deeds.merge(plain, ATTACK.model_copy(update={"state": IncidentState.RESOLVED})) is Refusal.NO_CAMPAIGN
    assert deeds.merge(ENCRYPTED, ATTACK) is Refusal.NEEDS_TWO
    assert deeds.merge(ATTACK, ATTACK) is Refusal.IS_CAMPAIGN


def happened(one: Incident, deed: Deed, said: str = "") -> Outcome:
    event = Happening(event_id="e", ticket_id=one.incident_id, deed=deed, by="Chloé", at=NOW, said=said)
    return deeds.happened(one, event, "desk: Chloé", USUAL, NOW)


def test_what_happens_to_a_ticket_happens_to_its_incidents() -> None:
    assert done(happened(incident(), Deed.TAKEN)).incident.acknowledged_by == "desk: Chloé"
    closed = done(happened(incident(), Deed.CLOSED)).incident.closing
    assert closed is not None
    assert (closed.by, closed.because) == ("desk: Chloé", deeds.CLOSED_THERE)
    commented = done(happened(incident(), Deed.COMMENTED, "new cable"))
    assert (commented.what, commented.said, commented.incident) == (
        IncidentChange.COMMENTED,
        "new cable",
        incident(),
    )


def test_a_ticket_opened_again_is_no_longer_believed_to_be_over() -> None:
    closed = OVER.model_copy(update={"closing": CLOSED})
    doubted = CLOSED.model_copy(update={"doubted": True})
    assert done(happened(closed, Deed.REOPENED)).incident.closing == doubted
    assert done(happened(incident(closing=CLOSED), Deed.REOPENED)).incident.closing is None
    assert done(happened(OVER, Deed.REOPENED)).incident.closing is None
    assert happened(OVER, Deed.TAKEN) is Refusal.RESOLVED
    assert isinstance(happened(OVER, Deed.COMMENTED, "thanks"), Change)


def test_a_comment_without_words_says_nothing_in_the_history() -> None:
    assert happened(incident(), Deed.COMMENTED, " \n") is Refusal.NOTHING_SAID
    assert done(happened(incident(), Deed.REOPENED)).said == deeds.REOPENED_THERE


def test_a_ticket_concerns_what_lasts_of_it_or_else_what_ended_last() -> None:
    before = OVER.model_copy(update={"resolved_at": NOW - DAY})
    lasting = incident()
    assert deeds.concerned([before, OVER, lasting]) == (lasting,)
    assert deeds.concerned([before, OVER]) == (OVER,)
    assert deeds.concerned([]) == ()
