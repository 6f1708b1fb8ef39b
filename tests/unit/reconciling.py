"""A book with two policies, incidents that people had to do with, and what findings make of them."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from collector.escalation.incidents import Reconciled, reconcile
from collector.model.book import DEFAULT, Book, Person, Route
from collector.model.escalation import EscalationPolicy, Step
from collector.model.finding import Finding, Severity
from collector.model.incident import Incident, IncidentChange, IncidentState
from tests.factories import DAY, HOUR, NOW, incident, policy

LATER = NOW + HOUR
TICK = timedelta(microseconds=1)
PAGING = EscalationPolicy(name="paging", steps=(Step(after=timedelta(0), action="page", to=("ada",)),))
ADA = {"ada": Person(page=("sms",))}
BOOK = Book(
    people=ADA,
    policies={DEFAULT.name: DEFAULT, PAGING.name: PAGING},
    routes=(Route(name="worst", policy=PAGING.name, severities=frozenset({Severity.CRITICAL})),),
)


def reconciled(
    known: Iterable[Incident], *found: Finding, now: Any = LATER, book: Book = BOOK, **at: Any
) -> Reconciled:
    return reconcile(known, found, policy(**at), book, now)


def told(done: Reconciled) -> list[IncidentChange]:
    return [change.what for change in done.changes]


def acknowledged(one: Incident) -> Incident:
    update = {"state": "acknowledged", "acknowledged_by": "ada", "acknowledged_until": NOW + DAY}
    return one.model_copy(update=update | {"state": IncidentState.ACKNOWLEDGED})


def resolved(at: Any = LATER, **more: object) -> Incident:
    over = incident(state=IncidentState.RESOLVED, resolved_at=at, resolution="recovered")
    return over.model_copy(update=more)
