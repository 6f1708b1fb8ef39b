"""What every rule promises: constant until `next_due`, the same each time, in words."""

from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus, Role, RunStatus
from collector.model.policy import Cron, Every, JobPolicy, Policy
from collector.model.rule_settings import AgentOutdated, BackupFailed, BackupWarning, Retries, RuleSettings
from collector.model.snapshot import AlertState, EndpointState, Gap, JobState, PastRun, Run, Snapshot
from collector.model.subject import endpoint_subject, job_subject
from collector.rules.registry import evaluate
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
from tests.unit import figures_strategies as figures
from tests.unit import liveness_strategies as liveness
from tests.unit import recovery_strategies as recovery

OTHER = UUID("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c009")
MACHINES = [ENDPOINT, OTHER]
NAMES = ["daily", "imaging"]
SUBJECTS = [*map(endpoint_subject, MACHINES), *(job_subject(one, name) for one in [None, *MACHINES] for name in NAMES)]

lately = st.integers(-40 * 60, 0).map(lambda minutes: NOW + minutes * MINUTE)
schedules = st.one_of(
    st.sampled_from([MINUTE, HOUR, DAY, 7 * DAY]).map(lambda period: Every(period=period)),
    st.sampled_from(["*/5 * * * *", "0 3 * * *", "0 22 * * 1-5"]).map(
        lambda expression: Cron(expression=expression, zone="Europe/Paris")
    ),
)
ends = st.builds(run, lately, st.sampled_from([RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED]))


@st.composite
def alerts(draw: st.DrawFn) -> AlertState:
    alert = Alert(
        id=draw(st.sampled_from("abc")),
        at=draw(lately),
        severity=draw(st.sampled_from(AlertSeverity)),
        category=draw(st.sampled_from([AlertCategory.RANSOMWARE, AlertCategory.MALWARE])),
        name="Found",
        status=draw(st.sampled_from(AlertStatus)),
    )
    return AlertState(as_of=draw(lately), alert=alert)


@st.composite
def endpoints(draw: st.DrawFn, machine: UUID) -> EndpointState:
    known = endpoint_state(
        draw(lately),
        interval_s=draw(st.sampled_from([1, 24, 60, 900, 86_400])),
        endpoint_id=machine,
        role=draw(st.sampled_from(list(Role))),
        agent=draw(st.sampled_from([None, "vigie-agent/1.3.9", "vigie-agent/1.4"])),
        alerts={one.alert.id: one for one in draw(st.lists(alerts(), max_size=2))},
    )
    assert known.sighting
    lost = {
        "queued": draw(liveness.queued),
        "skew_s": draw(st.sampled_from([0, 7_200])),
        "lost_heartbeats": draw(st.sampled_from([0, 5, 1_000])),
        "lost_until": draw(st.none() | lately.map(lambda at: at + DAY)),
    }
    scans = {
        "first_seen_at": draw(recovery.past),
        "patches": draw(st.none() | recovery.patch_states()),
        "protection": draw(st.none() | recovery.protection_states()),
    }
    return known.model_copy(update=scans | {"sighting": known.sighting.model_copy(update=lost)})


def _end(one: Run) -> datetime:
    return one.finished_at


@st.composite
def jobs(draw: st.DrawFn, machine: UUID | None, name: str) -> JobState:
    ran = sorted(draw(st.lists(ends, max_size=4, unique_by=_end)), key=_end)
    past = tuple(PastRun(one.finished_at, one.status, draw(st.sampled_from([None, 60, 3_600]))) for one in ran)
    ended: Run | None = ran[-1].model_copy(update={"source": draw(liveness.sources)}) if ran else None
    return job_state(
        name,
        last_run=ended,
        endpoint_id=machine,
        running_since=draw(st.none() | lately),
        history=past,
        first_seen_at=draw(recovery.past),
        kept_copies=draw(recovery.kept_copies()),
        readings=draw(figures.readings()),
        levels=draw(st.none() | figures.levels()),
        restore_tests=draw(recovery.restore_tests()),
    )


@st.composite
def rule_settings(draw: st.DrawFn) -> RuleSettings:
    results = {"in_a_row": draw(st.integers(1, 3)), "retries": draw(st.sampled_from(list(Retries)))}
    return RuleSettings(
        heartbeat_missing=draw(liveness.heartbeat_missing()),
        practice_silent=draw(liveness.practice_silent()),
        rpo_breached=draw(liveness.rpo_breached()),
        own_outage=draw(liveness.own_outage()),
        backup_failed=BackupFailed(**results),
        backup_warning=BackupWarning(**results),
        agent_outdated=AgentOutdated(oldest=draw(st.sampled_from([None, "1.4.0"]))),
        offline_copy=draw(recovery.offline_copy()),
        endpoint_without_backup=draw(recovery.endpoint_without_backup()),
    )


@st.composite
def gaps(draw: st.DrawFn) -> Gap:
    start = draw(lately)
    return Gap(start=start, end=start + draw(st.integers(1, 3_000)) * MINUTE)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    machines = [draw(endpoints(one)) for one in MACHINES if draw(st.booleans())]
    known = [draw(jobs(one, name)) for one in (None, *MACHINES) for name in NAMES if draw(st.booleans())]
    return snapshot(machines, known, gaps=tuple(draw(st.lists(gaps(), max_size=2))))


@st.composite
def job_policies(draw: st.DrawFn) -> JobPolicy:
    scheduled = job_policy(
        draw(st.sampled_from(NAMES)),
        draw(schedules),
        grace=draw(st.sampled_from([timedelta(0), MINUTE, HOUR, 2 * DAY])),
        since=draw(lately),
        endpoint_id=draw(st.sampled_from([None, *MACHINES])),
    )
    return scheduled.model_copy(update={"rpo": draw(liveness.rpos)})


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    retired = draw(st.dictionaries(st.sampled_from(SUBJECTS), st.just("replaced"), max_size=1))
    own = {"rules": draw(rule_settings()), "calendar": draw(liveness.calendars)}
    return policy(draw(st.lists(job_policies(), max_size=3)), retired=retired, **own)


# What is said until it is missed; an outage of ours moves that.
_MILDER = {"backup_missed": ("backup_late", "backup_overrunning")}


def between(start: datetime, end: datetime, share: float) -> datetime:
    return start + (end - start) * share


@given(snapshots(), policies(), st.integers(-3_000, 3_000), st.lists(st.floats(0, 1, exclude_max=True), max_size=3))
@settings(max_examples=150)
def test_findings_are_constant_until_the_next_due(
    seen: Snapshot, configured: Policy, minute: int, shares: list[float]
) -> None:
    now = NOW + minute * MINUTE
    judged = evaluate(seen, configured, now)
    assert judged.next_due is None or judged.next_due > now
    until = judged.next_due or now + 1_000 * DAY
    last_tick = until - timedelta(microseconds=1)
    for at in (last_tick, *(between(now, last_tick, share) for share in shares)):
        assert evaluate(seen, configured, at).findings == judged.findings


@given(snapshots(), policies())
@settings(max_examples=80)
def test_something_changes_at_every_due_instant(seen: Snapshot, configured: Policy) -> None:
    """Each wake of a worker is for something: a finding more, or another root."""
    now = NOW - 50 * DAY
    for _ in range(30):
        judged = evaluate(seen, configured, now)
        if judged.next_due is None:
            return
        assert evaluate(seen, configured, judged.next_due) != judged
        now = judged.next_due


@given(snapshots(), policies())
@settings(max_examples=80)
def test_evaluation_repeats_itself_and_does_not_depend_on_order(seen: Snapshot, configured: Policy) -> None:
    turned = snapshot([*seen.endpoints.values()][::-1], [*seen.jobs.values()][::-1], gaps=seen.gaps[::-1])
    assert evaluate(seen, configured, NOW) == evaluate(turned, configured, NOW)


@given(snapshots(), policies())
@settings(max_examples=80)
def test_findings_are_in_words_one_for_each_rule_and_subject_worst_first(seen: Snapshot, configured: Policy) -> None:
    found = evaluate(seen, configured, NOW).findings
    assert all(isinstance(word, str) for one in found for pair in one.facts.items() for word in pair)
    assert len({(one.rule, one.subject) for one in found}) == len(found)
    assert [one.severity.rank for one in found] == sorted(one.severity.rank for one in found)
    assert all(one.since <= NOW for one in found)
    assert not any(configured.retirement(one.subject) for one in found)


@given(snapshots(), policies())
@settings(max_examples=80)
def test_our_own_outages_never_make_a_finding(seen: Snapshot, configured: Policy) -> None:
    without = evaluate(seen.model_copy(update={"gaps": ()}), configured, NOW).findings
    with_gaps = evaluate(seen, configured, NOW).findings
    known = {(one.rule, one.subject) for one in without}
    milder = {(mild, subject) for rule, subject in known for mild in _MILDER.get(rule, ())}
    assert {(one.rule, one.subject) for one in with_gaps} <= known | milder
