"""A backup that ends with warnings night after night is found until it succeeds."""

from datetime import timedelta

import pytest

from collector.model.finding import Severity
from collector.model.heartbeat import RunStatus
from collector.model.policy import Policy
from collector.model.rule_settings import BackupWarning, RuleSettings
from collector.model.snapshot import PastRun, Snapshot
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.backup_warning import check
from tests.factories import DAY, ENDPOINT, HOUR, NOW, endpoint_state, job_policy, job_state, policy, run, snapshot

SUBJECT = job_subject(ENDPOINT, "daily")
NIGHTLY = policy([job_policy()])
GOOD, WARNED = RunStatus.SUCCESS, RunStatus.WARNING


def after(*nights: RunStatus) -> Snapshot:
    """The last of them ended NOW."""
    past = tuple(PastRun(NOW - (len(nights) - night - 1) * DAY, status) for night, status in enumerate(nights))
    ended = run(NOW, nights[-1]).model_copy(update={"message": "locked: planning.mdb"})
    return snapshot([endpoint_state()], [job_state(last_run=ended, history=past)])


@pytest.mark.parametrize(
    ("nights", "found"),
    [
        ((WARNED,), False),
        ((WARNED, WARNED), False),
        ((WARNED, WARNED, WARNED), True),
        ((GOOD, WARNED, WARNED, WARNED), True),
        ((WARNED, GOOD, WARNED, WARNED), False),
        ((WARNED, WARNED, WARNED, GOOD), False),
    ],
)
@pytest.mark.parametrize("configured", [NIGHTLY, policy()], ids=["scheduled", "unscheduled"])
def test_three_nights_in_a_row_are_found(nights: tuple[RunStatus, ...], configured: Policy, *, found: bool) -> None:
    assert bool(check(after(*nights), configured, NOW).findings) is found


@pytest.mark.parametrize(("in_a_row", "found"), [(1, True), (2, True), (3, False)])
def test_how_many_is_set_for_each_job(in_a_row: int, *, found: bool) -> None:
    rules = {SUBJECT: RuleSettings(backup_warning=BackupWarning(in_a_row=in_a_row))}
    assert bool(check(after(WARNED, WARNED), policy(job_rules=rules), NOW).findings) is found


def test_warnings_last_as_long_as_nothing_succeeds() -> None:
    judged = check(snapshot(jobs=after(WARNED, WARNED, WARNED).jobs.values()), policy(), NOW + 300 * DAY)
    assert [one.since for one in judged.findings] == [NOW]
    assert judged.next_due is None


def test_retired_job_is_not_found() -> None:
    gone = policy(retired={endpoint_subject(ENDPOINT): "replaced"})
    assert check(after(WARNED, WARNED, WARNED), gone, NOW).findings == ()


@pytest.mark.parametrize(
    ("silence_s", "root"), [(74, SUBJECT), (75, endpoint_subject(ENDPOINT))], ids=["alive", "overdue"]
)
def test_warnings_hang_on_their_server_once_that_is_overdue(silence_s: int, root: str) -> None:
    judged = check(after(WARNED, WARNED, WARNED), policy(), NOW + timedelta(seconds=silence_s))
    assert [one.root for one in judged.findings] == [root]


def test_finding_says_what_the_tool_said() -> None:
    (found,) = check(after(WARNED, WARNED, WARNED), policy(), NOW + HOUR).findings
    assert (found.severity, found.reason, found.signature) == (Severity.WARNING, "warnings", None)
    assert found.facts == {
        "endpoint": "SRV-01",
        "job": "daily",
        "warned_at": NOW.isoformat(),
        "message": "locked: planning.mdb",
    }
