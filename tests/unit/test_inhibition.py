"""Who speaks for whom: a silent machine for its late backups, a campaign for its members' pages."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.judge import Record, escalate, judge_provider
from collector.model.book import DEFAULT, WATCH, Book, Route
from collector.model.campaign import CAMPAIGN, PROVIDER, Campaign, Fleet
from collector.model.escalation import Action, EscalationPolicy
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import AlertCategory, AlertSeverity, RunStatus
from collector.model.message import NoticeKind
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from collector.model.subject import PRACTICE, endpoint_subject, job_subject
from collector.rules.heartbeat_missing import speaking
from tests.factories import (
    ENDPOINT,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    finding,
    job_state,
    policy,
    run,
    silence,
    snapshot,
)
from tests.factories import PRACTICE as PRACTICE_ID
from tests.unit.escalating import BOOK, step, steps
from tests.unit.house import House
from tests.unit.test_rule_endpoint_alert import alert
from tests.unit.troubles import at_each, lasting

MACHINE = endpoint_subject(ENDPOINT)
SILENT = finding("heartbeat_missing", subject=MACHINE, root=MACHINE)
OTHERS = job_subject(UUID(int=2), "daily")


@pytest.mark.parametrize(
    ("silent", "found", "by"),
    [
        (SILENT, finding("backup_late"), "heartbeat_missing"),
        (SILENT, finding("backup_missed"), None),
        (SILENT, finding("backup_late", subject=OTHERS), None),
        (SILENT, finding("backup_late", subject=job_subject(None, "daily")), None),
        (SILENT.model_copy(update={"grey": "catching_up"}), finding("backup_late"), None),
        (SILENT.model_copy(update={"severity": Severity.NOTICE}), finding("backup_late"), None),
        (SILENT.model_copy(update={"rule": "clock_skew"}), finding("backup_late"), None),
    ],
    ids=["late", "missed", "of-another", "of-the-practice", "grey", "told-to-nobody", "not-silent"],
)
def test_a_silent_machine_speaks_for_its_late_backups_alone(silent: Finding, found: Finding, by: str | None) -> None:
    judged = speaking(Evaluation(findings=(silent, found), next_due=NOW))
    assert [one.inhibited_by for one in judged.findings] == [None, by]
    assert judged.next_due == NOW


SILENCED_BY = {"heartbeat_missing": "backup_late", "practice_silent": "heartbeat_missing"}


@pytest.mark.parametrize("speaker", SILENCED_BY)
@pytest.mark.parametrize("to", [WATCH.name, DEFAULT.name, None])
def test_what_is_told_to_nobody_by_its_route_speaks_for_nobody(speaker: str, to: str | None) -> None:
    """Of the two exactly one is told."""
    routes = (Route(name="r", policy=to, rules=frozenset({speaker})),) if to else ()
    book = Book(policies={DEFAULT.name: DEFAULT, WATCH.name: WATCH}, routes=routes)
    whole = PRACTICE if speaker == "practice_silent" else MACHINE
    speaks = finding(speaker, subject=whole, root=whole)
    spoken_for = finding(
        SILENCED_BY[speaker], subject=MACHINE if whole is PRACTICE else job_subject(ENDPOINT, "daily"),
        inhibited_by=speaker,
    )  # fmt: skip
    others = finding("backup_late", subject=OTHERS, inhibited_by="heartbeat_missing")
    record = Record(Snapshot(practice_id=PRACTICE_ID), policy(), (), ())
    found = Evaluation(findings=(speaks, spoken_for, others))
    verdict = escalate(record, found, NOW, orders=Orders(Roster(book)))
    told = {one.rule for one in verdict.incidents if one.walk.taken}
    assert told == ({spoken_for.rule} if to == WATCH.name else {speaks.rule})
    assert len(verdict.tickets) == 1
    assert [one.walk.held_by for one in verdict.incidents if one.subject == OTHERS] == ["heartbeat_missing"]


@pytest.mark.parametrize(("copied", "todays"), [(WATCH, DEFAULT), (DEFAULT, WATCH)], ids=["to-nobody", "to-all"])
def test_who_speaks_is_told_by_the_steps_that_it_walks_whatever_its_route_is_now(
    copied: EscalationPolicy, todays: EscalationPolicy
) -> None:
    """Of the two exactly one is told, before the route is corrected and after."""
    machine = finding("heartbeat_missing", subject=MACHINE, root=PRACTICE, inhibited_by="practice_silent")
    found = Evaluation(findings=(finding("practice_silent", subject=PRACTICE, root=PRACTICE), machine))
    record = Record(Snapshot(practice_id=PRACTICE_ID), policy(), (), ())
    for number, to in enumerate((copied, todays, todays)):
        routes = (Route(name="r", policy=to.name, rules=frozenset({"practice_silent"})),)
        book = Book(policies={DEFAULT.name: DEFAULT, WATCH.name: WATCH}, routes=routes)
        verdict = escalate(record, found, NOW + number * MINUTE, orders=Orders(Roster(book)))
        record = replace(record, incidents=verdict.incidents, tickets=verdict.tickets)
        told = {one.rule for one in verdict.incidents if one.walk.taken and not one.walk.held_by}
        assert told == {"heartbeat_missing" if copied is WATCH else "practice_silent"}


PAGED = steps(step(0), step(5, Action.PAGE, "ada"))
PAGING = Orders(Roster(BOOK.model_copy(update={"policies": {DEFAULT.name: PAGED}})))
DETECTED = alert("1", category=AlertCategory.RANSOMWARE, severity=AlertSeverity.HIGH)
FAILING = snapshot(jobs=[job_state(last_run=run(NOW, RunStatus.FAILED))])
ATTACKED = snapshot([endpoint_state(NOW + HOUR, interval_s=86_400, alerts={"1": DETECTED})])


@pytest.mark.parametrize(("pages", "paged"), [(True, 0), (False, 1)])
def test_while_its_campaign_pages_a_member_does_not(pages: bool, paged: int) -> None:
    campaign = lasting(one_ticket=False, pages=pages)
    house = House(orders=PAGING, campaigns=[campaign])
    for now in (NOW + HOUR, NOW + HOUR + 5 * MINUTE):
        house.judge(ATTACKED, now)
    assert {one.campaign_id for one in house.incidents} == {campaign.incident_id}
    assert len(house.notices) == paged
    assert len(house.messages) == 1, "it has its ticket all the same"


def test_member_that_still_burns_when_its_campaign_is_over_pages_then() -> None:
    house = House(orders=PAGING, campaigns=[lasting(one_ticket=False)])
    house.judge(ATTACKED, NOW + HOUR)
    house.judge(ATTACKED, NOW + HOUR + 30 * MINUTE)
    assert house.notices == []
    house.campaigns = ()
    house.judge(ATTACKED, NOW + HOUR + 31 * MINUTE)
    assert [one.kind for one in house.notices] == [NoticeKind.RAISED]


def test_what_somebody_merged_into_a_campaign_pages_when_that_is_over() -> None:
    campaign = lasting(one_ticket=False)
    house = House(orders=PAGING, campaigns=[campaign])
    house.judge(FAILING, NOW + HOUR)
    house.change(campaign_id=campaign.incident_id)
    house.judge(FAILING, NOW + HOUR + 5 * MINUTE)
    assert house.notices == []
    house.campaigns = ()
    house.judge(FAILING, NOW + HOUR + 6 * MINUTE)
    assert [one.kind for one in house.notices] == [NoticeKind.RAISED]


def test_member_without_a_ticket_is_spoken_for_until_the_campaign_is_over() -> None:
    house = House(orders=PAGING, campaigns=[lasting()])
    house.judge(ATTACKED, NOW + HOUR)
    assert (house.sent, [one.walk.held_by for one in house.incidents]) == ([], [CAMPAIGN])
    house.campaigns = ()
    house.judge(ATTACKED, NOW + 2 * HOUR)
    assert [(one.event, one.notes) for one in house.messages] == [
        ("ticket.opened", ("campaign speaks for it no longer",))
    ]


@pytest.mark.parametrize(
    ("walked", "told"),
    [(PAGED, (True, True)), (DEFAULT, (True, False)), (steps(step(0, Action.PAGE, "ada")), (False, True))],
    ids=["ticket-and-page", "ticket", "page"],
)
def test_a_campaign_speaks_by_the_steps_that_it_walks(walked: EscalationPolicy, told: tuple[bool, bool]) -> None:
    book = BOOK.model_copy(
        update={
            "policies": {DEFAULT.name: DEFAULT, "worst": walked.model_copy(update={"name": "worst"})},
            "routes": (Route(name="campaigns", policy="worst", rules=frozenset({CAMPAIGN})),),
        }
    )
    record = Record(Snapshot(practice_id=PROVIDER), Policy(practice_id=PROVIDER, practice="Provider"), (), ())
    opened = judge_provider(record, at_each(NOW, NOW, NOW), Fleet(practices=3), None, NOW, Orders(Roster(book)))
    assert [(one.one_ticket, one.pages) for one in map(Campaign.of, opened.incidents)] == [told]


def test_a_campaign_is_silenced_by_two_alone() -> None:
    record = Record(Snapshot(practice_id=PROVIDER), Policy(practice_id=PROVIDER, practice="Provider"), (), ())
    by_one = silence(scope={"rule": CAMPAIGN})
    for one, tickets in ((by_one, 1), (by_one.model_copy(update={"approved_by": "bob"}), 0)):
        orders = Orders(PAGING.roster, (one,))
        opened = judge_provider(record, at_each(NOW, NOW, NOW), Fleet(practices=3), None, NOW, orders)
        assert len(opened.messages) == tickets


def test_campaign_that_opens_again_takes_what_is_found_from_then_on() -> None:
    record = Record(Snapshot(practice_id=PROVIDER), Policy(practice_id=PROVIDER, practice="Provider"), (), ())
    opened = judge_provider(record, at_each(NOW, NOW, NOW), Fleet(practices=3), None, NOW)
    (again,) = (one.model_copy(update={"reopened_at": NOW + timedelta(days=2)}) for one in opened.incidents)
    assert Campaign.of(again).opened_at == NOW + timedelta(days=2)
