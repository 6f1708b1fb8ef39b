"""What a file of escalation says that cannot be: names that nobody has, nobody to reach, steps out of order."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

from collector.configuration.document import Document
from collector.configuration.escalation.compile import instant_of
from collector.configuration.escalation.form import EscalationForm, RouteForm, StepForm
from collector.configuration.escalation.names import KINDS, Names, names_of, ticket_systems
from collector.configuration.escalation.words import route_name
from collector.configuration.faults import Fault, Steps
from collector.configuration.hours import week_of
from collector.configuration.words import say, say_wall
from collector.model.book import TICKETS
from collector.model.calendar import Holidays, Hours
from collector.model.channels import Secret
from collector.model.escalation import Action, When
from collector.model.finding import Severity
from collector.model.rule_settings import RuleSettings

_REACHABLE = "a person, a rota, a team or a channel that reaches people"
_NOTICES = "a channel that reaches people"
_TICKETS = "a channel that takes tickets"
_WHOLE_PATH = "write the whole path, as in /run/secrets/name: each process looks from a folder of its own"
_WHOLE_DAY = (Hours.model_validate({"opens": "00:00", "closes": "00:00"}),)


@dataclass(frozen=True)
class _File:
    form: EscalationForm
    document: Document
    names: Names

    def amiss(self, steps: Steps, written: Iterable[str], wanted: str, fitting: Collection[str]) -> Iterator[Fault]:
        """Of a list of names, those that do not fit there."""
        for number, name in enumerate(written):
            yield from self.one_amiss((*steps, number), name, wanted, fitting)

    def one_amiss(self, steps: Steps, name: str | None, wanted: str, fitting: Collection[str]) -> Iterator[Fault]:
        found = self.names.amiss(name, wanted, fitting) if name is not None else None
        if found:
            yield self.document.fault(steps, *found)


def impossible(form: EscalationForm, document: Document) -> Iterator[Fault]:
    file = _File(form, document, names_of(form))
    yield from _one_name_for_two(file)
    yield from _channels(file)
    yield from _people(file)
    yield from _rotas(file)
    yield from _teams(file)
    yield from _policies(file)
    yield from _routes(file)
    yield from _default(file)
    yield from _own_tickets(file)
    yield from _never_after_hours(file)


def _one_name_for_two(file: _File) -> Iterator[Fault]:
    """A step says by name alone whom it is for."""
    seen: dict[str, str] = {}
    for part, kind in KINDS.items():
        for name in getattr(file.form, part):
            if name in seen:
                message = f"{name!r} is a {seen[name]} too"
                yield file.document.fault((part, name), message, "give one another name", of_key=True)
            seen.setdefault(name, kind)


def _channels(file: _File) -> Iterator[Fault]:
    for name, spec in file.form.channels.items():
        if name == TICKETS:
            message = f"{TICKETS!r} is the receiver that VIGIE_TICKET_WEBHOOK_URL names"
            yield file.document.fault(("channels", name), message, "give this one another name", of_key=True)
        url = getattr(spec, "url", None)
        if getattr(url, "username", None) or getattr(url, "password", None):
            message = "an address is stored and shown: it must hold no user and no password"
            yield file.document.fault(("channels", name, "url"), message, "name a secret by env or file")
        for field, value in spec:
            if isinstance(value, Path) and not value.is_absolute():
                yield file.document.fault(("channels", name, field), _WHOLE_PATH)
            elif isinstance(value, Secret) and value.file and not value.file.is_absolute():
                yield file.document.fault(("channels", name, field, "file"), _WHOLE_PATH)


def _people(file: _File) -> Iterator[Fault]:
    for name, person in file.form.people.items():
        for way in ("page", "notify"):
            written = getattr(person, way) or ()
            yield from file.amiss(("people", name, way), written, _NOTICES, file.names.notices)


def _rotas(file: _File) -> Iterator[Fault]:
    for name, rota in file.form.rotas.items():
        steps: Steps = ("rotas", name)
        yield from file.amiss((*steps, "people"), rota.people, "a person", file.names.people)
        for number, one in enumerate(rota.overrides):
            place: Steps = (*steps, "overrides", number)
            yield from file.one_amiss((*place, "person"), one.person, "a person", file.names.people)
            zone = rota.zone or file.form.zone
            if one.until <= one.since:
                message = f"{say_wall(one.until)} is not after {say_wall(one.since)}, when it begins"
                yield file.document.fault((*place, "until"), message)
            elif instant_of(one.until, zone) <= instant_of(one.since, zone):
                message = f"nothing is left of it: in {zone} the clocks go forward over all of it"
                yield file.document.fault((*place, "until"), message)


def _teams(file: _File) -> Iterator[Fault]:
    for name, members in file.form.teams.items():
        yield from file.amiss(("teams", name), members, _REACHABLE, file.names.told)
        way = _way_back(name, file.form.teams)
        if way:
            message = f"a team cannot be within itself: {' → '.join(way)}"
            yield file.document.fault(("teams", name), message, of_key=True)


def _way_back(team: str, teams: Mapping[str, Iterable[str]]) -> list[str] | None:
    """From a team through its members to itself."""
    ways, seen = [[team]], {team}
    while ways:
        way = ways.pop()
        for member in teams[way[-1]]:
            if member == team:
                return [*way, member]
            if member in teams and member not in seen:
                seen.add(member)
                ways.append([*way, member])
    return None


def _policies(file: _File) -> Iterator[Fault]:
    for name, steps in file.form.policies.items():
        place: Steps = ("policies", name)
        for number, (before, step) in enumerate(pairwise(steps), start=1):
            if step.after < before.after:
                message = f"comes after {say(step.after)}, and stands behind what comes after {say(before.after)}"
                yield file.document.fault((*place, number), message, "put the steps in the order of their time")
        for number, step in enumerate(steps):
            yield from _step((*place, number, step.action.value), step, file)


def _step(place: Steps, step: StepForm, file: _File) -> Iterator[Fault]:
    if step.action is Action.TICKET:
        yield from file.amiss(place, step.to, _TICKETS, file.names.tickets)
        return
    faults = list(file.amiss(place, step.to, _REACHABLE, file.names.told))
    yield from faults
    covered = {when for name in step.to for when in _covered(name, file.form, ())}
    if not faults and step.when is not When.ALWAYS and covered and not covered & {When.ALWAYS, step.when}:
        there = " and ".join(sorted(one.value for one in covered))
        message = f"it reaches nobody: the step is taken {step.when.value}, and somebody is there {there} alone"
        yield file.document.fault(place, message)


def _covered(name: str, form: EscalationForm, within: tuple[str, ...]) -> Iterator[When]:
    """The parts of the day in which a name reaches somebody."""
    if name in form.teams:
        for member in form.teams[name] if name not in within else ():
            yield from _covered(member, form, (*within, name))
    else:
        yield form.rotas[name].covers if name in form.rotas else When.ALWAYS


def _routes(file: _File) -> Iterator[Fault]:
    routes = file.form.routes
    for number, route in enumerate(routes):
        place: Steps = ("routes", number)
        yield from file.one_amiss((*place, "policy"), route.policy, "a policy", file.names.policies)
        yield from file.amiss((*place, "rule"), route.rule or (), "a rule", RuleSettings.model_fields)
        wider = _taking_all_of(route, routes[:number])
        if wider:
            message = f"nothing comes here: {_named(wider)} all that this does"
            yield file.document.fault(place, message, "put the narrower route first")
        elif any(route_name(one) == route_name(route) for one in routes[:number]):
            yield file.document.fault((*place, "name"), f"route {route_name(route)!r} stands twice")


def _taking_all_of(route: RouteForm, before: Iterable[RouteForm]) -> list[RouteForm]:
    """Of the routes before it, those that together take all that would come to it; none where something comes."""
    wider = [one for one in before if one.labels.items() <= route.labels.items()]
    taking: list[RouteForm] = []
    for severity, rule in product(route.severity or Severity, route.rule or RuleSettings.model_fields):
        first = next((one for one in wider if _fits(one, severity, rule)), None)
        if first is None:
            return []
        taking += [first] if first not in taking else []
    return taking


def _fits(route: RouteForm, severity: Severity, rule: str) -> bool:
    return (not route.severity or severity in route.severity) and (not route.rule or rule in route.rule)


def _named(routes: Sequence[RouteForm]) -> str:
    names = " and ".join(repr(route_name(one)) for one in routes)
    return (
        f"route {names}, which stands before, fits" if len(routes) == 1 else f"routes {names}, which stand before, fit"
    )


def _default(file: _File) -> Iterator[Fault]:
    yield from file.one_amiss(("default",), file.form.default, "a policy", file.names.policies)
    if file.form.default is None and len(file.form.policies) > 1:
        message = "there are several: say which is walked where no route fits"
        suggestion = f"as in default: {next(iter(file.form.policies))}"
        yield file.document.fault(("policies",), message, suggestion, of_key=True)


def _own_tickets(file: _File) -> Iterator[Fault]:
    form, systems = file.form, ticket_systems(file.form)
    yield from file.one_amiss(("tickets",), form.tickets, _TICKETS, file.names.tickets)
    unnamed = any(step.action is Action.TICKET and not step.to for steps in form.policies.values() for step in steps)
    if form.tickets is None and unnamed and len(systems) > 1:
        message = f"{' and '.join(systems)} take tickets: say where those go whose step names none"
        likely = next((name for name in systems if name not in file.names.notices), systems[0])
        yield file.document.fault(("channels",), message, f"as in tickets: {likely}", of_key=True)


def _never_after_hours(file: _File) -> Iterator[Fault]:
    """Who is there day and night, on holidays too, is never after hours."""
    form = file.form
    if form.holidays is not Holidays.NONE or form.hours is None or set(week_of(form.hours)) != {_WHOLE_DAY}:
        return
    places: list[tuple[Steps, When]] = [(("rotas", name, "covers"), one.covers) for name, one in form.rotas.items()]
    for name, steps in form.policies.items():
        places += [(("policies", name, number, "when"), step.when) for number, step in enumerate(steps)]
    for place, when in places:
        if when is When.AFTER_HOURS:
            yield file.document.fault(place, "after_hours never comes: by its hours somebody is always there")
