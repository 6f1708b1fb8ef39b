"""Fold, evaluate and escalate one practice: pure, shared by the live worker, backtests and simulation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from collector.escalation.campaigns import inhibited, joins, linked, signals_changed
from collector.escalation.decide import Decision, decide
from collector.escalation.holds import hold
from collector.escalation.incidents import Change, Reconciled, reconcile, shown
from collector.escalation.notices import farewell, walked
from collector.escalation.oncall import Roster
from collector.escalation.orders import AS_IT_COMES, Orders
from collector.escalation.policies import heard
from collector.escalation.tickets import detached, gather
from collector.model.book import Book
from collector.model.campaign import CAMPAIGN, Campaign, Fleet, Signal
from collector.model.escalation import Action
from collector.model.finding import Evaluation
from collector.model.fold import fold
from collector.model.incident import Incident, Ticket, TicketState
from collector.model.message import Addressed
from collector.model.placing import placed
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Sighting, Snapshot
from collector.model.undelivered import DeadLetters
from collector.model.value import earliest
from collector.rules import shortfall, undelivered
from collector.rules.correlate import correlate
from collector.rules.registry import evaluate
from collector.rules.standing import next_change


@dataclass(frozen=True)
class Record:
    """What the house holds about one practice when it is judged, all reports folded."""

    snapshot: Snapshot
    policy: Policy
    incidents: tuple[Incident, ...]  # those that last, or were resolved within the reopening window
    tickets: tuple[Ticket, ...]  # open, or resolved within the reopening window


@dataclass(frozen=True)
class Verdict:
    """What is so after judging; `seen` is the snapshot as the rules saw it.

    `signals_changed` says that trouble which may be others' too has come, gone or changed.
    """

    seen: Snapshot
    evaluation: Evaluation
    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]
    tickets: tuple[Ticket, ...]
    messages: tuple[Addressed, ...]
    next_due: datetime | None
    signals_changed: bool = False


def learn(snapshot: Snapshot, reports: tuple[Report, ...]) -> Snapshot:
    for report in reports:
        snapshot = fold(snapshot, report)
    return snapshot


def judge(
    record: Record,
    sightings: Mapping[UUID, Sighting],
    gaps: tuple[Gap, ...],
    now: datetime,
    campaigns: Sequence[Campaign] = (),
    orders: Orders = AS_IT_COMES,
) -> Verdict:
    """Evaluate what is known now, and take every incident as far as its escalation policy says."""
    record = replace(record, policy=placed(record.policy, record.snapshot))
    seen = record.snapshot.observed(sightings, gaps)
    found = evaluate(seen, record.policy, now)
    due = earliest((found.next_due, next_change(seen, record.policy, now)))
    evaluation = Evaluation(findings=found.findings, next_due=due)
    return escalate(replace(record, snapshot=seen), evaluation, now, campaigns, orders)


def judge_provider(
    record: Record,
    signals: Iterable[Signal],
    fleet: Fleet,
    short_since: datetime | None,
    now: datetime,
    orders: Orders = AS_IT_COMES,
    letters: Iterable[DeadLetters] = (),
) -> Verdict:
    """The same for the provider itself: what its practices have in common, and whether ways to it or from it fail."""
    rules = record.policy.rules
    lasting = [Campaign.of(one) for one in record.incidents if one.rule == CAMPAIGN and one.lasts]
    results = (
        correlate(signals, fleet, rules.campaign, lasting, now),
        shortfall.check(short_since, rules.own_outage, now),
        undelivered.check(letters, rules.undelivered),
    )
    findings = tuple(found for result in results for found in result.findings)
    evaluation = Evaluation(findings=findings, next_due=earliest(result.next_due for result in results))
    return escalate(record, evaluation, now, orders=orders)


def escalate(
    record: Record,
    evaluation: Evaluation,
    now: datetime,
    campaigns: Sequence[Campaign] = (),
    orders: Orders = AS_IT_COMES,
) -> Verdict:
    """Take what is found about one practice, or the provider, as far as its escalation policies say."""
    book = orders.roster.book
    told = heard(evaluation.findings, record.incidents, book, record.policy.labels)
    findings = inhibited(told, record.incidents, campaigns)
    reconciled = reconcile(record.incidents, findings, record.policy, book, now)
    incidents, came = linked(reconciled.incidents, campaigns)
    grown = joins(record.incidents, incidents)
    return _escalated(
        record,
        Evaluation(findings=shown(findings, record.incidents), next_due=evaluation.next_due),
        Reconciled(incidents, reconciled.changes + came + grown, reconciled.next_due),
        orders,
        frozenset(one.incident_id for one in campaigns if one.pages),
        now,
    )


def _escalated(
    record: Record,
    evaluation: Evaluation,
    reconciled: Reconciled,
    orders: Orders,
    paging: frozenset[UUID],
    now: datetime,
) -> Verdict:
    """Take every incident as far as it is to go; `paging` are the campaigns that page for their members."""
    book = orders.roster.book
    tickets = tuple(one for one in record.tickets if one.state is TicketState.OPEN or book.has(one.channel))
    ticketed = detached(reconciled.incidents, tickets, now)
    held = hold(ticketed, orders.silences, record.policy, now)
    decisions = {
        one.incident_id: decide(one, one.escalation, now, orders.roster, pages=one.campaign_id not in paging)
        for one in held.incidents
    }
    wanting = _wanting_tickets(held.incidents, decisions, book)
    changes = (*reconciled.changes, *held.changes)
    gathered = gather(held.incidents, wanting, changes, tickets, record.policy, now)
    incidents, sent, told = _walked_on(gathered.incidents, decisions, record.policy, orders.roster, now)
    due = (one.next_due for one in decisions.values())
    return Verdict(
        seen=record.snapshot,
        evaluation=evaluation,
        incidents=incidents,
        changes=(*changes, *told),
        tickets=gathered.tickets,
        messages=(*gathered.messages, *sent),
        next_due=earliest((evaluation.next_due, reconciled.next_due, held.next_due, *due)),
        signals_changed=signals_changed(record.incidents, incidents),
    )


def _walked_on(
    incidents: Iterable[Incident], decisions: Mapping[UUID, Decision], policy: Policy, roster: Roster, now: datetime
) -> tuple[tuple[Incident, ...], list[Addressed], list[Change]]:
    """Every incident with its steps taken, what people are sent of it, and whom that tells."""
    after: list[Incident] = []
    sent: list[Addressed] = []
    told: list[Change] = []
    for one in incidents:
        on_its_way, notices, tells = walked(one, decisions[one.incident_id], policy, roster, now)
        left, farewells = farewell(on_its_way, policy, roster.book, now)
        after.append(left)
        sent += [*notices, *farewells]
        told += tells
    return tuple(after), sent, told


def _wanting_tickets(incidents: Iterable[Incident], decisions: Mapping[UUID, Decision], book: Book) -> dict[UUID, str]:
    """The ticket system of each incident that has come to a ticket and has none.

    Its steps are as old as the incident: the ticket system that they name may have gone.
    """
    wanting: dict[UUID, str] = {}
    for one in incidents:
        steps = [one.escalation.steps[place] for place in decisions[one.incident_id].due]
        opening = [step for step in steps if step.action is Action.TICKET]
        if opening and one.ticket_id is None:
            wanting[one.incident_id] = next(filter(book.has, opening[0].to), book.tickets)
    return wanting
