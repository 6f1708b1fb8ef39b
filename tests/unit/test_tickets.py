"""Incidents become tickets by root: one problem, one ticket, told in strict order."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from collector.escalation.incidents import REOPEN_WINDOW
from collector.escalation.tickets import gather
from collector.model.finding import Severity
from collector.model.heartbeat import Role, RunStatus
from collector.model.incident import TicketState
from collector.model.message import TicketEvent
from collector.model.snapshot import JobState, Snapshot
from collector.model.subject import PRACTICE, endpoint_subject, job_subject
from tests.factories import (
    DAY,
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    finding,
    incident,
    job_policy,
    job_state,
    policy,
    run,
    snapshot,
)
from tests.unit.house import House

SERVER = endpoint_subject(ENDPOINT)
TICK = timedelta(microseconds=1)
OPENED, APPENDED, RESOLVED, REOPENED = TicketEvent
FAILING = [job_state(last_run=run(NOW, RunStatus.FAILED))]
WELL = [job_state(last_run=run(NOW))]


def jobs_of(*names: str, **more: object) -> Snapshot:
    return snapshot([endpoint_state(NOW)], [job_state(name, last_run=run(NOW), **more) for name in names])


def test_dead_server_and_its_three_late_jobs_are_one_ticket() -> None:
    names = ("daily", "database", "imaging")
    house = House(policy([job_policy(name) for name in names]))
    late = NOW + DAY + HOUR
    house.judge(jobs_of(*names), late)
    assert len(house.incidents) == 4
    (message,) = house.messages
    assert (message.event, message.root, message.title) == (OPENED, SERVER, "No heartbeat from SRV-01")
    assert len(message.incidents) == 4


def test_jobs_that_fall_due_after_the_server_died_append_to_its_ticket() -> None:
    house = House(policy([job_policy()]))
    house.judge(jobs_of("daily"), NOW + HOUR)
    house.judge(jobs_of("daily"), NOW + DAY + HOUR)
    assert house.told == [OPENED, APPENDED]
    assert len(house.tickets) == 1


def test_jobs_missed_before_their_server_is_found_dead_move_to_its_ticket() -> None:
    """It died in its backup window: the jobs fall due before a heartbeat is overdue."""
    names = ("daily", "database", "imaging")
    house = House(policy([job_policy(name) for name in names]))
    due = NOW + DAY + HOUR
    dying = snapshot(
        [endpoint_state(due - MINUTE, interval_s=300)], [job_state(name, last_run=run(NOW)) for name in names]
    )
    house.judge(dying, due)
    assert house.told == [OPENED] * 3
    house.judge(dying, due + HOUR)
    assert sorted(house.told[3:]) == [OPENED] + [RESOLVED] * 3
    (left,) = [one for one in house.tickets.values() if one.state is TicketState.OPEN]
    assert left.root == SERVER
    merged = [one.merged_into for one in house.messages[3:] if one.event is RESOLVED]
    assert merged == [left.ticket_id] * 3
    assert {one.ticket_id for one in house.incidents} == {left.ticket_id}
    assert len(house.incidents) == 4
    house.judge(dying, due + 2 * HOUR)
    assert len(house.told) == 7, "nothing moves twice"
    ran = [job_state(name, last_run=run(due + 3 * HOUR)) for name in names]
    house.judge(snapshot([endpoint_state(due + 3 * HOUR)], ran), due + 3 * HOUR)
    assert house.told[7:] == [RESOLVED]


def test_failures_of_a_living_server_are_a_ticket_for_each_job() -> None:
    failed = [job_state(name, last_run=run(NOW, RunStatus.FAILED)) for name in ("daily", "imaging")]
    house = House()
    house.judge(snapshot([endpoint_state(NOW)], failed), NOW)
    assert sorted(one.root for one in house.tickets.values()) == [
        job_subject(ENDPOINT, "daily"),
        job_subject(ENDPOINT, "imaging"),
    ]


def test_ticket_closes_with_its_last_incident_only() -> None:
    house = House(policy([job_policy()]))
    dead, back = jobs_of("daily"), snapshot([endpoint_state(NOW + 2 * DAY)], WELL)
    house.judge(dead, NOW + 2 * DAY - MINUTE)
    house.judge(back, NOW + 2 * DAY)
    assert house.told == [OPENED, APPENDED]
    ran = snapshot([endpoint_state(NOW + 2 * DAY)], [job_state(last_run=run(NOW + 2 * DAY))])
    house.judge(ran, NOW + 2 * DAY + TICK)
    assert house.told == [OPENED, APPENDED, RESOLVED]
    (ticket,) = house.tickets.values()
    assert (ticket.state, ticket.resolved_at) == (TicketState.RESOLVED, NOW + 2 * DAY + TICK)


@pytest.mark.parametrize(
    ("pause", "event", "tickets"),
    [(TICK, REOPENED, 1), (REOPEN_WINDOW, REOPENED, 1), (REOPEN_WINDOW + TICK, OPENED, 2)],
    ids=["at-once", "at-the-end-of-the-window", "after-the-window"],
)
def test_relapse_reopens_the_ticket_within_the_window(pause: timedelta, event: TicketEvent, tickets: int) -> None:
    house = House()
    house.judge(snapshot(jobs=FAILING), NOW)
    house.judge(snapshot(jobs=WELL), NOW + HOUR)
    house.judge(snapshot(jobs=FAILING), NOW + HOUR + pause)
    assert house.told == [OPENED, RESOLVED, event]
    assert len(house.tickets) == tickets


def test_messages_of_a_ticket_are_numbered_without_a_gap() -> None:
    house = House()
    for hour, jobs in enumerate([FAILING, WELL] * 3):
        house.judge(snapshot(jobs=jobs), NOW + hour * HOUR)
    assert [message.sequence for message in house.messages] == [1, 2, 3, 4, 5, 6]
    assert house.told == [OPENED, RESOLVED, REOPENED, RESOLVED, REOPENED, RESOLVED]


def test_nothing_new_is_not_told_again() -> None:
    house = House()
    for hour in range(3):
        house.judge(snapshot(jobs=FAILING), NOW + hour * HOUR)
    assert house.told == [OPENED]


def test_change_of_severity_is_appended() -> None:
    house = House()
    for role in (Role.WORKSTATION, Role.SERVER):
        house.judge(snapshot([endpoint_state(NOW, role=role)]), NOW + 7 * DAY)
    assert [(message.event, message.severity) for message in house.messages] == [
        (OPENED, Severity.WARNING),
        (APPENDED, Severity.CRITICAL),
    ]


def test_acknowledged_incident_that_recovers_closes_its_ticket() -> None:
    house = House()
    house.judge(snapshot(jobs=FAILING), NOW)
    house.acknowledge()
    verdict = house.judge(snapshot(jobs=WELL), NOW + HOUR)
    assert house.told == [OPENED, RESOLVED]
    assert verdict.incidents[0].acknowledged_by == "ada"


@pytest.mark.parametrize(
    "retired",
    [{"retired": {job_subject(ENDPOINT, "daily"): "replaced"}}, {"retired_because": "replaced"}],
)
def test_retirement_closes_the_ticket_with_its_reason(retired: dict[str, Any]) -> None:
    house = House()
    house.judge(snapshot(jobs=FAILING), NOW)
    house.policy = policy(**retired)
    house.judge(snapshot(jobs=FAILING), NOW + HOUR)
    closing = house.messages[-1]
    assert (closing.event, closing.incidents[0].resolution) == (RESOLVED, "retired: replaced")


def test_ticket_is_named_by_the_incident_about_its_root() -> None:
    house = House(policy([job_policy()]))
    seen = snapshot([endpoint_state(NOW - 2 * HOUR, interval_s=3_600)], [job_state(last_run=run(NOW - DAY - 2 * HOUR))])
    house.judge(seen, NOW - 45 * MINUTE)  # overdue, not yet silent: the job is missed and hangs on the server
    house.judge(seen, NOW)
    assert [message.title for message in house.messages] == [
        "Backup missed: daily on SRV-01",
        "No heartbeat from SRV-01",
    ]


OTHER = UUID(int=2)
NAMES = ("daily", "imaging")


def two_servers(seen_at: datetime, other_seen_at: datetime, *jobs: JobState) -> Snapshot:
    return snapshot([endpoint_state(seen_at), endpoint_state(other_seen_at, endpoint_id=OTHER)], jobs)


def open_tickets(house: House) -> list[str]:
    return [one.root for one in house.tickets.values() if one.state is TicketState.OPEN]


def test_silent_practice_is_one_ticket_and_what_is_missed_underneath_appends_to_it() -> None:
    house = House(policy([job_policy(name, endpoint_id=one) for name in NAMES for one in (ENDPOINT, OTHER)]))
    jobs = [job_state(name, last_run=run(NOW), endpoint_id=one) for name in NAMES for one in (ENDPOINT, OTHER)]
    cut = two_servers(NOW, NOW + MINUTE / 2, *jobs)
    house.judge(cut, NOW + 2 * MINUTE)
    assert house.told == [], "the first one is held back"
    house.judge(cut, NOW + 2 * MINUTE + MINUTE / 2)
    assert [(one.event, one.root, len(one.incidents)) for one in house.messages] == [(OPENED, PRACTICE, 1)]
    assert {one.root for one in house.incidents} == {PRACTICE}
    house.judge(cut, NOW + DAY + HOUR)
    assert house.told == [OPENED, APPENDED]
    assert len([one for one in house.incidents if one.rule == "backup_missed"]) == 4
    back = NOW + DAY + 2 * HOUR
    ran = [one.model_copy(update={"last_run": run(back), "last_good": run(back)}) for one in jobs]
    house.judge(two_servers(back, back, *ran), back)
    assert house.told == [OPENED, APPENDED, RESOLVED]
    assert house.incidents == ()


def test_server_that_stays_dead_when_its_practice_is_back_goes_on_in_the_same_ticket() -> None:
    house = House(policy([job_policy()]))
    back = NOW + HOUR
    house.judge(two_servers(NOW, NOW), back - MINUTE)
    house.judge(two_servers(NOW, back, WELL[0]), back)
    assert house.told == [OPENED, APPENDED]
    assert house.messages[-1].title == "No heartbeat from SRV-01"
    assert [(one.rule, one.inhibited_by) for one in house.incidents] == [("heartbeat_missing", None)]
    house.judge(two_servers(NOW, NOW + DAY + HOUR, WELL[0]), NOW + DAY + HOUR)
    assert house.told == [OPENED, APPENDED, APPENDED], "its missed backup hangs on it"
    assert open_tickets(house) == [PRACTICE]


def test_servers_that_fell_silent_one_by_one_move_to_the_ticket_of_their_practice() -> None:
    house = House(policy([job_policy()]))
    dead, later = two_servers(NOW, NOW + 2 * DAY, *WELL), NOW + 2 * DAY
    house.judge(dead, later)
    assert open_tickets(house) == [SERVER]
    house.judge(dead, later + HOUR)
    assert open_tickets(house) == [PRACTICE]
    practice, left = sorted(house.messages[1:], key=lambda one: one.event)
    assert (left.root, left.merged_into) == (SERVER, practice.ticket_id)
    house.judge(dead, later + 2 * HOUR)
    assert len(house.told) == 3, "nothing moves twice"


def test_held_back_incident_that_stays_alone_gets_a_ticket_of_its_own() -> None:
    house = House()
    house.judge(two_servers(NOW, NOW + MINUTE / 2), NOW + 2 * MINUTE)
    house.judge(two_servers(NOW, NOW + 2 * MINUTE + TICK), NOW + 2 * MINUTE + TICK)
    assert [(one.event, one.root) for one in house.messages] == [(OPENED, SERVER)]


def test_what_else_is_wrong_with_a_machine_stays_where_it_is() -> None:
    """Its patches are not missing because the line is down."""
    subject = endpoint_subject(ENDPOINT)
    patches = incident(finding("patches_overdue", subject=subject, root=subject))
    silent = (
        incident(finding("practice_silent", subject=PRACTICE, root=PRACTICE)),
        incident(finding("heartbeat_missing", subject=subject, root=subject)),
    )
    gathered = gather((patches, *silent), {}, (), (), policy(), NOW)
    assert [one.root for one in gathered.incidents] == [subject, PRACTICE, PRACTICE]


def test_verdict_is_due_when_its_findings_are() -> None:
    verdict = House(policy([job_policy()])).judge(jobs_of("daily"), NOW)
    assert verdict.next_due == NOW + 2 * MINUTE


def test_scan_that_will_go_stale_is_due_then() -> None:
    scan = {"as_of": NOW, "scanned_at": NOW}
    now = NOW + 6 * DAY + 23 * HOUR
    due = House().judge(snapshot([endpoint_state(now, interval_s=86_400, patches=scan)]), now).next_due
    assert due is not None
    assert due <= NOW + 7 * DAY + TICK
