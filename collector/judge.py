"""Fold, evaluate and escalate one practice: pure, shared by the live worker, backtests and simulation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.escalation.decide import Decision, decide
from collector.escalation.incidents import Change, reconcile
from collector.escalation.tickets import gather
from collector.model.finding import Evaluation
from collector.model.fold import fold
from collector.model.incident import Incident, Ticket, TicketMessage
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Sighting, Snapshot
from collector.model.value import earliest
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
    """What is so after judging; `seen` is the snapshot as the rules saw it."""

    seen: Snapshot
    evaluation: Evaluation
    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]
    tickets: tuple[Ticket, ...]
    messages: tuple[TicketMessage, ...]
    next_due: datetime | None


def learn(snapshot: Snapshot, reports: tuple[Report, ...]) -> Snapshot:
    for report in reports:
        snapshot = fold(snapshot, report)
    return snapshot


def judge(record: Record, sightings: Mapping[UUID, Sighting], gaps: tuple[Gap, ...], now: datetime) -> Verdict:
    """Evaluate what is known now, and take every incident as far as its escalation policy says."""
    policy = record.policy
    seen = record.snapshot.observed(sightings, gaps)
    evaluation = evaluate(seen, policy, now)
    reconciled, changes = reconcile(record.incidents, evaluation.findings, policy, now)
    decisions = {one.incident_id: decide(one, one.escalation, now) for one in reconciled}
    wanting = frozenset(one.incident_id for one in reconciled if _wants_ticket(one, decisions[one.incident_id]))
    gathered = gather(reconciled, wanting, changes, record.tickets, policy, now)
    return Verdict(
        seen=seen,
        evaluation=evaluation,
        incidents=tuple(_stepped(one, decisions[one.incident_id]) for one in gathered.incidents),
        changes=changes,
        tickets=gathered.tickets,
        messages=gathered.messages,
        next_due=earliest(
            (evaluation.next_due, next_change(seen, policy, now), *(one.next_due for one in decisions.values()))
        ),
    )


def _wants_ticket(incident: Incident, decision: Decision) -> bool:
    return incident.ticket_id is None and any(step.action == "ticket" for step in decision.due)


def _stepped(incident: Incident, decision: Decision) -> Incident:
    return incident.model_copy(update={"steps_done": incident.steps_done + len(decision.due)})
