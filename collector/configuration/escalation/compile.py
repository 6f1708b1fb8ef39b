"""The book that a file of escalation makes."""

from datetime import UTC, datetime

from collector.configuration.escalation.form import EscalationForm, RotaForm, StepForm
from collector.configuration.escalation.names import ticket_systems
from collector.configuration.escalation.words import route_name
from collector.configuration.hours import week_of
from collector.model.book import DEFAULT, TICKETS, Book, Override, Person, Rota, Route
from collector.model.calendar import Calendar
from collector.model.escalation import EscalationPolicy, Step
from collector.model.open_time import on_the_wall

# A single person takes no turns: any Monday will do.
_ANY_MONDAY = datetime(2026, 1, 5, tzinfo=UTC).date()


def compile_book(form: EscalationForm) -> Book:
    """Of a form without mistakes."""
    policies = {name: EscalationPolicy(name=name, steps=tuple(map(_step, one))) for name, one in form.policies.items()}
    return Book(
        zone=form.zone,
        hours=_hours(form),
        policies=policies or {DEFAULT.name: DEFAULT},
        routes=tuple(
            Route(
                name=route_name(one),
                policy=one.policy,
                severities=one.severity or frozenset(),
                rules=frozenset(one.rule or ()),
                labels=dict(one.labels),
            )
            for one in form.routes
        ),
        default=form.default or next(iter(policies), DEFAULT.name),
        tickets=form.tickets or next(iter(ticket_systems(form)), TICKETS),
        people={
            name: Person(language=one.language, page=one.page or (), notify=one.notify or ())
            for name, one in form.people.items()
        },
        rotas={name: _rota(one, form.zone) for name, one in form.rotas.items()},
        teams=dict(form.teams),
        channels=dict(form.channels),
        acknowledged_for=form.acknowledged_for,
        closed_by_hand_for=form.closed_by_hand_for,
        flapping=form.flapping,
    )


def _hours(form: EscalationForm) -> Calendar:
    usual = Calendar(holidays=form.holidays, closures=form.closures)
    return usual if form.hours is None else usual.model_copy(update={"week": week_of(form.hours)})


def _rota(form: RotaForm, zone: str) -> Rota:
    own = form.zone or zone
    return Rota(
        zone=own,
        people=form.people,
        turn=form.turn,
        handover=form.handover,
        begins=form.begins or _ANY_MONDAY,
        covers=form.covers,
        overrides=tuple(
            Override(person=one.person, since=instant_of(one.since, own), until=instant_of(one.until, own))
            for one in form.overrides
        ),
    )


def instant_of(written: datetime, zone: str) -> datetime:
    """When a wall clock first shows it, or jumps over it."""
    return on_the_wall(written.date(), written.time(), zone)


def _step(form: StepForm) -> Step:
    return Step(
        after=form.after,
        action=form.action,
        to=form.to,
        repeat=form.repeat,
        when=form.when,
        waits=form.otherwise == "wait",
    )
