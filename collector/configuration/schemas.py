"""The JSON Schemas of these files, for editors: what the models say, and that no other key may stand there."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from collector.configuration.escalation.form import EscalationForm
from collector.configuration.fleet import FleetForm
from collector.configuration.rules import RulesForm
from collector.model.duration import write_duration

Json = dict[str, object]
_iso = TypeAdapter(timedelta)
_LENGTH = re.compile(r"P(\d+D)?(T[\d.HMS]+)?")
# What stands below these is named by people: a field may be called `default` as well.
_NAMED = ("properties", "patternProperties", "$defs")
_FOLDER = Path(__file__).parent
FORMS: dict[Path, type[BaseModel]] = {
    _FOLDER / "fleet.schema.json": FleetForm,
    _FOLDER / "rules.schema.json": RulesForm,
    _FOLDER / "escalation.schema.json": EscalationForm,
}


def schema_of(model: type[BaseModel]) -> Json:
    schema = model.model_json_schema()
    for part in _objects(schema):
        if "properties" in part or "patternProperties" in part:
            part["additionalProperties"] = False
        default = part.get("default")
        if isinstance(default, dict):
            del part["default"]  # a whole model: its fields say their own
        elif isinstance(default, str) and _LENGTH.fullmatch(default):
            part["default"] = write_duration(_iso.validate_python(default))
    return schema


def _objects(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for key, part in value.items():
            yield from _objects(list(part.values()) if key in _NAMED else part)
    elif isinstance(value, list):
        for part in value:
            yield from _objects(part)


def schema_text(model: type[BaseModel]) -> str:
    return json.dumps(schema_of(model), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
