"""What people are told of an incident: at its steps, and that it is over."""

from collections.abc import Iterable
from datetime import datetime

from collector.escalation.decide import Decision
from collector.escalation.incidents import Change
from collector.escalation.oncall import Roster
from collector.escalation.titles import title
from collector.model.book import Book
from collector.model.escalation import Action, Step
from collector.model.incident import Incident, IncidentChange, Told
from collector.model.message import Addressed, IncidentLine, Notice, NoticeKind
from collector.model.policy import Policy


def walked(
    incident: Incident, decision: Decision, policy: Policy, roster: Roster, now: datetime
) -> tuple[Incident, tuple[Addressed, ...], tuple[Change, ...]]:
    """The incident once the steps that are due are taken, what that sends to people, and whom it tells."""
    sent: list[Addressed] = []
    changes: list[Change] = []
    one = incident.model_copy(update={"walk": incident.walk.after(decision.due, now)}) if decision.due else incident
    for place in decision.due:
        step = incident.escalation.steps[place]
        if step.action is Action.TICKET:
            continue
        reached = roster.reached(step.to, step.action, now)
        taken = one.walk.last(place)
        kind = NoticeKind.REPEATED if taken and taken.times > 1 else NoticeKind.RAISED
        one, told = _tell(one, reached, (kind, step.action, taken.times if taken else 1), policy, now)
        sent += told
        changes.append(Change(one, IncidentChange.TOLD, _said(step, reached)))
    return one, tuple(sent), tuple(changes)


def farewell(incident: Incident, policy: Policy, book: Book, now: datetime) -> tuple[Incident, tuple[Addressed, ...]]:
    """Every channel that told of it, and is there still, tells once that it is over, whatever holds it back."""
    if incident.lasts or not incident.told:
        return incident, ()
    each = {told.channel: told for told in incident.told if book.has(told.channel)}.values()
    one, sent = _tell(incident, each, (NoticeKind.RESOLVED, Action.NOTIFY, 1), policy, now)
    return one.model_copy(update={"told": ()}), sent


def _tell(
    incident: Incident, reached: Iterable[Told], what: tuple[NoticeKind, Action, int], policy: Policy, now: datetime
) -> tuple[Incident, tuple[Addressed, ...]]:
    kind, action, times = what
    known = dict.fromkeys((*incident.told, *reached))
    one = incident.model_copy(update={"told": tuple(known)})
    sent: list[Addressed] = []
    for told in reached:
        one = one.model_copy(update={"messages": one.messages + 1})
        notice = Notice(
            kind=kind,
            action=action,
            sequence=one.messages,
            times=times,
            at=now,
            practice_id=policy.practice_id,
            practice=policy.practice,
            person=told.person,
            title=title(one),
            incident=line(one),
        )
        sent.append(Addressed(told.channel, notice))
    return one, tuple(sent)


def line(incident: Incident) -> IncidentLine:
    return IncidentLine(**{name: getattr(incident, name) for name in IncidentLine.model_fields})


def _said(step: Step, reached: Iterable[Told]) -> str:
    return f"{step.action.value}: " + ", ".join(
        f"{one.person} ({one.channel})" if one.person else one.channel for one in reached
    )
