"""How everything stands: unknown is never green, and a practice is as its worst."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings

from collector.model.finding import Severity, State
from collector.model.heartbeat import PatchSeverity, ProtectionMode, Role, RunStatus
from collector.model.policy import Policy
from collector.model.rule_settings import PatchesOverdue
from collector.model.snapshot import EndpointState, JobState, Snapshot
from collector.model.standing import Standing
from collector.model.subject import PRACTICE, endpoint_subject, job_subject, scopes
from collector.rules.registry import evaluate
from collector.rules.standing import standing
from tests.factories import (
    DAY,
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    job_policy,
    job_state,
    policy,
    run,
    snapshot,
)
from tests.unit.test_rules_properties import policies, snapshots

OTHER = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c009")
TICK = timedelta(microseconds=1)
STALE = PatchesOverdue().stale
SCHEDULED = policy([job_policy()])
WELL = job_state(last_run=run(NOW))


def stands(seen: Snapshot, configured: Policy = SCHEDULED) -> Standing:
    return standing(seen, configured, evaluate(seen, configured, NOW).findings, NOW)


def scanned(ago: timedelta) -> EndpointState:
    return endpoint_state(patches={"as_of": NOW, "scanned_at": NOW - ago})


def protected(*modes: str) -> EndpointState:
    products = tuple({"product": mode, "mode": mode, "real_time": True} for mode in modes)
    state = {"as_of": NOW.isoformat(), "products": products}
    return EndpointState.model_validate_json(
        endpoint_state().model_copy(update={"protection": state}).model_dump_json(warnings=False)
    )


def repeated(ago: timedelta) -> EndpointState:
    """Protection that was well when it was last told of."""
    state = {"as_of": NOW - ago, "products": [{"product": "a", "mode": ProtectionMode.ACTIVE, "real_time": True}]}
    return endpoint_state(protection=state)


def test_all_well_is_ok() -> None:
    known = stands(snapshot([endpoint_state()], [WELL]))
    assert (known.state, known.reason, known.oldest_good_at) == (State.OK, None, NOW)


@pytest.mark.parametrize(
    ("endpoint", "jobs", "state", "reason"),
    [
        (endpoint_state(), [], State.UNKNOWN, "no_backup_job"),
        (scanned(STALE - TICK), [WELL], State.OK, None),
        (scanned(STALE), [WELL], State.UNKNOWN, "patches_stale"),
        (endpoint_state(patches=None), [WELL], State.UNKNOWN, "patches_never_reported"),
        (endpoint_state(patches=None, role=Role.NAS), [WELL], State.OK, None),
        (repeated(STALE - TICK), [WELL], State.OK, None),
        (repeated(STALE), [WELL], State.UNKNOWN, "protection_stale"),
        (protected("active"), [WELL], State.OK, None),
        (protected("passive"), [WELL], State.WARNING, "protection_weak.passive"),
        (protected("off"), [WELL], State.CRITICAL, "protection_weak.off"),
        (protected(), [WELL], State.WARNING, "protection_weak.no_product"),
        (protected("passive", "active"), [WELL], State.OK, None),
        (endpoint_state(NOW - HOUR), [WELL], State.CRITICAL, "heartbeat_missing.silent"),
        (endpoint_state(NOW - HOUR, role=Role.WORKSTATION), [WELL], State.UNKNOWN, "switched_off"),
        (endpoint_state(NOW - 2 * MINUTE, role=Role.WORKSTATION), [WELL], State.UNKNOWN, "switched_off"),
        (endpoint_state(NOW - 2 * MINUTE + TICK, role=Role.WORKSTATION), [WELL], State.OK, None),
        (endpoint_state(NOW - 7 * DAY, role=Role.WORKSTATION), [WELL], State.WARNING, "heartbeat_missing.silent"),
    ],
)
def test_endpoint_says_why_it_is_not_ok(
    endpoint: EndpointState, jobs: list[JobState], state: State, reason: str | None
) -> None:
    (one,) = stands(snapshot([endpoint], jobs), policy([job_policy()] if jobs else [])).endpoints
    assert (one.state, one.reason) == (state, reason)


@pytest.mark.parametrize(
    ("on", "state", "reason"),
    [(True, State.CRITICAL, "protection_weak.not_real_time"), (False, State.UNKNOWN, "protection_not_active")],
)
def test_protection_that_watches_nothing_is_not_green_whatever_is_judged(on: bool, state: State, reason: str) -> None:
    written = protected("active").model_dump_json()
    blind = EndpointState.model_validate_json(written.replace('"real_time":true', '"real_time":false'))
    configured = policy([job_policy()], rules={"protection_weak": {"enabled": on}})
    (one,) = stands(snapshot([blind], [WELL]), configured).endpoints
    assert (one.state, one.reason) == (state, reason)


def test_what_was_late_at_the_last_scan_is_unknown_once_that_is_stale() -> None:
    missing = {PatchSeverity.CRITICAL: {"count": 1, "oldest_released_at": NOW - 60 * DAY}}
    stale = endpoint_state(patches={"as_of": NOW, "scanned_at": NOW - STALE, "missing": missing})
    (one,) = stands(snapshot([stale], [WELL])).endpoints
    assert (one.state, one.reason) == (State.UNKNOWN, "patches_stale")


WELL_AN_HOUR_AGO = job_state(last_run=run(NOW - HOUR))


def within(rpo: timedelta) -> Policy:
    return policy([job_policy().model_copy(update={"rpo": rpo})])


FAILED = job_state(last_run=run(NOW, RunStatus.FAILED), last_good=run(NOW - DAY))


@pytest.mark.parametrize(
    ("endpoint", "jobs", "configured", "state", "reason"),
    [
        (endpoint_state(), [WELL], policy(), State.UNKNOWN, "never_scheduled"),
        (endpoint_state(), [], policy([job_policy(since=NOW)]), State.UNKNOWN, "never_reported"),
        (endpoint_state(), [job_state()], policy([job_policy(since=NOW)]), State.UNKNOWN, "never_reported"),
        (endpoint_state(NOW - HOUR), [WELL], SCHEDULED, State.UNKNOWN, "endpoint_silent"),
        (endpoint_state(NOW - 2 * MINUTE + TICK), [WELL], SCHEDULED, State.OK, None),
        (endpoint_state(NOW - 2 * MINUTE), [WELL], SCHEDULED, State.UNKNOWN, "endpoint_silent"),
        (endpoint_state(), [WELL_AN_HOUR_AGO], within(HOUR + TICK), State.OK, None),
        (endpoint_state(), [WELL_AN_HOUR_AGO], within(HOUR), State.CRITICAL, "rpo_breached.exceeded"),
        (endpoint_state(), [FAILED], SCHEDULED, State.CRITICAL, "backup_failed.failed"),
        (endpoint_state(), [FAILED], policy(), State.CRITICAL, "backup_failed.failed"),
        (
            endpoint_state(),
            [],
            policy([job_policy(since=NOW - 9 * DAY)]),
            State.CRITICAL,
            "backup_missed.never_reported",
        ),
    ],
)
def test_job_says_why_it_is_not_ok(
    endpoint: EndpointState, jobs: list[JobState], configured: Policy, state: State, reason: str | None
) -> None:
    (one,) = stands(snapshot([endpoint], jobs), configured).jobs
    assert (one.state, one.reason) == (state, reason)


@pytest.mark.parametrize(("ago", "state", "reason"), [
    (DAY + 15 * MINUTE - TICK, State.OK, None),
    (DAY + HOUR - TICK, State.OK, None),  # late, which is a notice
    (DAY + HOUR, State.CRITICAL, "backup_missed.not_run"),
])  # fmt: skip
def test_job_that_is_only_pinged_stands_by_its_schedule(ago: timedelta, state: State, reason: str | None) -> None:
    pinged = job_state(last_run=run(NOW - ago), endpoint_id=None)
    (one,) = stands(snapshot(jobs=[pinged]), policy([job_policy(endpoint_id=None)])).jobs
    assert (one.state, one.reason, one.endpoint) == (state, reason, None)


RETIRED_ENDPOINT = policy([job_policy()], retired={endpoint_subject(ENDPOINT): "scrapped"})
RETIRED_JOB = policy([job_policy()], retired={job_subject(ENDPOINT, "daily"): "not wanted"})


@pytest.mark.parametrize(
    ("seen", "configured", "state", "reason"),
    [
        (snapshot(), policy(), State.UNKNOWN, "never_reported"),
        (snapshot(), policy([job_policy(since=NOW)]), State.UNKNOWN, "never_reported"),
        (snapshot([endpoint_state()]), policy(), State.UNKNOWN, "no_backup_job"),
        (snapshot([endpoint_state()], [WELL]), RETIRED_ENDPOINT, State.UNKNOWN, "no_backup_job"),
        (snapshot([endpoint_state()], [WELL]), RETIRED_JOB, State.UNKNOWN, "no_backup_job"),
        (snapshot([endpoint_state()], [WELL]), policy(retired_because="left us"), State.RETIRED, "left us"),
        (snapshot(jobs=[FAILED]), SCHEDULED, State.CRITICAL, "backup_failed.failed"),
        (snapshot(jobs=[WELL]), SCHEDULED, State.UNKNOWN, "machines_unknown"),
    ],
    ids=[
        "nothing",
        "only-scheduled",
        "no-job",
        "machine-retired",
        "job-retired",
        "practice-retired",
        "failed",
        "pings",
    ],
)
def test_practice_that_says_nothing_is_unknown(seen: Snapshot, configured: Policy, state: State, reason: str) -> None:
    known = stands(seen, configured)
    assert (known.state, known.reason) == (state, reason)


@given(snapshots(), policies())
@settings(max_examples=150)
def test_practice_stands_as_its_worst_and_is_green_only_if_all_are(seen: Snapshot, configured: Policy) -> None:
    known = stands(seen, configured)
    every = [*(one.state for one in known.endpoints), *(one.state for one in known.jobs)]
    parts = [state for state in every if state is not State.RETIRED]
    assert known.state.rank <= min((state.rank for state in parts), default=State.UNKNOWN.rank)
    if known.state is State.OK:
        assert parts
        assert known.jobs
        assert {*parts} == {State.OK}
    assert (known.reason is None) == (known.state is State.OK)


@given(snapshots(), policies())
@settings(max_examples=100)
def test_whatever_is_found_shows_in_a_state(seen: Snapshot, configured: Policy) -> None:
    known = stands(seen, configured)
    shown = {endpoint_subject(one.endpoint_id): one.state for one in known.endpoints}
    shown |= {one.subject: one.state for one in known.jobs} | {PRACTICE: known.state}
    for found in evaluate(seen, configured, NOW).findings:
        subject = found.subject if found.subject in shown else scopes(found.subject)[-1]  # an alert, on its machine
        if found.severity is not Severity.NOTICE:
            assert shown[subject].rank <= State.of(found).rank


@pytest.mark.parametrize(
    ("jobs", "oldest"),
    [
        ([WELL], NOW),
        ([WELL, job_state("imaging", last_run=run(NOW - DAY))], NOW - DAY),
        ([WELL, job_state("imaging")], None),
        ([FAILED], NOW - DAY),
        ([], None),
    ],
    ids=["one", "the-older", "one-never", "behind-a-failure", "none"],
)
def test_what_would_be_lost_is_since_the_worst_jobs_last_good_backup(jobs: list[JobState], oldest: object) -> None:
    assert stands(snapshot([endpoint_state()], jobs)).oldest_good_at == oldest


def test_machine_without_a_job_beside_one_with_it_is_not_green() -> None:
    bare = endpoint_state(endpoint_id=OTHER)
    known = stands(snapshot([endpoint_state(), bare], [WELL]))
    assert (known.state, known.reason) == (State.UNKNOWN, "no_backup_job")
