"""The published contracts against what real processes answer: every status, type and body is documented."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from collector.administer import Deed, add_key, add_ping, enrol_operator, enrol_practice
from collector.model.credential import Holder
from collector.store.connect import connect
from tests.acceptance.mutation import rich
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
TIMEOUT_S = 30.0


@dataclass
class Published:
    """A process, who may speak to it, and what it answered."""

    process: Process
    key: str
    statuses: Counter[int] = field(default_factory=Counter)


async def _keys(database_url: str) -> dict[str, str]:
    deed = Deed("test", datetime.now(UTC))
    conn = await connect(database_url)
    try:
        enrolled = await enrol_practice(conn, "Cabinet", "Europe/Paris", deed)
        script = await add_key(conn, enrolled.practice, Holder.SCRIPT, deed)
        job = await add_ping(conn, enrolled.practice, None, "nightly", deed)
        operator = await enrol_operator(conn, "Ada", deed)
    finally:
        await conn.close()
    return {"collector": str(enrolled.key), "api": str(operator), "script": str(script), "job": str(job)}


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
    headers = {"authorization": f"Bearer {here.key}"} if known else {}
    schema = openapi.from_url(f"{here.process.url}/openapi.json")
    operations = [one.ok() for one in schema.get_all_operations()]
    assert operations
    for operation in operations:
        _try(here, operation.as_strategy(generation_mode=mode), headers)


def _try(here: Published, cases: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def tried(case: Case) -> None:
        answer = case.call_and_validate(here.process.url, headers=headers, checks=CHECKS, timeout=TIMEOUT_S)
        here.statuses[answer.status_code] += 1

    tried()
