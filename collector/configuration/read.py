"""Files read into what they say, or every mistake of all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from collector.configuration.document import Document, read_yaml
from collector.configuration.escalation.compile import compile_book
from collector.configuration.escalation.form import EscalationForm
from collector.configuration.escalation.mistakes import impossible
from collector.configuration.faults import Fault, FaultyError, Steps, did_you_mean
from collector.configuration.fleet import FleetForm, PracticeForm, machine_id
from collector.configuration.mistakes import mistakes
from collector.configuration.rules import RulesForm, leaves
from collector.configuration.spreadsheet import read_csv
from collector.model.book import Book
from collector.model.campaign import CAMPAIGN
from collector.model.channels import Secret

Model = TypeVar("Model", bound=BaseModel)
Source = tuple[str, str]  # a file's name and its text


@dataclass(frozen=True)
class Placed:
    """A practice, and how a mistake in it is said."""

    practice: PracticeForm
    fault: Callable[..., Fault]


@dataclass(frozen=True)
class Files:
    """What the files say together; no rules where none of them is about rules, no book where none is of escalation."""

    practices: tuple[Placed, ...] = ()
    rules: RulesForm | None = None
    rules_document: Document | None = None
    book: Book | None = None
    book_document: Document | None = None


def read_files(sources: Sequence[Source], advance: Callable[[str], None] = lambda _: None) -> Files:
    """Raises FaultyError with all that can be told without the database."""
    faults: list[Fault] = []
    practices: list[Placed] = []
    names: dict[str, str] = {}
    rules: list[tuple[RulesForm, Document]] = []
    books: list[tuple[Book, Document]] = []
    for file, text in sources:
        advance(file)
        try:
            document = read_csv(file, text) if PurePath(file).suffix == ".csv" else read_yaml(file, text)
            about = _about(document)
            if about is RulesForm:
                wrong = [*_contradicting(document), *_of_the_provider(document)]
                rules.append((_read(RulesForm, document, wrong), document))
            elif about is EscalationForm:
                books.append((_book(document), document))
            else:
                practices += _practices(document, names)
        except FaultyError as error:
            faults += error.faults
    faults += [document.fault((), "only one file of rules can be in force") for _, document in rules[1:]]
    faults += [document.fault((), "only one file of escalation can be in force") for _, document in books[1:]]
    if faults:
        raise FaultyError(faults)
    form, document_of_rules = rules[0] if rules else (None, None)
    book, document_of_book = books[0] if books else (None, None)
    return Files(tuple(practices), form, document_of_rules, book, document_of_book)


_NAMED: Mapping[type[BaseModel], str] = {FleetForm: "fleet", RulesForm: "rules", EscalationForm: "escalation"}


def _about(document: Document) -> type[BaseModel]:
    """What most of its keys belong to; where none is known, what the file's name says."""
    keys = set(document.data) if isinstance(document.data, Mapping) else set()
    known = {form: len(keys & set(form.model_fields)) for form in _NAMED}
    if any(known.values()):
        return max(_NAMED, key=lambda form: known[form])
    name = PurePath(document.file).name
    return next((form for form, word in _NAMED.items() if word in name), FleetForm)


def _book(document: Document) -> Book:
    form = _read(EscalationForm, document, ())
    faults = list(impossible(form, document))
    if faults:
        raise FaultyError(faults)
    return compile_book(form)


def _read(model: type[Model], document: Document, contradictions: Sequence[Fault]) -> Model:
    faults = [*document.faults, *contradictions]
    try:
        form = model.model_validate(document.data, extra="forbid")
    except ValidationError as error:
        raise FaultyError([*faults, *mistakes(document, model, error)]) from None
    if faults:
        raise FaultyError(faults)
    return form


def _practices(document: Document, names: dict[str, str]) -> list[Placed]:
    """`names` says where each practice stood first."""
    contradictions = [*_named_twice(document, names), *_jobs_twice(document)]
    form = _read(FleetForm, document, contradictions)
    return [
        Placed(practice, _faults_below(document, ("practices", number)))
        for number, practice in enumerate(form.practices)
    ]


def _faults_below(document: Document, base: Steps) -> Callable[..., Fault]:
    def fault(steps: Steps, message: str, suggestion: str | None = None) -> Fault:
        return document.fault((*base, *steps), message, suggestion)

    return fault


def _entries(within: object, key: str) -> list[tuple[int, Mapping[str, object]]]:
    """The mappings listed below a key, whatever else is wrong: contradictions are told beside other mistakes."""
    listed = within.get(key) if isinstance(within, Mapping) else None
    entries = enumerate(listed if isinstance(listed, list) else ())
    return [(number, one) for number, one in entries if isinstance(one, Mapping)]


def _named_twice(document: Document, names: dict[str, str]) -> Iterator[Fault]:
    for number, practice in _entries(document.data, "practices"):
        name, steps = str(practice.get("name")), ("practices", number, "name")
        place = document.place(steps, False)
        here = f"{document.file}:{place.line if place else '?'}"
        if name in names:
            yield document.fault(steps, f"practice {name!r} stands twice; first in {names[name]}")
        elif "name" in practice:
            names[name] = here


def _jobs_twice(document: Document) -> Iterator[Fault]:
    """Jobs that stand twice, or that are retired as well, themselves or with their machine."""
    for at, practice in _entries(document.data, "practices"):
        seen: set[tuple[str | None, object]] = set()
        gone = {(_machine(one), one.get("job")) for _, one in _entries(practice, "retired")}
        for number, job in _entries(practice, "jobs"):
            key, steps = (_machine(job), job.get("name")), ("practices", at, "jobs", number, "name")
            if key[1] is None:
                continue
            if key in seen:
                yield document.fault(steps, f"job {key[1]!r} stands twice")
            elif key in gone or (key[0] and (key[0], None) in gone):
                yield document.fault(steps, f"job {key[1]!r} is scheduled, and retired below", "keep one of both")
            seen.add(key)


def _machine(entry: Mapping[str, object]) -> str | None:
    """An id is the same however it is written."""
    endpoint = entry.get("endpoint")
    return str(machine_id(endpoint) or endpoint) if isinstance(endpoint, str) else None


def _contradicting(document: Document) -> Iterator[Fault]:
    """Two overrides of the same practice and job that set the same to different values."""
    said: dict[tuple[object, ...], tuple[object, Steps]] = {}
    for number, one in _entries(document.data, "overrides"):
        rules = one.get("rules")
        for way, value in leaves(rules) if isinstance(rules, Mapping) else ():
            steps: Steps = ("overrides", number, "rules", *way)
            before, first = said.setdefault((one.get("practice"), one.get("job"), *way), (value, steps))
            if before != value:
                place = document.place(first, False)
                message = f"contradicts the override in line {place.line if place else '?'}, which says {before}"
                yield document.fault(steps, message, "keep one of both")


def _of_the_provider(document: Document) -> Iterator[Fault]:
    """A campaign is found once for all practices."""
    for part in ("groups", "overrides"):
        for number, one in _entries(document.data, part):
            rules = one.get("rules")
            if isinstance(rules, Mapping) and CAMPAIGN in rules:
                steps: Steps = (part, number, "rules", CAMPAIGN)
                yield document.fault(
                    steps, "a campaign is of all practices together", "set it in defaults", of_key=True
                )


def unknown_names(files: Files, jobs: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
    """Overrides of practices and jobs that nobody knows; `jobs` has the known ones of each practice."""
    if files.rules is None or files.rules_document is None:
        return
    for number, one in enumerate(files.rules.overrides):
        known = jobs.get(one.practice)
        if known is None:
            steps: Steps = ("overrides", number, "practice")
            message, near = f"no practice {one.practice!r} is known", did_you_mean(one.practice, jobs)
        elif one.job is not None and one.job not in known:
            steps = ("overrides", number, "job")
            message, near = f"{one.practice} has no job {one.job!r}", did_you_mean(one.job, known)
        else:
            continue
        yield files.rules_document.fault(steps, message, near)


def missing_secrets(files: Files, missing: Callable[[object, Secret], str | None]) -> Iterator[Fault]:
    """`missing` says what hinders a channel's secret from being used, never what it is."""
    if files.book is None or files.book_document is None:
        return
    for name, channel in files.book.channels.items():
        for field in type(channel).model_fields:
            secret = getattr(channel, field)
            why = missing(channel, secret) if isinstance(secret, Secret) else None
            if why:
                yield files.book_document.fault(("channels", name, field), why)
