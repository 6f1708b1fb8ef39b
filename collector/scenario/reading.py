"""Scenario files read into stories, or every mistake of them with its line."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from collector.configuration.document import Document
from collector.configuration.faults import Fault, FaultyError, Steps
from collector.configuration.read import read_files
from collector.configuration.rules import RulesForm, overlaid, written
from collector.model.rule_settings import RuleSettings
from collector.scenario.files import line_of, read_document, read_events, read_form, read_text
from collector.scenario.forms import CommonForm, ScenarioForm, ScenariosForm
from collector.scenario.happenings import VERBS, Event, verb
from collector.scenario.stage import MisplacedError
from collector.scenario.story import Story, tell

# Of a scenario and what its file says for all, as its own says where both do.
_LAID = ("start", "practice", "rules_file", "only")


def read_scenarios(path: Path) -> tuple[Story, ...]:
    """Raises FaultyError with all that is wrong."""
    document = read_document(path)
    form = read_form(ScenariosForm, document, ())
    faults: list[Fault] = []
    stories: list[Story] = []
    for number, scenario in enumerate(form.scenarios):
        steps: Steps = ("scenarios", number)
        try:
            events = [*_events(form, document, ()), *_events(scenario, document, steps)]
            whole = _whole(form, scenario)
            rules = _rules(whole, path)
            stories.append(tell(whole, rules, events, steps, partial(line_of, document)))
        except MisplacedError as error:
            faults.append(_fault(document, form, error))
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)
    return tuple(stories)


def _events(form: CommonForm, document: Document, base: Steps) -> Iterator[tuple[Steps, Event]]:
    return read_events(form.events, VERBS, verb, document, base)


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
    found = read_files([(str(file), read_text(file))]).rules
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
