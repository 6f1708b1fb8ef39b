"""The published contracts against what real processes answer: every status, type and body is documented."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from collector.administer import Deed, enrol_operator, enrol_practice
from collector.store.connect import connect
from tests.acceptance.process import Process
from tests.conftest import Server, _fresh

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
STRANGERS_EXAMPLES = 10  # without a key nobody comes further than the door
TIMEOUT_S = 30.0


@dataclass
class Published:
    """A process, who may speak to it, and what it answered."""

    process: Process
    key: str
    calls: int = 0


async def _keys(database_url: str) -> dict[str, str]:
    deed = Deed("test", datetime.now(UTC))
    conn = await connect(database_url)
    try:
        enrolled = await enrol_practice(conn, "Cabinet", "Europe/Paris", deed)
        operator = await enrol_operator(conn, "Ada", deed)
    finally:
        await conn.close()
    return {"collector": str(enrolled.key), "api": str(operator)}


@pytest.fixture(scope="module")
async def published(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Published]]:
    logs = tmp_path_factory.mktemp("schemathesis")
    unhurried = {"PRACTICE_RATE": "1e6", "PRACTICE_BURST": "1e9"}
    async with (
        _fresh(server) as database,
        Process("collector", logs, database.url, **unhurried) as collector,
        Process("api", logs, database.url) as api,
    ):
        keys = await _keys(database.url)
        yield {"collector": Published(collector, keys["collector"]), "api": Published(api, keys["api"])}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("known", [True, False], ids=["with a key", "without"])
@pytest.mark.parametrize("process", ["collector", "api"])
def test_every_answer_is_the_documented_one(
    published: dict[str, Published], process: str, known: bool, mode: GenerationMode
) -> None:
    here = published[process]
    schema = openapi.from_url(f"{here.process.url}/openapi.json")
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    assert operations
    authorization = {"authorization": f"Bearer {here.key}"} if known else {}
    untrue = [said for one in operations for said in _try(here, one.as_strategy(generation_mode=mode), authorization)]
    assert not untrue, "\n\n".join(untrue)
    assert here.calls >= EXAMPLES


def _try(here: Published, cases: SearchStrategy[Any], authorization: dict[str, str]) -> list[str]:
    """What one operation answers that its document does not say."""

    @settings(
        max_examples=EXAMPLES if authorization else STRANGERS_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def tried(case: Any) -> None:
        here.calls += 1
        # Guessing is held against an address: each call comes from another, by the word of a proxy.
        origin = {"x-forwarded-for": f"10.{here.calls >> 16}.{here.calls >> 8 & 255}.{here.calls & 255}"}
        case.call_and_validate(here.process.url, headers=authorization | origin, checks=CHECKS, timeout=TIMEOUT_S)

    try:
        tried()
    except FailureGroup as untrue:
        return [str(one) for one in untrue.exceptions]
    except Unsatisfiable:  # nothing can be wrong with a request that says nothing
        return []
    return []


def test_an_answer_that_is_not_documented_would_be_seen(published: dict[str, Published]) -> None:
    here = published["collector"]
    document = httpx.get(f"{here.process.url}/openapi.json").json()
    del document["paths"]["/v1/heartbeats"]["post"]["responses"]["401"]
    operation = openapi.from_dict(document)["/v1/heartbeats"]["POST"]
    assert _try(here, operation.as_strategy(), {})


@pytest.mark.parametrize("process", ["collector", "api"])
def test_a_body_that_is_no_text_gets_a_documented_answer(published: dict[str, Published], process: str) -> None:
    here = published[process]
    paths = httpx.get(f"{here.process.url}/openapi.json").json()["paths"]
    taking = {path: one["post"]["responses"] for path, one in paths.items() if "requestBody" in one.get("post", {})}
    assert taking
    headers = {"authorization": f"Bearer {here.key}", "content-type": "application/json"}
    for path, documented in taking.items():
        url = here.process.url + re.sub(r"{[^}]*}", str(uuid4()), path)
        answer = httpx.post(url, content=b"-\xff", headers=headers)
        assert str(answer.status_code) in documented, path
