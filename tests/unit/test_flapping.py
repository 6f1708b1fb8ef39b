"""What comes and goes is one incident that stays open until it is quiet, and no news each time."""

from datetime import timedelta
from typing import Any

import pytest

from collector.escalation.incidents import Reconciled
from collector.model.book import Book, Flapping
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentChange, IncidentState
from tests.factories import DAY, HOUR, MINUTE, NOW, finding, incident
from tests.unit.reconciling import BOOK, LATER, PAGING, TICK, acknowledged, reconciled, told

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
