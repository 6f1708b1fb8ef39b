"""What should be open at an instant against what is: one more is as wrong as one less."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from collector.configuration.faults import Steps, did_you_mean
from collector.model.finding import Finding, Severity
from collector.model.incident import Incident
from collector.model.subject import Subject
from collector.rules.registry import RULES
from collector.scenario.forms import IncidentForm, ScenarioForm
from collector.scenario.look import Difference, Wrong
from collector.scenario.moment import Clock
from collector.scenario.stage import MisplacedError, Stage, check_endpoint


class Standing(StrEnum):
    """Whether it speaks for itself, another speaks for it, or it says nothing."""

    OPEN = "open"
    INHIBITED = "inhibited"
    GREY = "grey"


@dataclass(frozen=True)
class Found:
    """An incident or a grey finding, in the words of a scenario."""

    standing: Standing
    rule: str
    reason: str
    severity: Severity
    facts: Mapping[str, str]
    signature: str | None
    raised: datetime | None
    because: str | None
    job: str | None = None
    endpoint: str | None = None
    alert: str | None = None

    @classmethod
    def incident(cls, one: Incident, names: Mapping[str, str]) -> Self:
        return cls(
            Standing.INHIBITED if one.inhibited_by else Standing.OPEN, one.rule, one.reason, one.severity, one.facts,
            one.signature, one.opened_at, one.inhibited_by, **_named(one.subject, names),
        )  # fmt: skip

    @classmethod
    def grey(cls, one: Finding, names: Mapping[str, str]) -> Self:
        return cls(
            Standing.GREY, one.rule, one.reason, one.severity, one.facts, one.signature, None, one.grey,
            **_named(one.subject, names),
        )  # fmt: skip

    def write(self, clock: Clock) -> str:
        said = [self.rule, _about(self.job, self.endpoint, self.alert), self.reason, self.severity.value]
        said += [f"raised {clock.write(self.raised)}"] if self.raised else []
        return ", ".join(one for one in said if one)


@dataclass(frozen=True)
class Expected:
    """`raised` is the instant of its opening, where that is expected too."""

    form: IncidentForm
    raised: datetime | None

    def means(self, found: Found) -> bool:
        """Whether they are about the same; an endpoint that is not named may be any."""
        form = self.form
        return (
            form.rule == found.rule
            and form.job == found.job
            and form.alert == found.alert
            and form.endpoint in (None, found.endpoint)
        )

    def differs(self, found: Found, clock: Clock) -> list[str]:
        form = self.form
        wrong = [
            f"{name} is {getattr(found, name)}, not {wanted}"
            for name in ("reason", "severity", "signature")
            if (wanted := getattr(form, name)) is not None and wanted != getattr(found, name)
        ]
        wrong += [
            f"{name} is {found.facts.get(name, 'not told')}, not {wanted}"
            for name, wanted in form.facts.items()
            if found.facts.get(name) != wanted
        ]
        if self.raised and found.raised and self.raised != found.raised:
            wrong.append(f"raised {clock.write(found.raised)}, not {clock.write(self.raised)}")
        return wrong

    def write(self, clock: Clock) -> str:
        form = self.form
        said = [
            form.rule,
            _about(form.job, form.endpoint, form.alert),
            form.reason,
            form.severity and form.severity.value,
        ]
        said += [f"raised {clock.write(self.raised)}"] if self.raised else []
        return ", ".join(one for one in said if one)


@dataclass(frozen=True)
class Expectation:
    """What should be so at an instant, with its line in the file."""

    at: datetime
    line: int
    lists: Mapping[Standing, tuple[Expected, ...]]


def read_expectations(
    scenario: ScenarioForm, stage: Stage, steps: Steps, line_of: Callable[[Steps], int]
) -> tuple[Expectation, ...]:
    """In the order of their instants. Raises MisplacedError for a name or an instant that there is not."""
    read: list[Expectation] = []
    for number, form in enumerate(scenario.expect):
        way = (*steps, "expect", number)
        lists = {
            standing: tuple(
                _expected(one, stage, (*way, standing.value, place))
                for place, one in enumerate(getattr(form, standing.value))
            )
            for standing in Standing
        }
        read.append(Expectation(_moment(stage.clock, form.at, (*way, "at")), line_of(way), lists))
    return tuple(sorted(read, key=lambda one: one.at))


def _expected(form: IncidentForm, stage: Stage, steps: Steps) -> Expected:
    known = [rule.name for rule in RULES]
    if form.rule not in known:
        raise MisplacedError((*steps, "rule"), f"there is no rule {form.rule!r}", did_you_mean(form.rule, known))
    if form.endpoint is not None:
        check_endpoint(form.endpoint, stage.endpoints, (*steps, "endpoint"))
    raised = _moment(stage.clock, form.raised, (*steps, "raised")) if form.raised else None
    return Expected(form, raised)


def _moment(clock: Clock, written: str, steps: Steps) -> datetime:
    try:
        at = clock.read(written)
    except (ValueError, OverflowError) as error:
        raise MisplacedError(steps, str(error)) from None
    if at < clock.start:
        raise MisplacedError(steps, "this lies before the start")
    return at


def compare(expectation: Expectation, found: Sequence[Found], clock: Clock) -> tuple[Difference, ...]:
    """Each expected one against the first of its list that it means; what is left over is unexpected."""
    wrong: list[Difference] = []
    left = list(found)
    for standing, wanted in expectation.lists.items():
        # Those that name their endpoint choose first.
        for one in sorted(wanted, key=lambda expected: expected.form.endpoint is None):
            match = next((other for other in left if other.standing is standing and one.means(other)), None)
            if match is None:
                elsewhere = next((other for other in left if one.means(other)), None)
                wrong.append(Difference(Wrong.MISSING, standing, one.write(clock) + _elsewhere(elsewhere)))
                continue
            left.remove(match)
            if differs := one.differs(match, clock):
                wrong.append(Difference(Wrong.DIFFERENT, standing, f"{one.write(clock)}: {'; '.join(differs)}"))
    wrong += [Difference(Wrong.UNEXPECTED, one.standing, one.write(clock) + _why(one)) for one in left]
    return tuple(wrong)


def _elsewhere(found: Found | None) -> str:
    return f" (it is {found.standing.value}{_why(found)})" if found else ""


def _why(found: Found) -> str:
    said = {Standing.INHIBITED: f", {found.because} speaks for it", Standing.GREY: f", grey: {found.because}"}
    return said.get(found.standing, "")


def found_of(incidents: Iterable[Incident], findings: Iterable[Finding], names: Mapping[str, str]) -> list[Found]:
    """`names` are those of endpoints by their ids."""
    lasting = [one for one in incidents if one.lasts]
    known = {(one.rule, one.subject) for one in lasting}
    grey = [one for one in findings if one.grey and (one.rule, one.subject) not in known]
    return [*(Found.incident(one, names) for one in lasting), *(Found.grey(one, names) for one in grey)]


def _named(subject: Subject, names: Mapping[str, str]) -> dict[str, str | None]:
    kind, _, rest = subject.partition(":")
    endpoint, _, of_it = rest.partition(":")
    return {
        "endpoint": names.get(endpoint),
        "job": of_it if kind == "job" else None,
        "alert": of_it if kind == "alert" else None,
    }


def _about(job: str | None, endpoint: str | None, alert: str | None) -> str:
    what = job or (f"alert {alert}" if alert else None)
    return f"{what} on {endpoint}" if what and endpoint else what or endpoint or "the practice"
