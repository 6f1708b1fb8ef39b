"""Files of stories of escalation read, or every mistake of them with its line."""

from functools import partial
from pathlib import Path

from collector.configuration.document import Document
from collector.configuration.escalation.compile import compile_book
from collector.configuration.escalation.form import EscalationForm
from collector.configuration.escalation.mistakes import impossible
from collector.configuration.faults import Fault, FaultyError, Steps
from collector.configuration.read import read_files
from collector.model.book import Book
from collector.scenario.escalation.expectation import read_expectations
from collector.scenario.escalation.forms import ScenarioForm, ScenariosForm
from collector.scenario.escalation.happenings import VERBS, AnyEvent, Silenced, verb
from collector.scenario.escalation.play import Story
from collector.scenario.escalation.silences import silence_of
from collector.scenario.escalation.stage import Stage, set_stage
from collector.scenario.files import line_of, part_of, read_document, read_events, read_form, read_text
from collector.scenario.stage import MisplacedError

# Of a scenario and what its file says for all, as its own says where both do.
_LAID = ("start", "practice")


def read_scenarios(path: Path) -> tuple[Story, ...]:
    """Raises FaultyError with all that is wrong."""
    document = read_document(path)
    form = read_form(ScenariosForm, document, ())
    reading = _Reading(path, document, form)
    faults: list[Fault] = []
    stories: list[Story] = []
    for number, scenario in enumerate(form.scenarios):
        try:
            stories.append(reading.story(scenario, ("scenarios", number)))
        except MisplacedError as error:
            faults.append(reading.fault(error))
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)
    return tuple(stories)


class _Reading:
    """One file; the book that stands at its top is read once."""

    def __init__(self, path: Path, document: Document, form: ScenariosForm) -> None:
        self._path = path
        self._document = document
        self._form = form
        self._book = self._read_book(form, ())

    def story(self, scenario: ScenarioForm, steps: Steps) -> Story:
        events = [*self._events(self._form, ()), *self._events(scenario, steps)]
        laid = {name: getattr(self._form, name) for name in _LAID if name not in scenario.model_fields_set}
        whole = scenario.model_copy(update=laid)
        book = self._read_book(scenario, steps) or self._book
        if book is None:
            raise MisplacedError((*steps, "name"), "say what is tested: escalation_file: escalation.yaml")
        stage = set_stage(whole, book, events, steps)
        _check_silences(stage)
        line = partial(line_of, self._document)
        return Story(scenario.name, line(steps), stage, read_expectations(whole, stage, steps, line))

    def _events(self, form: ScenarioForm | ScenariosForm, steps: Steps) -> list[tuple[Steps, AnyEvent]]:
        return list(read_events(form.events, VERBS, verb, self._document, steps))

    def _read_book(self, form: ScenarioForm | ScenariosForm, steps: Steps) -> Book | None:
        if form.escalation_file is not None and form.escalation is not None:
            raise FaultyError([self._document.fault((*steps, "escalation"), "say either this or escalation_file")])
        if form.escalation is not None:
            return self._inline(form.escalation, (*steps, "escalation"))
        if form.escalation_file is None:
            return None
        file = self._path.parent / form.escalation_file
        book = read_files([(str(file), read_text(file))]).book
        if book is None:
            raise FaultyError([Fault(str(file), None, "", "this says nothing about escalation")])
        return book

    def _inline(self, written: object, steps: Steps) -> Book:
        part = part_of(self._document, written, steps)
        form = read_form(EscalationForm, part, ())
        faults = list(impossible(form, part))
        if faults:
            raise FaultyError(faults)
        return compile_book(form)

    def fault(self, error: MisplacedError) -> Fault:
        """What a scenario has from the top of its file is wrong there."""
        steps = error.steps
        match steps:
            case ("scenarios", int(number), str(name), *rest) if self._is_above(number, name):
                steps = (name, *rest)
        return self._document.fault(steps, error.message, error.suggestion)

    def _is_above(self, number: int, name: str) -> bool:
        return name in _LAID and name not in self._form.scenarios[number].model_fields_set


def _check_silences(stage: Stage) -> None:
    for one in stage.events:
        if isinstance(one.event, Silenced):
            silence_of(one.event, one, stage.roster.book.zone)
