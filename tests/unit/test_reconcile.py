"""Findings against the incidents that last: what opens, changes, lasts and is over."""

from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.incidents import reconcile
from collector.escalation.policies import DEFAULT, WATCH
from collector.model.escalation import EscalationPolicy
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentChange, IncidentState
from collector.model.subject import Subject
from tests.factories import HOUR, NOW, finding, policy

LATER = NOW + HOUR


def opened(**more: Any) -> Incident:
    (one,), _ = reconcile((), (finding(**more),), policy(), NOW)
    return one


def test_finding_opens_an_incident_once() -> None:
    incidents, changes = reconcile((), (finding(),), policy(version=7), NOW)
    assert [(one.state, one.opened_at, one.policy_version) for one in incidents] == [(IncidentState.OPEN, NOW, 7)]
    assert [change.what for change in changes] == [IncidentChange.OPENED]
    assert reconcile(incidents, (finding(),), policy(), LATER) == (incidents, ())


def test_beginning_is_told_in_utc() -> None:
    """PostgreSQL refuses the offset, which RFC 3339 allows."""
    far_east = timezone(timedelta(hours=23, minutes=59))
    assert opened(since=NOW.astimezone(far_east)).since.isoformat() == NOW.isoformat()


def test_same_instant_gives_the_same_incident() -> None:
    assert opened().incident_id == opened().incident_id


def test_two_rules_about_one_subject_are_two_incidents() -> None:
    incidents, _ = reconcile((), (finding(rule="a"), finding(rule="b")), policy(), NOW)
    assert len({one.incident_id for one in incidents}) == 2


def test_new_facts_are_taken_without_news() -> None:
    known = opened()
    (now,), changes = reconcile((known,), (finding(facts={"job": "x"}, reason="still_running"),), policy(), LATER)
    assert (now.facts, now.reason, changes) == ({"job": "x"}, "still_running", ())


def test_root_and_beginning_stay_what_they_were() -> None:
    (now,), _ = reconcile((opened(),), (finding(root=Subject("endpoint:x"), since=LATER),), policy(), LATER)
    assert (now.root, now.since, now.opened_at) == (opened().root, NOW, NOW)


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.CRITICAL])
def test_change_of_severity_is_news_either_way(severity: Severity) -> None:
    other = next(one for one in Severity if one is not severity)
    (now,), changes = reconcile((opened(severity=other),), (finding(severity=severity),), policy(), LATER)
    assert now.severity is severity
    assert [(change.what, change.said) for change in changes] == [(IncidentChange.SEVERITY, severity.value)]


def test_acknowledgement_outlasts_what_is_found_again() -> None:
    known = opened().model_copy(update={"state": IncidentState.ACKNOWLEDGED})
    (now,), _ = reconcile((known,), (finding(severity=Severity.WARNING),), policy(), LATER)
    assert now.state is IncidentState.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (Severity.WARNING, Severity.CRITICAL, IncidentState.OPEN),
        (Severity.NOTICE, Severity.WARNING, IncidentState.OPEN),
        (Severity.CRITICAL, Severity.WARNING, IncidentState.ACKNOWLEDGED),
        (Severity.WARNING, Severity.WARNING, IncidentState.ACKNOWLEDGED),
    ],
)
def test_what_was_acknowledged_as_less_waits_for_somebody_again(
    before: Severity, after: Severity, state: IncidentState
) -> None:
    known = opened(severity=before).model_copy(update={"state": IncidentState.ACKNOWLEDGED, "acknowledged_by": "ada"})
    (now,), _ = reconcile((known,), (finding(severity=after),), policy(), LATER)
    assert (now.state, now.acknowledged_by) == (state, None if state is IncidentState.OPEN else "ada")


@pytest.mark.parametrize(
    ("before", "told", "after", "steps"),
    [
        (Severity.NOTICE, 0, Severity.WARNING, DEFAULT),
        (Severity.WARNING, 0, Severity.NOTICE, WATCH),
        (Severity.WARNING, 1, Severity.NOTICE, DEFAULT),
    ],
)
def test_who_was_not_told_yet_is_told_by_how_bad_it_is_now(
    before: Severity, told: int, after: Severity, steps: EscalationPolicy
) -> None:
    known = opened(severity=before).model_copy(update={"steps_done": told})
    (now,), _ = reconcile((known,), (finding(severity=after),), policy(), LATER)
    assert now.escalation == steps


@pytest.mark.parametrize("state", [IncidentState.OPEN, IncidentState.ACKNOWLEDGED])
def test_incident_found_no_longer_is_resolved(state: IncidentState) -> None:
    known = opened().model_copy(update={"state": state})
    (now,), changes = reconcile((known,), (), policy(), LATER)
    assert (now.state, now.resolved_at, now.resolution) == (IncidentState.RESOLVED, LATER, "recovered")
    assert [change.what for change in changes] == [IncidentChange.RESOLVED]


def test_retirement_is_the_reason_why_it_was_resolved() -> None:
    retired = policy(retired={opened().subject: "machine replaced"})
    (now,), _ = reconcile((opened(),), (), retired, LATER)
    assert now.resolution == "retired: machine replaced"


def test_relapse_is_a_new_incident() -> None:
    (again,), _ = reconcile((), (finding(),), policy(), LATER)
    assert isinstance(again.incident_id, UUID)
    assert again.incident_id != opened().incident_id
