"""What applying a book would change, and what is worth knowing of it."""

from collections.abc import Iterable, Iterator, Mapping

from collector.configuration.escalation.words import (
    say_channel,
    say_overrides,
    say_person,
    say_policy,
    say_rota,
    say_route,
    say_tickets,
)
from collector.configuration.hours import write_week
from collector.configuration.plan import Line, Sign, changed_calendar, changed_entries, changed_value
from collector.configuration.words import say, say_some
from collector.model.book import Book
from collector.model.escalation import Action


def plan_book(before: Book, after: Book, labels: Iterable[Mapping[str, str]]) -> Iterator[Line]:
    """`labels` are those of each practice."""
    if same_book(before, after):
        yield Line(Sign.SAME, "escalation as the file says already")
        return
    yield Line(Sign.CHANGED, "escalation")
    yield from book_differences(before, after)
    yield from (Line(Sign.NOTE, note, 1) for note in (*unknown_labels(after, labels), *idle_names(after)))


def same_book(one: Book, other: Book) -> bool:
    return one.model_copy(update={"version": 0}) == other.model_copy(update={"version": 0})


def book_differences(before: Book, after: Book) -> Iterator[Line]:
    yield from changed_value("zone", before.zone, after.zone)
    yield from changed_calendar(before.hours, after.hours)
    for what, was, is_now in zip(_WHAT, _entries(before), _entries(after), strict=True):
        yield from changed_entries(what, was, is_now)
    was_routed, is_routed = ([route.name for route in book.routes] for book in (before, after))
    if set(was_routed) == set(is_routed):
        yield from changed_value("order of routes", ", ".join(was_routed), ", ".join(is_routed))
    yield from changed_value("default", before.default, after.default)
    yield from changed_value("tickets go to", say_tickets(before), say_tickets(after))
    yield from changed_value("acknowledged for", before.acknowledged_for, after.acknowledged_for)
    yield from changed_value("closed by hand is believed for", before.closed_by_hand_for, after.closed_by_hand_for)
    yield from changed_value("flapping", before.flapping.model_dump(), after.flapping.model_dump())


_WHAT = ("channel", "person", "rota", "override", "team", "policy", "route")


def _entries(book: Book) -> tuple[Mapping[str, str], ...]:
    return (
        {name: say_channel(one) for name, one in book.channels.items()},
        {name: say_person(one) for name, one in book.people.items()},
        {name: say_rota(one) for name, one in book.rotas.items()},
        say_overrides(book.rotas),
        {name: ", ".join(members) for name, members in book.teams.items()},
        {name: say_policy(one) for name, one in book.policies.items()},
        {route.name: say_route(route) for route in book.routes},
    )


def book_lines(book: Book) -> Iterator[str]:
    """All that it says."""
    yield f"zone: {book.zone}"
    yield f"open: {write_week(book.hours.week)}; holidays: {say(book.hours.holidays)}"
    for what, entries in zip(_WHAT, _entries(book), strict=True):
        yield from (f"{what} {name}: {said}" for name, said in entries.items())
    yield f"default: {book.default}"
    yield f"tickets go to: {say_tickets(book)}"
    yield f"acknowledged for: {say(book.acknowledged_for)}"
    yield f"closed by hand is believed for: {say(book.closed_by_hand_for)}"
    yield f"flapping: {say(book.flapping.model_dump())}"


def unknown_labels(book: Book, labels: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Routes that no practice takes, by the labels of each."""
    carried = {pair for one in labels for pair in one.items()}
    for route in book.routes:
        missing = [f"{label}={value}" for label, value in route.labels.items() if (label, value) not in carried]
        if missing:
            yield f"no practice has the label {say_some(missing)}: route {route.name!r} fits none yet"


def idle_names(book: Book) -> Iterator[str]:
    """What is allowed, and may not be meant."""
    unused = book.policies.keys() - {route.policy for route in book.routes} - {book.default}
    if unused:
        yield f"no route leads to {say_some(sorted(unused))}"
    idle = set(book.people) | set(book.rotas) | set(book.teams) | set(book.channels)
    idle -= {book.tickets, *_used(book)}
    if idle:
        yield f"named by nothing: {say_some(sorted(idle))}"
    if _leans_on_the_settings(book):
        yield "no channel here takes tickets: they wait for the receiver that VIGIE_TICKET_WEBHOOK_URL names"
    if not book.policies[book.default].steps:
        yield f"what no route fits walks {book.default}, and disturbs nobody"


def _leans_on_the_settings(book: Book) -> bool:
    """Where a step opens a ticket and names no ticket system, and none stands in the file."""
    steps = [step for policy in book.policies.values() for step in policy.steps]
    return say_tickets(book) != book.tickets and any(one.action is Action.TICKET and not one.to for one in steps)


def _used(book: Book) -> Iterator[str]:
    for person in book.people.values():
        yield from (*person.page, *person.notify)
    for rota in book.rotas.values():
        yield from (*rota.people, *(one.person for one in rota.overrides))
    for members in book.teams.values():
        yield from members
    for policy in book.policies.values():
        for step in policy.steps:
            yield from step.to
