"""escalation.yaml is short to write: what may be left out, and the book that it makes."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from collector.configuration.escalation.form import LONGEST_ACKNOWLEDGEMENT
from collector.configuration.escalation.plan import book_lines
from collector.model.book import TICKETS, Book, Person
from collector.model.escalation import SHORTEST_REPEAT, Action, Step, When
from collector.model.finding import Severity
from tests.factories import DAY, HOUR, MINUTE
from tests.unit.escalation_file import FIRST, ROTA, ROUTES, book, the_fault


def test_a_first_policy_is_short() -> None:
    made = book(FIRST)
    assert len(FIRST.strip().splitlines()) <= 15
    assert made.policies["standard"].steps == (
        Step(after=timedelta(0), action=Action.TICKET),
        Step(after=15 * MINUTE, action=Action.PAGE, to=("on-call",), repeat=15 * MINUTE, when=When.AFTER_HOURS),
    )
    assert (made.default, made.tickets) == ("standard", "helpdesk"), "where there is one, it need not be said"
    assert made.people == {"anna": Person(page=("anna-sms",)), "ben": Person(page=("ben-sms",), language="en")}
    rota = made.rotas["on-call"]
    assert (rota.zone, rota.begins, rota.covers) == ("Europe/Paris", date(2026, 1, 5), When.AFTER_HOURS)


def test_what_is_stored_is_what_was_read() -> None:
    made = book(FIRST)
    assert Book.model_validate_json(made.model_dump_json()) == made


def test_a_file_that_says_almost_nothing_leaves_the_rest_as_it_comes() -> None:
    made = book("acknowledged_for: 2d")
    assert made == Book(acknowledged_for=2 * DAY)


@pytest.mark.parametrize(
    ("step", "made"),
    [
        ("ticket", Step(after=timedelta(0), action=Action.TICKET)),
        ("{ticket: helpdesk, after: 5m}", Step(after=5 * MINUTE, action=Action.TICKET, to=("helpdesk",))),
        ("{ticket: , after: 5m}", Step(after=5 * MINUTE, action=Action.TICKET)),
        (
            "{ticket: , when: in_hours, otherwise: wait}",
            Step(after=timedelta(0), action=Action.TICKET, when=When.IN_HOURS, waits=True),
        ),
        (
            "{notify: anna, when: in_hours, otherwise: skip}",
            Step(after=timedelta(0), action=Action.NOTIFY, to=("anna",), when=When.IN_HOURS),
        ),
        (
            "{page: [anna, on-call], repeat: 1m}",
            Step(after=timedelta(0), action=Action.PAGE, to=("anna", "on-call"), repeat=MINUTE),
        ),
    ],
)
def test_a_step_is_written_as_short_as_it_may_be(step: str, made: Step) -> None:
    assert book(FIRST + f"  other: [{step}]\ndefault: standard").policies["other"].steps == (made,)


def test_an_override_is_on_the_wall_clock_of_its_rota() -> None:
    rotas = "rotas: {{r: {{people: a, {zone} overrides: [{{person: a, since: 2026-07-01 08:00, until: 2026-12-01}}]}}}}"
    people = "channels: {c: {kind: apprise, url: {env: C}}}\npeople: {a: c}\nzone: Europe/Paris\n"
    (paris,) = book(people + rotas.format(zone="")).rotas["r"].overrides
    (reunion,) = book(people + rotas.format(zone="zone: Indian/Reunion,")).rotas["r"].overrides
    assert (paris.since, paris.until) == (datetime(2026, 7, 1, 6, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert reunion.since == datetime(2026, 7, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "tickets"),
    [
        ("", "helpdesk"),
        ("  desk-mail: {kind: mail, host: h, sender: a@b, to: c@d}\n", None),
        ("  desk-mail: {kind: mail, host: h, sender: a@b, to: c@d}\ntickets: desk-mail\n", "desk-mail"),
        (
            "  own-mail: {kind: mail, host: h, sender: a@b, to: c@d}\nteams: {all: [anna, own-mail]}\n",
            "helpdesk",
        ),
    ],
    ids=["one", "two", "two-and-said", "a-mail-that-people-are-told-by"],
)
def test_the_ticket_system_need_not_be_named_where_there_is_one(more: str, tickets: str | None) -> None:
    text = FIRST.replace("people:\n  anna: anna", more + "people:\n  anna: anna")
    if tickets:
        assert book(text).tickets == tickets
    else:
        assert "say where those go whose step names none; as in tickets: helpdesk" in the_fault(text)[1]


def test_without_a_ticket_system_tickets_go_where_the_environment_says() -> None:
    made = book("policies: {standard: [ticket]}")
    assert made.tickets == TICKETS
    assert "tickets go to: the receiver that VIGIE_TICKET_WEBHOOK_URL names" in list(book_lines(made))


def test_routes_are_called_by_what_they_fit_unless_they_have_a_name() -> None:
    routes = "  - {policy: q, name: quiet, severity: notice}\n  - {policy: p, rule: rpo_breached, labels: {a: b}}\n"
    made = book(ROUTES + routes)
    assert [route.name for route in made.routes] == ["quiet", "rpo_breached, a=b"]
    assert made.routes[0].severities == {Severity.NOTICE}
    twice = "  - {policy: q, name: x, severity: notice}\n  - {policy: p, name: x, severity: warning}\n"
    assert the_fault(ROUTES + twice) == (5, "escalation.yaml:5:23: routes[1].name: route 'x' stands twice")


def test_the_bounds_are_those_that_are_written_beside_the_form() -> None:
    assert (SHORTEST_REPEAT, LONGEST_ACKNOWLEDGEMENT) == (MINUTE, 31 * DAY)
    assert book("acknowledged_for: 31d").acknowledged_for == LONGEST_ACKNOWLEDGEMENT
    assert book("flapping: {times: 2, within: 1h, quiet: 1m}").flapping.within == HOUR
    assert book(ROTA + "{people: anna, handover: 7:30}").rotas["r"].handover == time(7, 30)
