"""What should have been sent and held by an instant against what was: one more is as wrong as one less."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.configuration.faults import Steps
from collector.scenario.escalation.forms import ExpectForm, ScenarioForm, SentForm, TicketForm, ToldForm
from collector.scenario.escalation.seen import SENT, Among, Message, Seen
from collector.scenario.escalation.stage import Stage, known, read_moment
from collector.scenario.look import Difference, Wrong
from collector.scenario.moment import Clock


@dataclass(frozen=True)
class Expected:
    """`at` is the instant of its sending, where that is expected too."""

    form: SentForm
    at: datetime | None

    def means(self, sent: Message) -> bool:
        """Whether they are about the same: the same event or channel, and the incident, where one is named."""
        form = self.form
        what = sent.event == form.event if isinstance(form, TicketForm) else sent.to == getattr(form, "to", None)
        return what and (form.of is None or form.of in sent.of)

    def differs(self, sent: Message, clock: Clock) -> list[str]:
        names = ("severity", "to") if isinstance(self.form, TicketForm) else ("severity", "person", "times")
        wrong = [
            f"{name} is {getattr(sent, name)}, not {wanted}"
            for name in names
            if (wanted := getattr(self.form, name)) is not None and wanted != getattr(sent, name)
        ]
        if self.at and self.at != sent.at:
            wrong.append(f"sent {clock.write(sent.at)}, not {clock.write(self.at)}")
        return wrong

    def write(self, clock: Clock) -> str:
        form = self.form
        said = [form.event, form.to] if isinstance(form, TicketForm) else [getattr(form, "to", None)]
        said += [getattr(form, "person", None), form.of, form.severity and form.severity.value]
        said += [clock.write(self.at)] if self.at else []
        return ", ".join(one for one in said if one)


@dataclass(frozen=True)
class Expectation:
    """What should be so at an instant, with its line in the file."""

    at: datetime
    line: int
    form: ExpectForm
    sent: Mapping[Among, tuple[Expected, ...]]


def read_expectations(
    scenario: ScenarioForm, stage: Stage, steps: Steps, line_of: Callable[[Steps], int]
) -> tuple[Expectation, ...]:
    """In the order of their instants. Raises MisplacedError for a name or an instant that there is not."""
    read = [_read(form, stage, (*steps, "expect", number), line_of) for number, form in enumerate(scenario.expect)]
    return tuple(sorted(read, key=lambda one: one.at))


def _read(form: ExpectForm, stage: Stage, way: Steps, line_of: Callable[[Steps], int]) -> Expectation:
    for among in (Among.HELD, Among.WALKS):
        for name in getattr(form, among):
            known(name, stage.names, (*way, among.value, name), "incident")
    sent = {among: tuple(_expected(getattr(form, among), stage, (*way, among.value))) for among in SENT}
    return Expectation(read_moment(stage.clock, form.at, (*way, "at")), line_of(way), form, sent)


def _expected(forms: Iterable[SentForm], stage: Stage, way: Steps) -> Iterator[Expected]:
    ways = stage.channels
    for number, form in enumerate(forms):
        steps = (*way, number)
        if form.of is not None:
            known(form.of, stage.names, (*steps, "of"), "incident")
        if isinstance(form, TicketForm | ToldForm) and form.to is not None:
            known(form.to, ways, (*steps, "to"), "channel")
        yield Expected(form, read_moment(stage.clock, form.at, (*steps, "at")) if form.at else None)


def compare(expectation: Expectation, seen: Seen, clock: Clock) -> tuple[Difference, ...]:
    form = expectation.form
    wrong = [one for among in SENT for one in _sent(among, expectation.sent[among], seen.sent(among), clock)]
    wrong += _mapped(Among.HELD, form.held, seen.held, others=True)
    wrong += _mapped(Among.WALKS, form.walks, seen.walks, others=False)
    return (*wrong, *_counted(Among.REFUSED, form.refused, seen.refused))


def _sent(among: Among, expected: Sequence[Expected], sent: Sequence[Message], clock: Clock) -> Iterator[Difference]:
    """Each expected one against the first that it means, at its instant if it names one; what is left is too much."""
    left = list(sent)
    for one in sorted(expected, key=lambda wanted: (wanted.at is None, wanted.form.of is None)):
        meant = sorted((other for other in left if one.means(other)), key=lambda other: len(one.differs(other, clock)))
        if not meant:
            yield Difference(Wrong.MISSING, among, one.write(clock))
            continue
        left.remove(meant[0])
        if differs := one.differs(meant[0], clock):
            yield Difference(Wrong.DIFFERENT, among, f"{one.write(clock)}: {'; '.join(differs)}")
    yield from (Difference(Wrong.UNEXPECTED, among, one.write(clock)) for one in left)


def _mapped(
    among: Among, expected: Mapping[str, str], found: Mapping[str, str], *, others: bool
) -> Iterator[Difference]:
    for name, wanted in expected.items():
        if name not in found:
            yield Difference(Wrong.MISSING, among, f"{name}: {wanted}")
        elif found[name] != wanted:
            yield Difference(Wrong.DIFFERENT, among, f"{name}: {found[name]}, not {wanted}")
    if others:
        yield from (
            Difference(Wrong.UNEXPECTED, among, f"{name}: {why}") for name, why in found.items() if name not in expected
        )


def _counted(among: Among, expected: Iterable[str], found: Iterable[str]) -> Iterator[Difference]:
    wanted, had = Counter(expected), Counter(found)
    yield from (Difference(Wrong.MISSING, among, one) for one in (wanted - had).elements())
    yield from (Difference(Wrong.UNEXPECTED, among, one) for one in (had - wanted).elements())
