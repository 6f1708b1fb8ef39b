"""Scenario files read into stories, or every mistake of them with its line."""

from collections.abc import Iterator, Mapping
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


def read_scenarios(path: Path) -> tuple[Story, ...]:
    """Raises FaultyError with all that is wrong."""
    document = read_yaml(str(path), _text(path))
    form = _form(ScenariosForm, document, ())
    faults: list[Fault] = []
    stories: list[Story] = []
    for number, scenario in enumerate(form.scenarios):
        steps: Steps = ("scenarios", number)
        try:
            events = [*_events(form, document, ()), *_events(scenario, document, steps)]
            whole = _whole(form, scenario)
            rules = _rules(whole, path)
            stories.append(tell(whole, rules, events, steps, partial(_line, document)))
        except MisplacedError as error:
            faults.append(_fault(document, form, error))
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)
    return tuple(stories)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
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


def _rules(scenario: ScenarioForm, path: Path) -> RulesForm:
    if scenario.rules_file is None:
        return RulesForm()
    file = path.parent / scenario.rules_file
    found = read_files([(str(file), _text(file))]).rules
    if found is None:
        raise FaultyError([Fault(str(file), None, "", "this says nothing about rules")])
    return found


def _fault(document: Document, form: ScenariosForm, error: MisplacedError) -> Fault:
    """What a scenario has from the top of its file is wrong there."""
    steps = error.steps
    match steps:
        case ("scenarios", int(number), str(name), *rest) if name not in form.scenarios[number].model_fields_set:
            steps = (name, *rest)
    return document.fault(steps, error.message, error.suggestion)


def _line(document: Document, steps: Steps) -> int:
    place = document.place(steps, False)
    return place.line if place else 1
