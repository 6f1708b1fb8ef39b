"""Who and what a file of escalation calls by name, and what each can be told."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from collector.configuration.escalation.form import EscalationForm
from collector.configuration.faults import did_you_mean
from collector.model.book import DEFAULT, TICKETS
from collector.model.channels import PEOPLE_KINDS, TICKET_KINDS
from collector.model.escalation import Action

# The parts of the file whose names a step may use, and what one of each is called.
KINDS = {"people": "person", "rotas": "rota", "teams": "team", "channels": "channel"}


@dataclass(frozen=True)
class Names:
    """What each name stands for; `tickets` take tickets, `notices` can be told something."""

    kinds: Mapping[str, str]
    people: frozenset[str]
    teams: frozenset[str]
    tickets: frozenset[str]
    notices: frozenset[str]
    policies: frozenset[str]

    @property
    def told(self) -> frozenset[str]:
        """Whom a page or a notice may be for."""
        return self.notices | {name for name, kind in self.kinds.items() if kind != "channel"}

    def amiss(self, name: str, wanted: str, fitting: Collection[str]) -> tuple[str, str | None] | None:
        """What is wrong with a name where only the fitting ones may stand, and what may have been meant."""
        known = sorted(fitting)
        if name in known:
            return None
        said = f"known are {', '.join(known)}" if known else None
        if name in self.kinds:
            return f"{name!r} is a {self._described(name)}, and here must stand {wanted}", said
        return f"{name!r} is unknown; here must stand {wanted}", did_you_mean(name, known) or said

    def _described(self, name: str) -> str:
        kind = self.kinds[name]
        if kind != "channel" or name in self.tickets & self.notices:
            return kind
        return "channel that takes tickets alone" if name in self.tickets else "channel that takes no tickets"


def names_of(form: EscalationForm) -> Names:
    return Names(
        kinds={name: kind for part, kind in KINDS.items() for name in getattr(form, part)},
        people=frozenset(form.people),
        teams=frozenset(form.teams),
        tickets=frozenset({TICKETS}) | {name for name, one in form.channels.items() if one.kind in TICKET_KINDS},
        notices=frozenset(name for name, one in form.channels.items() if one.kind in PEOPLE_KINDS),
        policies=frozenset(form.policies or {DEFAULT.name}),
    )


def ticket_systems(form: EscalationForm) -> tuple[str, ...]:
    """The channels that take tickets and by which nobody is told anything: a person's mail is no helpdesk."""
    told = set(_told(form))
    return tuple(name for name, one in form.channels.items() if one.kind in TICKET_KINDS and name not in told)


def _told(form: EscalationForm) -> Iterator[str]:
    for person in form.people.values():
        yield from (*(person.page or ()), *(person.notify or ()))
    for members in form.teams.values():
        yield from members
    for steps in form.policies.values():
        for step in steps:
            yield from step.to if step.action is not Action.TICKET else ()
