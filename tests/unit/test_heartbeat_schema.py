"""The committed JSON Schema is the models', and says the same of a body wherever JSON Schema can."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from collector.model import heartbeat as contract
from collector.model.heartbeat import Heartbeat
from tests.unit.test_heartbeat_contract import ALERT, BACKUP, COPY, LIMITS, PATCHES, WHOLE, body, with_backup, with_copy

SCHEMA = Path(contract.__file__).with_name("heartbeat.schema.json")


def test_committed_schema_is_the_models() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == Heartbeat.model_json_schema()


def test_schema_is_a_valid_one() -> None:
    Draft202012Validator.check_schema(Heartbeat.model_json_schema())


GOOD: list[Any] = [body(), WHOLE, body(backups=[]), body(backups=None), body(unknown=1), with_copy(offline=True)]
GOOD += [made(**{field: most}) for field, most, _, made in LIMITS]

BAD: list[Any] = [None, [], "heartbeat", {}, [body()]]
BAD += [made(**{field: over}) for field, _, over, made in LIMITS]
BAD += [{name: value for name, value in body().items() if name != left} for left in body() if left != "queued"]
BAD += [
    body(seq="1"),
    body(seq=True),
    body(seq=1.5),
    body(endpoint=None),
    body(backups={}),
    body(backups=[None]),
    with_backup(status="ok"),
    with_backup(job="tab\t"),
    with_backup(message="\x00"),
    with_copy(medium="floppy"),
    with_copy(offline="no"),
    body(backups=[{**BACKUP, "copies": [COPY, {}]}]),
    body(patches={**PATCHES, "scanned_at": None}),
    body(alerts=[{**ALERT, "category": "virus"}]),
]


def accepted_by_models(sent: object) -> bool:
    try:
        Heartbeat.model_validate_json(json.dumps(sent))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(("bodies", "accepted"), [(GOOD, True), (BAD, False)], ids=["good", "bad"])
def test_schema_and_models_agree(bodies: list[Any], *, accepted: bool) -> None:
    schema = Draft202012Validator(Heartbeat.model_json_schema())
    said = [(schema.is_valid(sent), accepted_by_models(sent)) for sent in bodies]
    assert said == [(accepted, accepted)] * len(bodies)
