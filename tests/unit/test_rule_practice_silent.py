"""When a whole practice is silent, and what it speaks for."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import PracticeSilent, RuleSettings
from collector.model.snapshot import EndpointState, Gap, Snapshot
from collector.model.subject import PRACTICE, endpoint_subject
from collector.rules.practice_silent import check
from collector.rules.registry import evaluate
from tests.factories import DAY, HOUR, MINUTE, NOW, endpoint_state, job_policy, policy, snapshot

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
SERVER, STORAGE, DESK, LAPTOP = (UUID(int=n) for n in range(1, 5))
WORKSTATION = Role.WORKSTATION


def machine(
    endpoint_id: UUID, seen_at: datetime = NOW, role: Role = Role.SERVER, interval_s: int = 60
) -> EndpointState:
    return endpoint_state(seen_at, endpoint_id=endpoint_id, role=role, interval_s=interval_s)


def assert_silent_from(known: Snapshot, at: datetime, configured: Policy | None = None) -> Finding:
    before = check(known, configured or policy(), at - TICK)
    assert (before.findings, before.next_due) == ((), at)
    (found,) = check(known, configured or policy(), at).findings
    assert found.since == at
    return found


def never_silent(known: Snapshot, configured: Policy | None = None) -> bool:
    judged = check(known, configured or policy(), NOW + 30 * DAY)
    return (judged.findings, judged.next_due) == ((), None)


def missing(known: Snapshot, now: datetime, configured: Policy | None = None) -> dict[UUID, Finding]:
    """What is found of single machines."""
    found = evaluate(known, configured or policy(), now).findings
    by_subject = {one.subject: one for one in found if one.rule == "heartbeat_missing"}
    return {key: by_subject[endpoint_subject(key)] for key in known.endpoints if endpoint_subject(key) in by_subject}


PAIR = snapshot([machine(SERVER), machine(STORAGE, NOW + 40 * SECOND, Role.NAS)])


def test_practice_is_silent_with_the_last_of_its_machines() -> None:
    found = assert_silent_from(PAIR, NOW + 40 * SECOND + 2 * MINUTE)
    assert (found.subject, found.root, found.severity, found.reason) == (PRACTICE, PRACTICE, "critical", "silent")
    assert found.signature == "practice_silent"
    assert found.facts == {"endpoints": "2", "last_seen_at": (NOW + 40 * SECOND).isoformat()}


@pytest.mark.parametrize(("least", "silent"), [(1, True), (2, True), (3, False)])
def test_practice_of_few_machines_is_told_by_each(least: int, *, silent: bool) -> None:
    configured = policy(rules=RuleSettings(practice_silent=PracticeSilent(least_endpoints=least)))
    assert bool(check(PAIR, configured, NOW + HOUR).findings) == silent


def test_machine_alone_tells_of_itself() -> None:
    assert never_silent(snapshot([machine(SERVER)]))


def test_retired_machine_neither_counts_nor_hinders() -> None:
    retired = policy(retired={endpoint_subject(STORAGE): "sold"})
    assert never_silent(PAIR, retired)
    spare = machine(DESK, NOW + 30 * DAY)
    known = snapshot([*PAIR.endpoints.values(), spare])
    assert check(known, policy(retired={endpoint_subject(DESK): "sold"}), NOW + HOUR).findings


def test_our_own_outage_is_not_the_practices() -> None:
    away = PAIR.model_copy(update={"gaps": (Gap(start=NOW + MINUTE, end=NOW + HOUR),)})
    assert_silent_from(away, NOW + HOUR + MINUTE + 40 * SECOND)


@pytest.mark.parametrize(
    ("off_since", "silent"),
    [
        (NOW, True),
        (NOW - 75 * SECOND, True),
        (NOW - 75 * SECOND - TICK, False),
        (NOW - 9 * HOUR, False),
    ],
    ids=["together", "just-together", "just-before", "off-at-noon"],
)
def test_workstation_counts_if_it_fell_silent_with_the_server(off_since: datetime, *, silent: bool) -> None:
    known = snapshot([machine(SERVER), machine(DESK, off_since, WORKSTATION)])
    assert bool(check(known, policy(), NOW + HOUR).findings) == silent


def test_silence_that_began_by_day_lasts_over_closing_time_and_weekend() -> None:
    known = snapshot([machine(SERVER), machine(DESK, role=WORKSTATION)])
    assert all(check(known, policy(), NOW + hours * HOUR).findings for hours in range(1, 72))


def test_workstation_that_is_heard_at_night_shows_that_the_practice_is_there() -> None:
    known = snapshot([*PAIR.endpoints.values(), machine(DESK, NOW + HOUR, WORKSTATION)])
    assert check(known, policy(), NOW + HOUR).findings == ()
    # Once it is off, the servers are silent as before.
    assert check(known, policy(), NOW + HOUR + 2 * MINUTE).findings


def test_practice_of_workstations_alone_goes_home() -> None:
    assert never_silent(snapshot([machine(DESK, role=WORKSTATION), machine(LAPTOP, role=WORKSTATION)]))


def test_silent_practice_speaks_for_its_machines() -> None:
    found = missing(PAIR, NOW + HOUR)
    assert {key: (one.inhibited_by, one.root) for key, one in found.items()} == {
        SERVER: ("practice_silent", PRACTICE),
        STORAGE: ("practice_silent", PRACTICE),
    }


def test_what_is_missed_underneath_is_found_and_told() -> None:
    configured = policy([job_policy(endpoint_id=SERVER)])
    found = evaluate(PAIR, configured, NOW + 9 * DAY).findings
    assert [one.inhibited_by for one in found if one.rule == "backup_missed"] == [None]


@pytest.mark.parametrize("setting", [{"enabled": False}, {"severity": Severity.NOTICE}])
def test_silence_that_tells_nobody_speaks_for_nobody(setting: dict[str, Any]) -> None:
    configured = policy(rules=RuleSettings(practice_silent=PracticeSilent.model_validate(setting)))
    for now in (NOW + 2 * MINUTE, NOW + HOUR):
        assert [one.inhibited_by for one in missing(PAIR, now, configured).values()] in ([None], [None, None])


def test_first_of_a_practice_cut_off_is_held_back_until_the_last_is_silent() -> None:
    """Whatever the instants at which they were last heard."""
    for apart in range(0, 60, 7):
        known = snapshot([machine(SERVER), machine(STORAGE, NOW + apart * SECOND)])
        for now in (NOW + 2 * MINUTE, NOW + 2 * MINUTE + apart * SECOND - TICK, NOW + 2 * MINUTE + apart * SECOND):
            found = missing(known, now)
            assert [one.inhibited_by for one in found.values()] == ["practice_silent"] * len(found)


def test_machine_alone_in_its_silence_is_told_at_once() -> None:
    """The other one has been heard since the first fell due."""
    known = snapshot([machine(SERVER), machine(STORAGE, NOW + 61 * SECOND)])
    (found,) = missing(known, NOW + 2 * MINUTE).values()
    assert found.inhibited_by is None


def test_held_back_is_told_once_another_is_heard() -> None:
    now = NOW + 2 * MINUTE
    assert missing(PAIR, now)[SERVER].inhibited_by
    heard = snapshot([machine(SERVER), machine(STORAGE, now)])
    assert missing(heard, now)[SERVER].inhibited_by is None


def test_held_back_is_looked_at_again_when_the_other_would_be_late() -> None:
    """What comes in time wakes nobody."""
    slow = snapshot([machine(SERVER), machine(STORAGE, NOW + 59 * SECOND)])
    assert evaluate(slow, policy(), NOW + 2 * MINUTE).next_due == NOW + 59 * SECOND + 75 * SECOND


def test_nobody_is_held_back_for_longer_than_an_interval() -> None:
    """One that reports by the day could not be told silent for another day."""
    known = snapshot([machine(SERVER), machine(STORAGE, NOW - DAY, interval_s=86_400)])
    until = NOW + 3 * MINUTE
    assert missing(known, until - TICK)[SERVER].inhibited_by
    assert missing(known, until)[SERVER].inhibited_by is None
    assert evaluate(known, policy(), until - TICK).next_due == until


def test_storage_that_died_long_ago_is_not_held_back_when_the_server_restarts() -> None:
    known = snapshot([machine(SERVER), machine(STORAGE, NOW - 30 * DAY)])
    assert missing(known, NOW + 100 * SECOND)[STORAGE].inhibited_by is None
