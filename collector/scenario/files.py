"""What all scenario files share: how their parts are read, and how a mistake is placed in them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from collector.configuration.document import Document, read_yaml
from collector.configuration.faults import Fault, FaultyError, Steps, did_you_mean
from collector.configuration.mistakes import mistakes

Model = TypeVar("Model", bound=BaseModel)
Verb = Callable[[Mapping[str, object]], str | None]


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FaultyError([Fault(str(path), None, "", (error.strerror or str(error)).lower())]) from None
    except UnicodeDecodeError:
        raise FaultyError([Fault(str(path), None, "", "this is no text in UTF-8")]) from None


def read_document(path: Path) -> Document:
    """Raises FaultyError, for what is written twice too."""
    document = read_yaml(str(path), read_text(path))
    if document.faults:
        raise FaultyError(document.faults)
    return document


def part_of(document: Document, data: object, base: Steps) -> Document:
    """A part of a file, whose mistakes are placed in the whole."""
    return Document(document.file, data, lambda steps, of_key: document.place((*base, *steps), of_key))


def read_form(model: type[Model], document: Document, base: Steps) -> Model:
    """A document's data, which stands at `base` in its file. Raises FaultyError."""
    try:
        return model.model_validate(document.data, extra="forbid")
    except ValidationError as error:
        raise FaultyError(mistakes(part_of(document, document.data, base), model, error)) from None


def read_events(
    events: Sequence[Mapping[str, object]],
    verbs: Mapping[str, type[Model]],
    verb: Verb,
    document: Document,
    base: Steps,
) -> Iterator[tuple[Steps, Model]]:
    """Each with the way to it. Raises FaultyError with what is wrong in any."""
    faults: list[Fault] = []
    for number, event in enumerate(events):
        steps: Steps = (*base, "events", number)
        try:
            yield steps, _event(event, verbs, verb(event), document, steps)
        except FaultyError as error:
            faults += error.faults
    if faults:
        raise FaultyError(faults)


def _event(
    event: Mapping[str, object],
    verbs: Mapping[str, type[Model]],
    what: str | None,
    document: Document,
    steps: Steps,
) -> Model:
    if what is None:
        near = next((found for key in event if (found := did_you_mean(key, verbs))), None)
        raise FaultyError([document.fault(steps, f"say what happens by one of {', '.join(verbs)}", near)])
    return read_form(verbs[what], Document(document.file, event, document.place), steps)


def line_of(document: Document, steps: Steps) -> int:
    place = document.place(steps, False)
    return place.line if place else 1
