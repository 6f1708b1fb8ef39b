"""Fold, evaluate and escalate one practice: pure, shared by the live worker, backtests and simulation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from collector.escalation.campaigns import inhibited, joins, linked, signals_changed
from collector.escalation.decide import Decision, decide
from collector.escalation.incidents import Change, reconcile, shown
from collector.escalation.tickets import gather
from collector.model.campaign import CAMPAIGN, Campaign, Fleet, Signal
from collector.model.finding import Evaluation
from collector.model.fold import fold
from collector.model.incident import Incident, Ticket, TicketMessage
from collector.model.placing import placed
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Sighting, Snapshot
from collector.model.value import earliest
from collector.rules import shortfall
from collector.rules.correlate import correlate
from collector.rules.registry import evaluate
from collector.rules.standing import next_change


@dataclass(frozen=True)
class Record:
    """What the house holds about one practice when it is judged, all reports folded."""

    snapshot: Snapshot
    policy: Policy
    incidents: tuple[Incident, ...]  # those that last
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
    messages: tuple[TicketMessage, ...]
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
) -> Verdict:
    """Evaluate what is known now, and take every incident as far as its escalation policy says."""
    record = replace(record, policy=placed(record.policy, record.snapshot))
    seen = record.snapshot.observed(sightings, gaps)
    evaluation = evaluate(seen, record.policy, now)
    findings = inhibited(evaluation.findings, record.incidents, campaigns)
    reconciled, changes = reconcile(record.incidents, findings, record.policy, now)
    incidents, came = linked(reconciled, campaigns)
    return _escalated(
        record,
        seen,
        Evaluation(
            findings=shown(findings, record.incidents),
            next_due=earliest((evaluation.next_due, next_change(seen, record.policy, now))),
        ),
        (incidents, changes + came),
        now,
    )


def judge_provider(
    record: Record, signals: Iterable[Signal], fleet: Fleet, short_since: datetime | None, now: datetime
) -> Verdict:
    """The same for the provider itself: what its practices have in common, and whether the way to it is broken."""
    rules = record.policy.rules
    lasting = [Campaign.of(one) for one in record.incidents if one.rule == CAMPAIGN]
    results = (
        correlate(signals, fleet, rules.campaign, lasting, now),
        shortfall.check(short_since, rules.own_outage, now),
    )
    findings = tuple(found for result in results for found in result.findings)
    reconciled, changes = reconcile(record.incidents, findings, record.policy, now)
    evaluation = Evaluation(findings=findings, next_due=earliest(result.next_due for result in results))
    came = joins(record.incidents, reconciled)
    return _escalated(record, record.snapshot, evaluation, (reconciled, changes + came), now)


def _escalated(
    record: Record,
    seen: Snapshot,
    evaluation: Evaluation,
    reconciled: tuple[tuple[Incident, ...], tuple[Change, ...]],
    now: datetime,
) -> Verdict:
    incidents, changes = reconciled
    decisions = {one.incident_id: decide(one, one.escalation, now) for one in incidents}
    wanting = frozenset(one.incident_id for one in incidents if _wants_ticket(one, decisions[one.incident_id]))
    gathered = gather(incidents, wanting, changes, record.tickets, record.policy, now)
    return Verdict(
        seen=seen,
        evaluation=evaluation,
        incidents=tuple(_stepped(one, decisions[one.incident_id]) for one in gathered.incidents),
        changes=changes,
        tickets=gathered.tickets,
        messages=gathered.messages,
        next_due=earliest((evaluation.next_due, *(one.next_due for one in decisions.values()))),
        signals_changed=signals_changed(record.incidents, incidents),
    )


def _wants_ticket(incident: Incident, decision: Decision) -> bool:
    return incident.ticket_id is None and any(step.action == "ticket" for step in decision.due)


def _stepped(incident: Incident, decision: Decision) -> Incident:
    return incident.model_copy(update={"steps_done": incident.steps_done + len(decision.due)})
