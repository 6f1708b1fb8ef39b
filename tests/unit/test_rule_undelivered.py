"""What a channel never took is an incident of the provider, one for each channel, for as long as any is left."""

from dataclasses import replace

import pytest

from collector.judge import Record, Verdict, judge_provider
from collector.model.campaign import PROVIDER, Fleet
from collector.model.finding import Severity
from collector.model.incident import IncidentChange
from collector.model.policy import Policy
from collector.model.rule_settings import Undelivered
from collector.model.snapshot import Snapshot
from collector.model.undelivered import UNDELIVERED, DeadLetters
from collector.rules.undelivered import check
from tests.factories import HOUR, NOW


def letters(channel: str = "rt", count: int = 1) -> DeadLetters:
    return DeadLetters(channel=channel, count=count, since=NOW, error="answered 503")


NOTHING = Record(Snapshot(practice_id=PROVIDER), Policy(practice_id=PROVIDER, practice="Provider"), (), ())


def judged(record: Record, *known: DeadLetters) -> tuple[Record, Verdict]:
    verdict = judge_provider(record, [], Fleet(practices=1), None, NOW + HOUR, letters=known)
    tickets = {one.ticket_id: one for one in (*record.tickets, *verdict.tickets)}
    return replace(record, incidents=verdict.incidents, tickets=tuple(tickets.values())), verdict


def test_each_channel_has_a_finding_of_its_own() -> None:
    found = check([letters("rt", 3), letters("marie")], Undelivered()).findings
    assert [(one.rule, one.subject, one.root, one.reason) for one in found] == [
        (UNDELIVERED, "channel:rt", "channel:rt", "given_up"),
        (UNDELIVERED, "channel:marie", "channel:marie", "given_up"),
    ]
    assert found[0].facts == {"channel": "rt", "count": "3", "since": NOW.isoformat(), "error": "answered 503"}


def test_what_is_held_says_so_until_the_first_of_it_is_given_up() -> None:
    held = letters(count=7).model_copy(update={"held": True})
    record, opened = judged(NOTHING, held)
    [incident] = record.incidents
    assert (incident.reason, [one.what for one in opened.changes]) == ("held", [IncidentChange.OPENED])
    record, _ = judged(record, letters())
    assert [(one.incident_id, one.reason) for one in record.incidents] == [(incident.incident_id, "given_up")]


@pytest.mark.parametrize(
    ("setting", "severities"),
    [
        (Undelivered(), [Severity.CRITICAL]),
        (Undelivered(severity=Severity.WARNING), [Severity.WARNING]),
        (Undelivered(enabled=False), []),
    ],
)
def test_it_is_critical_unless_set_otherwise(setting: Undelivered, severities: list[Severity]) -> None:
    assert [one.severity for one in check([letters()], setting).findings] == severities


def test_it_opens_once_however_many_follow_and_ends_when_none_is_left() -> None:
    record, opened = judged(NOTHING, letters())
    assert [one.what for one in opened.changes] == [IncidentChange.OPENED]
    assert len(opened.messages) == 1
    record, more = judged(record, letters(count=40))
    assert (more.changes, more.messages) == ((), ())
    assert [one.facts["count"] for one in more.incidents] == ["40"]
    _, over = judged(record)
    assert [one.what for one in over.changes] == [IncidentChange.RESOLVED]
