"""The published contract of the collector: complete, valid, and what it really answers."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.integration.house import House, enrol
from tests.integration.test_intake import URL, beat, door


@pytest.fixture(scope="module")
async def client(shared_house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with door(shared_house.database.url) as opened:
        opened.headers["authorization"] = f"Bearer {(await enrol(shared_house)).key}"
        yield opened


async def test_the_openapi_document_is_complete(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document == (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.startswith("#/components/schemas/")
        assert reference.rsplit("/", 1)[1] in schemas, reference
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    post = document["paths"][URL]["post"]
    assert post["responses"].keys() >= {"202", "400", "401", "408", "413", "415", "422", "429", "503"}
    for status in ("400", "401", "408", "413", "415", "422", "429", "503"):
        assert post["responses"][status]["content"].keys() == {"application/problem+json"}, status
    assert post["security"] == [{"practiceKey": []}]
    assert schemas["Heartbeat"]["required"] == ["id", "seq", "sent_at", "interval_s", "endpoint"]


async def test_answers_keep_the_contract_of_the_openapi_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    responses = document["paths"][URL]["post"]["responses"]
    accepted = responses["202"]["content"]["application/json"]["schema"]
    for sent in (beat(), [beat(1), {}]):
        _validator(accepted, document).validate((await client.post(URL, json=sent)).json())
    refused = responses["422"]["content"]["application/problem+json"]["schema"]
    _validator(refused, document).validate((await client.post(URL, json={})).json())


def _validator(schema: dict[str, Any], document: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, held in value.items():
            if key == "$ref":
                yield held
            else:
                yield from _references(held)
    elif isinstance(value, list):
        for held in value:
            yield from _references(held)
