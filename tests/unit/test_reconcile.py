"""Findings against the incidents that last, or did lately: what opens, changes, comes back and is over."""

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.incidents import NOBODY_LEFT, REOPEN_WINDOW, Reconciled, reconcile
from collector.model.book import DEFAULT, WATCH, Book, Flapping, Person, Route
from collector.model.campaign import RANSOMWARE_SIGNATURE, tool_signature
from collector.model.escalation import EscalationPolicy, Step, Walk
from collector.model.finding import Finding, Severity
from collector.model.incident import Closing, Incident, IncidentChange, IncidentState
from collector.model.subject import Subject
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident, policy

LATER = NOW + HOUR
TICK = timedelta(microseconds=1)
PAGING = EscalationPolicy(name="paging", steps=(Step(after=timedelta(0), action="page", to=("ada",)),))
ADA = {"ada": Person(page=("sms",))}
BOOK = Book(
    people=ADA,
    policies={DEFAULT.name: DEFAULT, PAGING.name: PAGING},
    routes=(Route(name="worst", policy=PAGING.name, severities=frozenset({Severity.CRITICAL})),),
)


def reconciled(
    known: Iterable[Incident], *found: Finding, now: Any = LATER, book: Book = BOOK, **at: Any
) -> Reconciled:
    return reconcile(known, found, policy(**at), book, now)


def told(done: Reconciled) -> list[IncidentChange]:
    return [change.what for change in done.changes]


def acknowledged(one: Incident) -> Incident:
    update = {"state": "acknowledged", "acknowledged_by": "ada", "acknowledged_until": NOW + DAY}
    return one.model_copy(update=update | {"state": IncidentState.ACKNOWLEDGED})


def resolved(at: Any = LATER, **more: object) -> Incident:
    over = incident(state=IncidentState.RESOLVED, resolved_at=at, resolution="recovered")
    return over.model_copy(update=more)


def closed_by_hand(at: Any = LATER, *, still_found: bool = True, severity: Severity = Severity.CRITICAL) -> Incident:
    closing = Closing(by="ada", at=at, because="disk replaced")
    known = incident(finding(severity=severity), closing=closing)
    (over,) = reconciled([known], *([finding(severity=severity)] if still_found else []), now=at).incidents
    return over


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


@pytest.mark.parametrize(
    ("signature", "back"), [(RANSOMWARE_SIGNATURE, True), (tool_signature("restic"), False), (None, False)]
)
def test_encryption_is_closed_away_by_nobody(signature: str | None, back: bool) -> None:
    known = incident(finding(signature=signature), closing=Closing(by="ada", at=LATER, because="fixed"))
    closed = reconciled([known], finding(signature=signature))
    assert closed.next_due == LATER + (timedelta(seconds=1) if back else BOOK.closed_by_hand_for)
    found = reconciled(closed.incidents, finding(signature=signature), now=LATER + timedelta(seconds=1))
    assert (IncidentChange.REOPENED in told(found)) is back


def test_what_was_closed_by_hand_does_not_come_back_by_what_is_grey() -> None:
    until = LATER + BOOK.closed_by_hand_for
    assert reconciled([closed_by_hand()], finding(grey="catching_up"), now=until) == Reconciled((), (), None)


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


IN_HISTORY = [(IncidentChange.FLAPPING, True)]
FLAPPING = Book(flapping=Flapping(times=3, within=DAY, quiet=2 * HOUR))


class Toggled:
    """One finding that comes and goes, looked at whenever it does."""

    def __init__(self) -> None:
        self.known: tuple[Incident, ...] = ()
        self.told: list[IncidentChange] = []

    def look(self, now: Any, *, found: bool, **more: Any) -> Reconciled:
        done = reconciled(self.known, *([finding(**more)] if found else []), now=now, book=FLAPPING)
        self.known = done.incidents or self.known
        self.told += told(done)
        return done

    def flap(self, times: int) -> Incident:
        for turn in range(2 * times - 1):
            self.look(NOW + turn * MINUTE, found=turn % 2 == 0)
        return self.known[0]


@pytest.mark.parametrize(("times", "flaps"), [(2, False), (3, True)])
def test_what_opens_so_often_is_flapping_and_says_so_once(times: int, flaps: bool) -> None:
    toggled = Toggled()
    assert toggled.flap(times).flapping is flaps
    assert toggled.told.count(IncidentChange.FLAPPING) == flaps


def test_openings_of_more_than_a_day_ago_do_not_count() -> None:
    toggled = Toggled()
    toggled.flap(2)
    toggled.look(NOW + DAY, found=False)
    toggled.look(NOW + DAY + TICK, found=True)
    assert not toggled.known[0].flapping


@pytest.mark.parametrize(("early", "open_"), [(TICK, True), (timedelta(0), False)])
def test_what_flaps_stays_open_until_it_has_been_quiet(early: timedelta, open_: bool) -> None:
    toggled = Toggled()
    toggled.flap(3)
    quiet = toggled.look(NOW + HOUR, found=False)
    assert ([(one.what, one.quiet) for one in quiet.changes], quiet.next_due) == (IN_HISTORY, NOW + 3 * HOUR)
    assert toggled.look(NOW + 2 * HOUR, found=False).changes == ()
    over = toggled.look(NOW + 3 * HOUR - early, found=False)
    assert (told(over), over.incidents[0].lasts) == ([] if open_ else [IncidentChange.RESOLVED], open_)


def test_what_flaps_and_comes_back_is_no_news_and_must_be_quiet_from_then() -> None:
    toggled = Toggled()
    walked = toggled.flap(3).walk
    toggled.look(NOW + HOUR, found=False)
    back = toggled.look(NOW + 2 * HOUR, found=True)
    assert [(one.what, one.quiet) for one in back.changes] == IN_HISTORY
    assert (back.incidents[0].walk, back.incidents[0].quiet_since) == (walked, None)
    assert toggled.look(NOW + 4 * HOUR, found=False).next_due == NOW + 6 * HOUR
    assert len(toggled.known[0].openings) == 3


@pytest.mark.parametrize(("after", "flapping"), [(DAY - TICK, True), (DAY, False)])
@pytest.mark.parametrize("found", [True, False])
def test_what_lasts_for_longer_than_it_may_flap_flaps_no_more(after: timedelta, flapping: bool, found: bool) -> None:
    toggled = Toggled()
    last = max(toggled.flap(3).openings)
    assert toggled.look(last + HOUR, found=True).next_due == last + DAY
    toggled.look(last + after, found=found)
    assert toggled.known[0].flapping is flapping
    assert toggled.known[0].lasts is (found or flapping)


def test_severity_that_goes_up_and_down_stops_to_walk_anew() -> None:
    toggled = Toggled()
    for turn, severity in enumerate([Severity.WARNING, Severity.CRITICAL] * 6):
        toggled.look(NOW + turn * MINUTE, found=True, severity=severity)
        (now,) = toggled.known
        toggled.known = (now.model_copy(update={"walk": now.walk.after((0,), NOW)}),)
    assert toggled.known[0].walk.number == 2, "by opening and by the first raise; the second one is flapping"
    assert toggled.told.count(IncidentChange.FLAPPING) == 1
    assert [one.quiet for one in toggled.look(NOW + HOUR, found=True, severity=Severity.WARNING).changes] == [True]


def test_flapping_incident_that_becomes_worse_than_ever_walks_the_steps_of_that() -> None:
    known = incident(finding(severity=Severity.WARNING), book=BOOK, flapping=True)
    known = known.model_copy(update={"walk": known.walk.after((0,), NOW)})
    (now,) = reconciled([known], finding(severity=Severity.CRITICAL)).incidents
    assert (now.escalation, now.walk.number, now.walk.taken) == (PAGING, 2, ())


def test_what_somebody_has_stays_theirs_while_it_comes_and_goes() -> None:
    known = acknowledged(incident(finding(severity=Severity.WARNING), flapping=True, snoozed_until=NOW + DAY))
    (now,) = reconciled([known], finding(severity=Severity.CRITICAL), book=FLAPPING).incidents
    assert (now.severity, now.state) == (Severity.CRITICAL, IncidentState.ACKNOWLEDGED)
    assert (now.acknowledged_by, now.snoozed_until, now.walk) == ("ada", NOW + DAY, known.walk)


def test_what_comes_back_worse_has_come_back_once() -> None:
    known = incident(finding(severity=Severity.WARNING), flapping=True, quiet_since=NOW)
    (now,) = reconciled([known], finding(severity=Severity.CRITICAL), book=FLAPPING).incidents
    assert now.openings == (NOW, LATER)
