"""What a book says, in words: of plans, and of what is in force."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from collector.configuration.escalation.form import RouteForm
from collector.configuration.words import say, say_wall
from collector.model.book import TICKETS, Book, Person, Rota, Route
from collector.model.channels import Secret
from collector.model.escalation import Action, EscalationPolicy, Step, When
from collector.model.finding import Severity

_PARTS = {When.IN_HOURS: "in hours", When.AFTER_HOURS: "after hours"}


def route_name(route: RouteForm) -> str:
    return route.name or _conditions(route.severity or (), route.rule or (), route.labels)


def _conditions(severities: Iterable[Severity], rules: Iterable[str], labels: Mapping[str, str]) -> str:
    said = [one.value for one in sorted(severities, key=lambda one: one.rank)]
    said += [*sorted(rules), *(f"{label}={value}" for label, value in labels.items())]
    return ", ".join(said) or "anything"


def say_step(step: Step) -> str:
    whom = f" {' and '.join(step.to)}" if step.to else ""
    said = [step.action.value + whom + (f" after {say(step.after)}" if step.after else "")]
    said += [f"again every {say(step.repeat)}"] if step.repeat else []
    if step.when is not When.ALWAYS:
        said.append(f"{'waits for' if step.waits else 'only'} {_PARTS[step.when]}")
    return ", ".join(said)


def say_policy(policy: EscalationPolicy) -> str:
    return "; ".join(map(say_step, policy.steps)) or "disturbs nobody"


def say_route(route: Route) -> str:
    """Its conditions are not said twice where they are its name."""
    conditions = _conditions(route.severities, route.rules, route.labels)
    return f"walks {route.policy}" if route.name == conditions else f"{conditions} walks {route.policy}"


def say_person(person: Person) -> str:
    ways = {Action.PAGE: person.page, Action.NOTIFY: person.notify}
    said = [f"{action.value} by {', '.join(channels)}" for action, channels in ways.items() if channels]
    return "; ".join([*said, person.language])


def say_rota(rota: Rota) -> str:
    said = [", ".join(rota.people)]
    if len(rota.people) > 1:
        said.append(f"by the {rota.turn} since {rota.begins}")
    said.append(f"handover at {rota.handover:%H:%M} in {rota.zone}")
    if rota.covers is not When.ALWAYS:
        said.append(_PARTS[rota.covers])
    return "; ".join(said)


def say_overrides(rotas: Mapping[str, Rota]) -> dict[str, str]:
    return {
        f"of {name} from {_wall(one.since, rota)} to {_wall(one.until, rota)}": one.person
        for name, rota in rotas.items()
        for one in rota.overrides
    }


def _wall(at: datetime, rota: Rota) -> str:
    return say_wall(at.astimezone(ZoneInfo(rota.zone)))


def say_channel(channel: BaseModel) -> str:
    """Its kind and what is set of it; of a secret only where it is read."""
    fields = {name: getattr(channel, name) for name in type(channel).model_fields if name != "kind"}
    usual = {name: field.default for name, field in type(channel).model_fields.items()}
    said = [f"{name} {_say(value)}" for name, value in fields.items() if value != usual[name]]
    return ", ".join([str(getattr(channel, "kind", "")), *said])


def _say(value: object) -> str:
    if isinstance(value, Secret):
        return f"from env {value.env}" if value.env else f"from file {value.file}"
    return say(value)


def say_tickets(book: Book) -> str:
    if book.tickets == TICKETS and TICKETS not in book.channels:
        return "the receiver that VIGIE_TICKET_WEBHOOK_URL names"
    return book.tickets
