"""Findings against the incidents that last: what opens, what changes, and what is over."""

from datetime import timedelta, timezone

import pytest

from collector.escalation.incidents import NOBODY_LEFT, Reconciled
from collector.model.book import DEFAULT, WATCH, Book
from collector.model.escalation import Action, EscalationPolicy, Walk
from collector.model.finding import Severity
from collector.model.incident import IncidentChange, IncidentState
from collector.model.subject import Subject
from tests.factories import DAY, HOUR, NOW, finding, incident
from tests.unit.escalating import step
from tests.unit.reconciling import ADA, BOOK, LATER, PAGING, acknowledged, reconciled, resolved, told

ROOM = EscalationPolicy(name="room", steps=(step(0, Action.NOTIFY, "ada"),))


def test_finding_opens_an_incident_once() -> None:
    opened = reconciled((), finding(), now=NOW, version=7)
    assert [(one.state, one.opened_at, one.policy_version) for one in opened.incidents] == [
        (IncidentState.OPEN, NOW, 7)
    ]
    assert told(opened) == [IncidentChange.OPENED]
    assert reconciled(opened.incidents, finding()) == Reconciled(opened.incidents, (), None)


def test_beginning_is_told_in_utc() -> None:
    """PostgreSQL refuses the offset, which RFC 3339 allows."""
    far_east = timezone(timedelta(hours=23, minutes=59))
    assert incident(finding(since=NOW.astimezone(far_east))).since.isoformat() == NOW.isoformat()


def test_same_instant_gives_the_same_incident() -> None:
    assert incident().incident_id == incident().incident_id


def test_two_rules_about_one_subject_are_two_incidents() -> None:
    assert len({one.incident_id for one in reconciled((), finding(rule="a"), finding(rule="b")).incidents}) == 2


def test_new_facts_are_taken_without_news() -> None:
    done = reconciled([incident()], finding(facts={"job": "x"}, reason="still_running"))
    (now,) = done.incidents
    assert (now.facts, now.reason, done.changes) == ({"job": "x"}, "still_running", ())


def test_root_and_beginning_stay_what_they_were() -> None:
    (now,) = reconciled([incident()], finding(root=Subject("endpoint:x"), since=LATER)).incidents
    assert (now.root, now.since, now.opened_at) == (incident().root, NOW, NOW)


def test_what_is_grey_opens_nothing_changes_nothing_and_closes_nothing() -> None:
    grey = finding(grey="catching_up", severity=Severity.WARNING, reason="else")
    assert reconciled((), grey) == Reconciled((), (), None)
    assert reconciled([incident()], grey) == Reconciled((incident(),), (), None)
    assert reconciled([resolved()], grey, now=LATER + HOUR) == Reconciled((), (), None)


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.CRITICAL])
def test_change_of_severity_is_news_either_way(severity: Severity) -> None:
    other = next(one for one in Severity if one is not severity)
    done = reconciled([incident(finding(severity=other))], finding(severity=severity))
    assert [one.severity for one in done.incidents] == [severity]
    assert [(change.what, change.said) for change in done.changes] == [(IncidentChange.SEVERITY, severity.value)]


@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (Severity.WARNING, Severity.CRITICAL, True),
        (Severity.NOTICE, Severity.WARNING, True),
        (Severity.CRITICAL, Severity.WARNING, False),
        (Severity.WARNING, Severity.WARNING, False),
    ],
)
def test_what_was_acknowledged_or_snoozed_as_less_walks_anew(before: Severity, after: Severity, again: bool) -> None:
    known = incident(finding(severity=before), snoozed_until=NOW + DAY, walk=Walk(began_at=NOW).after((0,), NOW))
    (now,) = reconciled([acknowledged(known)], finding(severity=after)).incidents
    assert (now.state is IncidentState.OPEN) is again
    assert (now.acknowledged_by, now.snoozed_until) == ((None, None) if again else ("ada", NOW + DAY))
    assert (now.walk.number, now.walk.began_at) == ((2, LATER) if again else (1, NOW))


@pytest.mark.parametrize(
    ("before", "taken", "after", "steps"),
    [
        (Severity.NOTICE, (), Severity.WARNING, DEFAULT),
        (Severity.WARNING, (), Severity.NOTICE, WATCH),
        (Severity.WARNING, (0,), Severity.NOTICE, DEFAULT),
        (Severity.WARNING, (0,), Severity.CRITICAL, PAGING),
    ],
)
def test_who_was_not_told_yet_is_told_by_how_bad_it_is_now(
    before: Severity, taken: tuple[int, ...], after: Severity, steps: EscalationPolicy
) -> None:
    known = incident(finding(severity=before), book=BOOK)
    (now,) = reconciled(
        [known.model_copy(update={"walk": known.walk.after(taken, NOW)})], finding(severity=after)
    ).incidents
    assert now.escalation == steps


def test_who_was_told_goes_on_with_it_as_far_as_what_is_so_mild_is_told_at_all() -> None:
    both = EscalationPolicy(name=PAGING.name, steps=(*PAGING.steps, *DEFAULT.steps))
    book = BOOK.model_copy(update={"policies": {**BOOK.policies, PAGING.name: both}})
    known = incident(finding(severity=Severity.CRITICAL), book=book)
    walked = known.model_copy(update={"walk": known.walk.after((0,), NOW)})
    for severity, only in ((Severity.WARNING, (Action.TICKET,)), (Severity.NOTICE, ())):
        (now,) = reconciled([walked], finding(severity=severity), book=book).incidents
        assert (now.escalation, now.walk) == (both, walked.walk.model_copy(update={"only": only}))
    (worse,) = reconciled([now], finding(severity=Severity.CRITICAL), book=book).incidents
    assert (worse.walk.only, worse.walk.number) == (None, 2)
    flapping = now.model_copy(update={"flapping": True})
    (again,) = reconciled([flapping], finding(severity=Severity.CRITICAL), book=book).incidents
    assert again.walk == walked.walk, "it goes on where it was, and may page again"


@pytest.mark.parametrize(
    ("mild", "steps", "number"),
    [
        (DEFAULT, DEFAULT, 2),
        (ROOM, ROOM, 2),
        (EscalationPolicy(name="late", steps=(*DEFAULT.steps, *PAGING.steps)), PAGING, 1),
        (WATCH, PAGING, 1),
    ],
    ids=["ticket", "notify", "both", "nobody"],
)
def test_milder_than_all_that_it_walks_is_told_anew_as_what_it_is_now(
    mild: EscalationPolicy, steps: EscalationPolicy, number: int
) -> None:
    """Who was paged goes on being paged only where what is so mild pages; else whoever hears of that is told."""
    known = incident(finding(severity=Severity.CRITICAL), book=BOOK)
    walked = known.model_copy(update={"walk": known.walk.after((0,), NOW)})
    book = BOOK.model_copy(update={"policies": {**BOOK.policies, DEFAULT.name: mild}})
    done = reconciled([walked], finding(severity=Severity.WARNING), book=book)
    (now,) = done.incidents
    assert (now.escalation, now.walk.number) == (steps, number)
    assert (now.walk.taken, now.walk.only) == (((), None) if number == 2 else (walked.walk.taken, mild.actions))
    assert told(done) == [IncidentChange.SEVERITY]


def test_what_becomes_worse_and_milder_all_the_time_is_told_anew_once_it_does_so_no_more() -> None:
    opened = incident(finding(severity=Severity.CRITICAL), book=BOOK)
    known = opened.model_copy(update={"walk": opened.walk.after((0,), NOW), "flapping": True, "openings": (NOW,)})
    (mild,) = reconciled([known], finding(severity=Severity.WARNING)).incidents
    assert (mild.escalation, mild.walk.taken) == (PAGING, known.walk.taken)
    (worse,) = reconciled([mild], finding(severity=Severity.CRITICAL)).incidents
    assert worse.walk == known.walk, "who was paged is not paged again"
    (calm,) = reconciled([mild], finding(severity=Severity.WARNING), now=NOW + BOOK.flapping.within).incidents
    assert (calm.flapping, calm.escalation, calm.walk.taken) == (False, DEFAULT, ())


def test_policy_that_is_edited_meanwhile_is_not_the_one_that_it_walks() -> None:
    (now,) = reconciled([incident(book=BOOK)], finding(), book=Book(people=ADA)).incidents
    assert now.escalation == PAGING


def test_steps_that_tell_nobody_who_is_there_still_are_led_on_by_todays() -> None:
    known = incident(book=BOOK)
    walked = known.model_copy(update={"walk": known.walk.after((0,), NOW)})
    led = reconciled([walked], finding(), book=Book())
    (now,) = led.incidents
    assert (now.escalation, now.walk.number, now.walk.taken) == (DEFAULT, 2, ())
    assert [(change.what, change.said) for change in led.changes] == [(IncidentChange.RETURNED, NOBODY_LEFT)]
    assert told(reconciled(led.incidents, finding(), book=Book())) == []


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.ACKNOWLEDGED])
def test_incident_found_no_longer_is_resolved(state: IncidentState) -> None:
    done = reconciled([incident(state=state, snoozed_until=NOW + DAY)])
    (now,) = done.incidents
    assert (now.state, now.resolved_at, now.resolution) == (IncidentState.RESOLVED, LATER, "recovered")
    assert now.snoozed_until is None
    assert told(done) == [IncidentChange.RESOLVED]


@pytest.mark.parametrize("flapping", [False, True])
def test_retirement_closes_at_once_and_is_the_reason(flapping: bool) -> None:
    known = incident(flapping=flapping)
    (now,) = reconciled([known], retired={known.subject: "machine replaced"}).incidents
    assert (now.state, now.resolution) == (IncidentState.RESOLVED, "retired: machine replaced")
