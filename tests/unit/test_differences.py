"""What other rules would raise against what was: the same trouble is told by rule, subject and time."""

from datetime import datetime, timedelta

import pytest

from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentState
from collector.scenario.differences import Shift, differences
from tests.factories import HOUR, NOW, finding, incident, new_id


def raised(opens: int, over: int | None, severity: Severity = Severity.CRITICAL, job: str = "daily") -> Incident:
    """Hours after NOW; none while it lasts."""
    return incident(
        finding(job=job, severity=severity),
        at=NOW + opens * HOUR,
        incident_id=new_id(),
        state=IncidentState.OPEN if over is None else IncidentState.RESOLVED,
        resolved_at=None if over is None else NOW + over * HOUR,
    )


WARNING = Severity.WARNING


@pytest.mark.parametrize(
    ("before", "after", "shifts"),
    [
        ([], [], []),
        ([raised(1, 2)], [raised(1, 2)], []),
        ([raised(1, 2)], [raised(1, 3)], []),  # for how long it lasts is no news
        ([raised(1, None)], [raised(1, None)], []),
        ([], [raised(1, 2)], [Shift.ADDED]),
        ([raised(1, 2)], [], [Shift.GONE]),
        ([raised(2, 4)], [raised(1, 4)], [Shift.EARLIER]),
        ([raised(1, 4)], [raised(2, 4)], [Shift.LATER]),
        ([raised(1, 2)], [raised(2, 3)], [Shift.GONE, Shift.ADDED]),  # one was over when the other began
        ([raised(1, 3)], [raised(2, 3)], [Shift.LATER]),
        ([raised(1, None)], [raised(9, None)], [Shift.LATER]),
        ([raised(1, 2, WARNING)], [raised(1, 2)], [Shift.WORSE]),
        ([raised(1, 2)], [raised(1, 2, WARNING)], [Shift.MILDER]),
        ([raised(1, 9)], [raised(1, 2), raised(4, 9)], [Shift.ADDED]),  # one that is broken in two
        ([raised(1, 2)], [raised(1, 2, job="other")], [Shift.GONE, Shift.ADDED]),
    ],
)
def test_two_histories_differ(before: list[Incident], after: list[Incident], shifts: list[Shift]) -> None:
    assert [one.shift for one in differences(before, after)] == shifts


def test_differences_are_told_in_the_order_of_their_time() -> None:
    moved = differences([raised(5, 6)], [raised(1, 2, job="other"), raised(8, 9)])
    opened: list[datetime] = [one.incident.opened_at for one in moved]
    assert opened == sorted(opened)
    assert opened[0] == NOW + timedelta(hours=1)
