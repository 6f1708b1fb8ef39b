"""Machines and backups are reconciled both ways."""

from datetime import timedelta

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import EndpointWithoutBackup
from collector.model.snapshot import EndpointState, JobState
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.endpoint_without_backup import check
from tests.factories import DAY, ENDPOINT, NOW, PRACTICE, endpoint_state, job_policy, job_state, policy, snapshot

TICK = timedelta(microseconds=1)
AFTER = EndpointWithoutBackup().after


def machine(known_for: timedelta, role: Role = Role.SERVER, **more: object) -> EndpointState:
    known = endpoint_state(NOW, first_seen_at=NOW - known_for, role=role)
    return EndpointState.model_validate(known.model_dump() | more)


def found(endpoint: EndpointState, jobs: list[JobState], configured: Policy | None = None) -> list[Finding]:
    return list(check(snapshot([endpoint], jobs), configured or policy(), NOW).findings)


@pytest.mark.parametrize(
    ("endpoint", "jobs", "configured", "is_found"),
    [
        (machine(AFTER - TICK), [], policy(), False),
        (machine(AFTER), [], policy(), True),
        (machine(AFTER, Role.IMAGING), [], policy(), True),
        (machine(AFTER, Role.WORKSTATION), [], policy(), False),
        (machine(AFTER, Role.NAS), [], policy(), False),
        (machine(AFTER, Role.NAS), [], policy(rules={"endpoint_without_backup": {"roles": ["nas"]}}), True),
        (machine(AFTER), [job_state()], policy(), False),
        (machine(AFTER), [job_state(endpoint_id=None)], policy(), False),
        (machine(AFTER), [job_state(endpoint_id=PRACTICE)], policy(), True),
        (machine(AFTER), [], policy([job_policy()]), False),
        (machine(AFTER), [], policy([job_policy(endpoint_id=None)]), False),
        (machine(AFTER), [job_state()], policy(retired={job_subject(ENDPOINT, "daily"): "moved"}), True),
        (machine(AFTER), [], policy(retired={endpoint_subject(ENDPOINT): "scrapped"}), False),
    ],
    ids=[
        "new",
        "old",
        "imaging",
        "workstation",
        "nas",
        "nas-wanted",
        "its-own-job",
        "a-job-of-the-practice",
        "another-machines-job",
        "scheduled",
        "scheduled-for-all",
        "its-job-retired",
        "retired",
    ],
)
def test_machine_that_no_backup_covers_is_found_once_it_is_no_longer_new(
    endpoint: EndpointState, jobs: list[JobState], configured: Policy, is_found: bool
) -> None:
    findings = found(endpoint, jobs, configured)
    assert [(one.reason, one.severity) for one in findings] == [("no_backup_job", Severity.WARNING)] * is_found


def test_new_machine_is_looked_at_when_it_is_no_longer_new() -> None:
    assert check(snapshot([machine(DAY)]), policy(), NOW).next_due == NOW - DAY + AFTER


SCAN = {"as_of": NOW - AFTER, "scanned_at": NOW}
FRESH = {"as_of": NOW - AFTER + TICK, "scanned_at": NOW}


@pytest.mark.parametrize(
    ("endpoint", "is_found"),
    [
        (machine(AFTER - TICK, patches=None), False),
        (machine(AFTER, patches=None), True),
        (machine(AFTER, Role.WORKSTATION, patches=None), True),
        (machine(AFTER, Role.NAS, patches=None), False),
        (machine(9 * DAY, patches=FRESH), False),
        (machine(9 * DAY, patches=SCAN), True),
        (machine(9 * DAY, patches=SCAN, protection={"as_of": FRESH["as_of"], "products": ()}), False),
        (machine(9 * DAY, patches=SCAN, last_report_at=NOW - TICK), False),
    ],
    ids=[
        "new",
        "never",
        "workstation",
        "nas",
        "patches-within",
        "patches-too-long-ago",
        "protection-within",
        "silent-since",
    ],
)
def test_machine_that_tells_of_its_backups_and_of_nothing_else_is_noticed(
    endpoint: EndpointState, is_found: bool
) -> None:
    findings = found(endpoint, [job_state()])
    assert [(one.reason, one.severity) for one in findings] == [("not_inventoried", Severity.NOTICE)] * is_found


def test_finding_names_the_machine() -> None:
    (one,) = found(machine(AFTER), [])
    assert (one.subject, one.root, one.since) == (endpoint_subject(ENDPOINT), endpoint_subject(ENDPOINT), NOW)
    assert one.facts == {"endpoint": "SRV-01", "role": "server"}
