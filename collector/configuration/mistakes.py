"""What pydantic finds wrong, said as a person needs it: the place, what is wrong, and how to write it."""

import re
import types
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Union, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from collector.configuration.document import Document
from collector.configuration.faults import Fault, Steps, did_you_mean
from collector.configuration.words import say
from collector.model.channels import Secret

_NUMBER_AND_UNIT = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-zA-Zé]*)\.?")
_KEYWORDS = re.compile(r"(\w+)=(-?\d+)")
_UNITS = {
    "s": ("s", "sec", "secs", "second", "seconds", "seconde", "secondes"),
    "m": ("m", "min", "mins", "minute", "minutes", "mn"),
    "h": ("h", "hr", "hrs", "hour", "hours", "heure", "heures"),
    "d": ("d", "day", "days", "j", "jour", "jours"),
    "w": ("w", "week", "weeks", "semaine", "semaines", "sem"),
}
_SAID = {
    "int_parsing": "{input} is no whole number",
    "int_from_float": "{input} is no whole number",
    "float_parsing": "{input} is no number",
    "bool_parsing": "{input} is neither true nor false",
    "string_type": "a text must stand here",
    "path_type": "a text must stand here",
    "model_type": "keys with values must stand here",  # and never what stood there: it may be a secret
    "model_attributes_type": "keys with values must stand here",
    "mapping_type": "keys with values must stand here",
    "dict_type": "keys with values must stand here",
    "tuple_type": "a list must stand here",
    "frozen_set_type": "a list must stand here",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_pattern_mismatch": "{input} is not written as it must be",
    "time_delta_parsing": "{input} is no duration",
    "time_delta_type": "{input} is no duration",
    "url_parsing": "this is no address",  # and never what stood there: it may hold a password
    "url_scheme": "this is no address of the web",
}
# By what a model is known that may stand where others may too.
KIND = "kind"
# These are no durations, however they are mistaken.
_NO_LENGTHS = {"begins", "handover", "since", "until"}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_NEED_DASH = {"tuple_type", "frozen_set_type"}
_EXAMPLES = {
    "url_parsing": "write it whole, as in https://desk.example.org",
    "url_scheme": "begin it with https://",
}
_ADDRESS = "write one address alone, as in desk@example.org"
_SECRET = "a secret never stands in a file of configuration"  # noqa: S105 - the sentence


def mistakes(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Fault]:
    for one in error.errors(include_url=False):
        way = tuple(step for step in one["loc"] if step != "[key]")
        of_key = one["type"] == "extra_forbidden" or "[key]" in one["loc"]
        message, suggestion = _said(one, way, model)
        steps = _in_document(way, document.data)
        if one["type"] == "union_tag_invalid":
            steps = (*steps, KIND)
        yield document.fault(steps, message, suggestion, of_key=of_key)


def _in_document(way: Steps, data: object) -> Steps:
    """Without the kinds that the library names on the way to a field of one of several models."""
    steps: list[str | int] = []
    here: object = data
    for step in way:
        if isinstance(here, Mapping):
            if step == here.get(KIND) and step not in here:
                continue
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        steps.append(step)
    return tuple(steps)


def _said(error: ErrorDetails, steps: Steps, model: type[BaseModel]) -> tuple[str, str | None]:
    kind, written = error["type"], error["input"]
    match kind:
        case "extra_forbidden":
            known = fields_at(model, steps[:-1])
            what = "rule" if "backup_missed" in known else "key"
            return f"unknown {what} {steps[-1]!r}", did_you_mean(str(steps[-1]), known) or _known(known)
        case "missing":
            return f"{str(steps[-1])!r} is missing", None
        case "model_type" | "model_attributes_type" if _model_of(_annotation_at(model, steps)) is Secret:
            return _SECRET, "say where it is read, as in {env: NAME} or {file: /run/secrets/name}"
        case "model_type" | "model_attributes_type":
            known = fields_at(model, steps)
            return _SAID[kind], did_you_mean(str(written), known) or _known(known)
        case "union_tag_not_found":
            return f"{KIND!r} is missing", _known(_kinds_at(model, steps))
        case "enum" | "literal_error" | "union_tag_invalid":
            context = error.get("ctx", {})
            written = context.get("tag", written)
            expected = str(context.get("expected_tags") or context.get("expected", ""))
            words = re.findall(r"'([^']*)'", expected)
            return f"{written!r} is none of {', '.join(words)}", did_you_mean(str(written), words)
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            [(bound, value)] = error["ctx"].items()
            return f"{say(written)} must be {_BOUNDS[bound]} {say(_bound(value))}", None
    if kind in _SAID:
        way_out = _ADDRESS if _asks_for_address(error) else _how(kind, steps, written)
        return _SAID[kind].format(input=repr(written)), way_out
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return message, _how(kind, steps, written)


def _asks_for_address(error: ErrorDetails) -> bool:
    """What a mail goes to is told by its pattern: a field's name may stand for something else in another form."""
    return error["type"] == "string_pattern_mismatch" and "@" in error["ctx"]["pattern"]


def _bound(value: object) -> object:
    """Of a length of time the library says its own repr."""
    if isinstance(value, str) and value.startswith("datetime.timedelta"):
        return timedelta(**{unit: int(number) for unit, number in _KEYWORDS.findall(value)})
    return value


def _known(known: Collection[str]) -> str | None:
    return f"known are {', '.join(known)}" if known else None


def _how(kind: str, steps: Steps, written: object) -> str | None:
    """How it may have been meant."""
    field = str(steps[-1]) if steps else ""
    if kind in _NEED_DASH:
        return "begin each item with '- '"
    if kind in _EXAMPLES:
        return _EXAMPLES[kind]
    if not isinstance(written, str):
        return None
    if field == "zone":
        return did_you_mean(written, available_timezones())
    if field == "cron":
        return "write it as minute hour day month weekday, as in '0 2 * * *'"
    if field in _NO_LENGTHS:
        return None
    return _duration(written) if kind in ("value_error", "time_delta_parsing") else None


def _duration(written: str) -> str | None:
    """A number with a unit that people use and we do not, or with none."""
    found = _NUMBER_AND_UNIT.fullmatch(written.strip())
    if not found:
        return None
    number, unit = found[1].replace(",", "."), found[2].casefold()
    if not unit:
        return f"write the unit with it, as in {number}m, {number}h or {number}d"
    ours = next((short for short, names in _UNITS.items() if unit in names), None)
    if ours is None:
        return "the units are s, m, h, d and w"
    return None if written == number + ours else f"write it as {number}{ours}"


def fields_at(model: type[BaseModel], steps: Steps) -> Mapping[str, object]:
    """The keys that may stand where the steps lead; none where any may, or nothing is known."""
    kept = _model_of(_annotation_at(model, steps))
    return kept.model_fields if kept else {}


def _kinds_at(model: type[BaseModel], steps: Steps) -> list[str]:
    return [kind for one in get_args(_plain(_annotation_at(model, steps))) if (kind := _kind(one))]


def _annotation_at(model: type[BaseModel], steps: Steps) -> object:
    found: object = model
    for step in steps:
        found = _within(found, step)
    return found


def _within(annotation: object, step: str | int) -> object:
    if kept := _model_of(annotation):
        field = kept.model_fields.get(str(step))
        return field.annotation if field else None
    plain = _plain(annotation)
    arguments = get_args(plain)
    if get_origin(plain) in (Union, types.UnionType):
        return next((one for one in arguments if _kind(one) == step), None)
    if not arguments:
        return None
    return arguments[0] if isinstance(step, int) else arguments[-1]


def _kind(annotation: object) -> str | None:
    model = _model_of(annotation)
    return next(iter(get_args(model.model_fields[KIND].annotation)), None) if model else None


def _plain(annotation: object) -> object:
    """Without what is said of it beside, and without the none that it may be."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        some = [one for one in get_args(annotation) if one is not type(None)]
        return _plain(some[0]) if len(some) == 1 else annotation
    return annotation


def _model_of(annotation: object) -> type[BaseModel] | None:
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None
