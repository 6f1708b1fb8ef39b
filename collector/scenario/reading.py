"""Scenario files read into stories, or every mistake of them with its line."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from collector.configuration.document import Document, read_yaml
from collector.configuration.faults import Fault, FaultyError, Steps, did_you_mean
from collector.configuration.fleet import Form
from collector.configuration.mistakes import mistakes
from collector.configuration.read import read_files
from collector.configuration.rules import RulesForm, overlaid, written
from collector.model.rule_settings import RuleSettings
from collector.scenario.forms import CommonForm, ScenarioForm, ScenariosForm
from collector.scenario.happenings import VERBS, Event, verb
from collector.scenario.stage import MisplacedError
from collector.scenario.story import Story, tell

# Of a scenario and what its file says for all, as its own says where both do.
_LAID = ("start", "practice", "rules_file", "only")
Model = TypeVar("Model", bound=Form)
ReadText = Callable[[Path], str]


def read_scenarios(path: Path, read_text: ReadText = Path.read_text) -> tuple[Story, ...]:
    """Raises FaultyError with all that is wrong."""
    document = read_yaml(str(path), _text(path, read_text))
    form = _form(ScenariosForm, document, ())
    faults: list[Fault] = []
    stories: list[Story] = []
    for number, scenario in enumerate(form.scenarios):
        steps: Steps = ("scenarios", number)
        try:
            events = [*_events(form, document, ()), *_events(scenario, document, steps)]
            whole = _whole(form, scenario)
            rules = _rules(whole, path, read_text)
            stories.append(tell(whole, rules, events, steps, partial(_line, document)))
        except MisplacedError as error:
            faults.append(_fault(document, form, error))
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)
    return tuple(stories)


def _text(path: Path, read_text: ReadText) -> str:
    try:
        return read_text(path)
    except OSError as error:
        raise FaultyError([Fault(str(path), None, "", (error.strerror or str(error)).lower())]) from None
    except UnicodeDecodeError:
        raise FaultyError([Fault(str(path), None, "", "this is no text in UTF-8")]) from None


def _form(model: type[Model], document: Document, base: Steps) -> Model:
    below = Document(document.file, document.data, lambda steps, of_key: document.place((*base, *steps), of_key))
    try:
        return model.model_validate(document.data, extra="forbid")
    except ValidationError as error:
        raise FaultyError(mistakes(below, model, error)) from None


def _events(form: CommonForm, document: Document, base: Steps) -> Iterator[tuple[Steps, Event]]:
    faults: list[Fault] = []
    for number, event in enumerate(form.events):
        steps: Steps = (*base, "events", number)
        try:
            yield steps, _event(event, document, steps)
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)


def _event(event: Mapping[str, object], document: Document, steps: Steps) -> Event:
    what = verb(event)
    if what is None:
        near = next((found for key in event if (found := did_you_mean(key, VERBS))), None)
        raise FaultyError([document.fault(steps, f"say what happens by one of {', '.join(VERBS)}", near)])
    return _form(VERBS[what], Document(document.file, event, document.place), steps)


def _whole(form: ScenariosForm, scenario: ScenarioForm) -> ScenarioForm:
    """A scenario with what its file says for all laid under it."""
    own = {endpoint.name for endpoint in scenario.endpoints}
    update: dict[str, object] = {name: getattr(form, name) for name in _LAID if name not in scenario.model_fields_set}
    update["endpoints"] = (*(one for one in form.endpoints if one.name not in own), *scenario.endpoints)
    update["rules"] = _laid(form.rules, scenario.rules)
    update["job_rules"] = {
        job: _laid(form.job_rules.get(job, RuleSettings()), scenario.job_rules.get(job, RuleSettings()))
        for job in {**form.job_rules, **scenario.job_rules}
    }
    return scenario.model_copy(update=update)


def _laid(below: RuleSettings, above: RuleSettings) -> RuleSettings:
    return RuleSettings.model_validate(overlaid(written(below), written(above)))


def _rules(scenario: ScenarioForm, path: Path, read_text: ReadText) -> RulesForm:
    if scenario.rules_file is None:
        return RulesForm()
    file = path.parent / scenario.rules_file
    return read_files([(str(file), _text(file, read_text))]).rules or RulesForm()


def _fault(document: Document, form: ScenariosForm, error: MisplacedError) -> Fault:
    """What a scenario has from the top of its file is wrong there."""
    kind, number, name, *rest = (*error.steps, None, None, None)[: max(3, len(error.steps))]
    laid = kind == "scenarios" and isinstance(number, int) and name in _LAID
    inherited = laid and isinstance(number, int) and name not in form.scenarios[number].model_fields_set
    steps = (name, *rest) if inherited and isinstance(name, str) else error.steps
    return document.fault(tuple(one for one in steps if one is not None), error.message, error.suggestion)


def _line(document: Document, steps: Steps) -> int:
    place = document.place(steps, False)
    return place.line if place else 1
