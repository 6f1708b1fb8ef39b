"""What other rules would raise against what was: the same trouble is told by rule, subject and time."""

from datetime import datetime, timedelta

import pytest

from collector.escalation.policies import DEFAULT
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentState
from collector.model.subject import job_subject
from collector.scenario.differences import Shift, differences
from tests.factories import ENDPOINT, HOUR, NOW, new_id


def incident(opens: int, over: int | None, severity: Severity = Severity.CRITICAL, job: str = "daily") -> Incident:
    """Hours after NOW; none while it lasts."""
    subject = job_subject(ENDPOINT, job)
    return Incident(
        incident_id=new_id(),
        rule="backup_missed",
        subject=subject,
        root=subject,
        severity=severity,
        reason="not_run",
        facts={},
        state=IncidentState.OPEN if over is None else IncidentState.RESOLVED,
        since=NOW,
        opened_at=NOW + opens * HOUR,
        resolved_at=None if over is None else NOW + over * HOUR,
        policy_version=1,
        escalation=DEFAULT,
    )


WARNING = Severity.WARNING


@pytest.mark.parametrize(
    ("before", "after", "shifts"),
    [
        ([], [], []),
        ([incident(1, 2)], [incident(1, 2)], []),
        ([incident(1, 2)], [incident(1, 3)], []),  # for how long it lasts is no news
        ([incident(1, None)], [incident(1, None)], []),
        ([], [incident(1, 2)], [Shift.ADDED]),
        ([incident(1, 2)], [], [Shift.GONE]),
        ([incident(2, 4)], [incident(1, 4)], [Shift.EARLIER]),
        ([incident(1, 4)], [incident(2, 4)], [Shift.LATER]),
        ([incident(1, 2)], [incident(2, 3)], [Shift.GONE, Shift.ADDED]),  # one was over when the other began
        ([incident(1, 3)], [incident(2, 3)], [Shift.LATER]),
        ([incident(1, None)], [incident(9, None)], [Shift.LATER]),
        ([incident(1, 2, WARNING)], [incident(1, 2)], [Shift.WORSE]),
        ([incident(1, 2)], [incident(1, 2, WARNING)], [Shift.MILDER]),
        ([incident(1, 9)], [incident(1, 2), incident(4, 9)], [Shift.ADDED]),  # one that is broken in two
        ([incident(1, 2)], [incident(1, 2, job="other")], [Shift.GONE, Shift.ADDED]),
    ],
)
def test_two_histories_differ(before: list[Incident], after: list[Incident], shifts: list[Shift]) -> None:
    assert [one.shift for one in differences(before, after)] == shifts


def test_differences_are_told_in_the_order_of_their_time() -> None:
    moved = differences([incident(5, 6)], [incident(1, 2, job="other"), incident(8, 9)])
    opened: list[datetime] = [one.incident.opened_at for one in moved]
    assert opened == sorted(opened)
    assert opened[0] == NOW + timedelta(hours=1)
