"""The door: what is let in, what is refused and why, and that a 202 means committed."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from collector.administer import Deed, enrol_operator
from collector.config import Settings
from collector.intake.app import create_app
from collector.model.heartbeat import RunStatus
from tests.factories import DAY, MINUTE, backup, endpoint, heartbeat, new_id
from tests.integration.house import House, body_of, enrol, running

URL = "/v1/heartbeats"


def now() -> datetime:
    return datetime.now(UTC)


def beat(seq: int = 0, **changes: object) -> dict[str, Any]:
    return body_of(heartbeat(now(), seq, backups=(backup(),)), **changes)


@asynccontextmanager
async def door(database_url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(database_url=database_url, **settings))
    async with running(app) as asgi:
        transport = httpx.ASGITransport(asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
            yield client


@pytest.fixture(scope="module")
async def token(shared_house: House) -> str:
    return str((await enrol(shared_house)).key)


@pytest.fixture(scope="module")
async def client(shared_house: House, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with door(shared_house.database.url) as opened:
        opened.headers["authorization"] = f"Bearer {token}"
        yield opened


@pytest.fixture(autouse=True)
async def empty_series(shared_house: House) -> None:
    await shared_house.owner.execute("TRUNCATE accepted, heartbeat, section, wake")


async def stored(house: House) -> int:
    found: int = await house.owner.fetchval("SELECT count(*) FROM heartbeat")
    return found


async def test_one_heartbeat_is_committed_before_it_is_answered(client: httpx.AsyncClient, shared_house: House) -> None:
    sent = beat()
    answer = await client.post(URL, json=sent)
    row = await shared_house.owner.fetchrow("SELECT id::text, received_at FROM heartbeat")
    assert answer.status_code == 202
    assert row is not None
    assert answer.json()["id"] == row["id"] == sent["id"]
    assert datetime.fromisoformat(answer.json()["received_at"]) == row["received_at"]


async def test_a_resend_gets_the_same_answer_and_is_stored_once(client: httpx.AsyncClient, shared_house: House) -> None:
    sent = beat()
    first, again = await client.post(URL, json=sent), await client.post(URL, json=[sent])
    assert again.json()["results"] == [first.json()]
    assert await stored(shared_house) == 1


BATCH = [beat(seq) for seq in range(3)]
LINES = "\n".join(json.dumps(one) for one in BATCH) + "\n\n"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        pytest.param(json.dumps(BATCH), {"content-type": "application/json"}, id="array"),
        pytest.param(" \n" + json.dumps(BATCH), {}, id="array without a type"),
        pytest.param(LINES, {"content-type": "application/x-ndjson; charset=utf-8"}, id="ndjson"),
        pytest.param(gzip.compress(json.dumps(BATCH).encode()), {"content-encoding": "gzip"}, id="gzipped array"),
        pytest.param(
            gzip.compress(LINES.encode()),
            {"content-type": "application/x-ndjson", "content-encoding": "gzip"},
            id="gzipped ndjson",
        ),
    ],
)
async def test_a_batch_has_a_result_for_each_in_its_order(
    client: httpx.AsyncClient, shared_house: House, content: bytes | str, headers: dict[str, str]
) -> None:
    answer = await client.post(URL, content=content, headers=headers)
    assert answer.status_code == 202
    assert [one["id"] for one in answer.json()["results"]] == [one["id"] for one in BATCH]
    assert await stored(shared_house) == 3


async def test_a_twin_in_a_batch_is_stored_once_and_answered_twice(
    client: httpx.AsyncClient, shared_house: House
) -> None:
    sent = beat()
    answer = await client.post(URL, json=[sent, sent])
    first, second = answer.json()["results"]
    assert first == second
    assert await stored(shared_house) == 1


async def test_broken_ones_of_a_batch_are_named_and_the_others_stored(
    client: httpx.AsyncClient, shared_house: House
) -> None:
    good, bad = beat(), beat(1, interval_s=0)
    answer = await client.post(URL, json=[bad, good, "nonsense"])
    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [one["status"] for one in results] == ["rejected", "accepted", "rejected"]
    assert results[0]["id"] == bad["id"]
    assert [one["field"] for one in results[0]["problem"]["errors"]] == ["interval_s"]
    assert await stored(shared_house) == 1


async def test_a_batch_of_which_none_could_be_stored_is_a_problem_with_results(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json=[beat(interval_s=0), beat() | {"seq": -1}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["problem"]["errors"][0]["field"] for one in answer.json()["results"]] == ["interval_s", "seq"]


async def test_a_broken_line_does_not_sink_the_other_lines(client: httpx.AsyncClient, shared_house: House) -> None:
    lines = f"{json.dumps(beat())}\n{{broken\n{json.dumps(beat(1))}"
    answer = await client.post(URL, content=lines, headers={"content-type": "application/x-ndjson"})
    assert [one["status"] for one in answer.json()["results"]] == ["accepted", "rejected", "accepted"]
    assert await stored(shared_house) == 2


def _broken(path: str, value: object) -> dict[str, Any]:
    """A heartbeat with one field of it wrong, or gone."""
    sent = beat()
    *steps, last = path.replace("[0]", ".0").split(".")
    where: Any = sent
    for step in steps:
        where = where[int(step) if step.isdigit() else step]
    where[last] = value
    return sent


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "no uuid"),
        ("id", "6f1e1c1e-0000-4000-8000-000000000000"),  # version 4
        ("seq", 2**63),
        ("sent_at", "2026-11-21T18:00:00"),  # no offset
        ("sent_at", "9999-12-31T23:59:59Z"),
        ("queued", -1),
        ("endpoint.name", ""),
        ("endpoint.role", "toaster"),
        ("endpoint.name", "a\x00b"),
        ("backups[0].status", "great"),
        ("backups[0].job", "a\nb"),
        ("backups[0].bytes_total", "12"),
        ("backups[0].finished_at", 12),
    ],
)
async def test_the_field_that_breaks_the_contract_is_named(client: httpx.AsyncClient, path: str, value: object) -> None:
    answer = await client.post(URL, json=_broken(path, value))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [path]
    assert answer.json()["detail"].startswith(path)


async def test_unknown_fields_are_ignored(client: httpx.AsyncClient) -> None:
    sent = beat(weather="fine")
    sent["endpoint"]["colour"] = "red"
    assert (await client.post(URL, json=sent)).status_code == 202


@pytest.mark.parametrize(
    ("content", "headers", "status", "name"),
    [
        pytest.param(b"", {}, 400, "not_json", id="nothing"),
        pytest.param(b"{", {}, 400, "not_json", id="half an object"),
        pytest.param(b"[{]", {}, 400, "not_json", id="half an array"),
        pytest.param(b'{"id": "\xff"}', {}, 400, "not_json", id="not UTF-8"),
        pytest.param(b"[" * 100_000, {}, 400, "not_json", id="too deep"),
        pytest.param(b"[]", {}, 422, "contract", id="an empty batch"),
        pytest.param(b"1", {}, 422, "contract", id="no object"),
        pytest.param(b"no gzip", {"content-encoding": "gzip"}, 400, "gzip", id="not gzip"),
        pytest.param(gzip.compress(b"{}" * 99)[:-9], {"content-encoding": "gzip"}, 400, "gzip", id="half a gzip"),
        pytest.param(gzip.compress(b" " * 2**24), {"content-encoding": "gzip"}, 413, "too_large", id="a gzip bomb"),
        pytest.param(b" " * (2**18 + 1), {}, 413, "too_large", id="a large one"),
        pytest.param(b"[" + b"{}," * 1_000 + b"{}]", {}, 413, "too_large", id="too many"),
        pytest.param(b"{}", {"content-encoding": "br"}, 415, "encoding", id="brotli"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, name: str
) -> None:
    answer = await client.post(URL, content=content, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:vigie:{name}")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_replay_from_before_the_window_is_too_old(client: httpx.AsyncClient) -> None:
    at = now() - DAY * 35 - MINUTE
    answer = await client.post(URL, json=beat(sent_at=at.isoformat(), queued=1))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:vigie:too_old")


@pytest.mark.parametrize("age", [timedelta(days=34, hours=23), timedelta(days=9_000), -timedelta(days=9_000)])
async def test_a_replay_within_the_window_and_a_live_dead_clock_are_let_in(
    client: httpx.AsyncClient, shared_house: House, age: timedelta
) -> None:
    queued = 1 if timedelta(0) < age < 35 * DAY else 0
    answer = await client.post(URL, json=beat(sent_at=(now() - age).isoformat(), queued=queued))
    assert answer.status_code == 202
    assert await stored(shared_house) == 1


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        "Basic dmdwOnZncA==",
        f"Bearer vgp_{'0' * 16}_{'0' * 64}",
        f"Bearer vgp_{'0' * 16}_{'0' * 64}é",
    ],
)
async def test_without_a_valid_key_nothing_is_read(client: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {"authorization": authorization.encode("latin-1")} if authorization is not None else {}
    request = client.build_request("POST", URL, content=b"{")
    del request.headers["authorization"]
    request.headers = httpx.Headers([*request.headers.raw, *((k.encode(), v) for k, v in headers.items())])
    _is_unauthorized(await client.send(request))


def _is_unauthorized(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:vigie:unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_right_key_id_with_a_wrong_secret_is_refused(client: httpx.AsyncClient, token: str) -> None:
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
    _is_unauthorized(await client.post(URL, json=beat(), headers={"authorization": f"Bearer {wrong}"}))


async def test_an_operators_token_reports_for_nobody(client: httpx.AsyncClient, shared_house: House) -> None:
    async with shared_house.owner.acquire() as conn:
        token = await enrol_operator(conn, "ada", Deed("ada", now()))
    _is_unauthorized(await client.post(URL, json=beat(), headers={"authorization": f"Bearer {token}"}))


async def test_a_key_reports_for_its_own_practice_alone(client: httpx.AsyncClient, shared_house: House) -> None:
    other = await enrol(shared_house, "Another")
    await client.post(URL, json=beat(practice_id=str(other.practice.practice_id)))
    assert (
        await shared_house.owner.fetchval(
            "SELECT count(*) FROM heartbeat WHERE practice_id = $1", other.practice.practice_id
        )
        == 0
    )


async def test_only_what_changed_is_written_again(client: httpx.AsyncClient, shared_house: House) -> None:
    same = {"endpoint": json.loads(endpoint(new_id()).model_dump_json())}
    for seq in range(3):
        await client.post(URL, json=beat(seq, **same))
    failed = json.loads(backup(status=RunStatus.FAILED).model_dump_json(exclude_none=True))
    await client.post(URL, json=beat(3, backups=[failed], **same))
    kinds = await shared_house.owner.fetch("SELECT kind, count(*) FROM section GROUP BY kind ORDER BY kind")
    assert [tuple(row) for row in kinds] == [("backups", 2), ("endpoint", 1)]
    assert await shared_house.owner.fetchval("SELECT count(*) FROM wake") == 2


async def test_a_new_interval_wakes_the_worker(client: httpx.AsyncClient, shared_house: House) -> None:
    same = {"endpoint": json.loads(endpoint(new_id()).model_dump_json())}
    await client.post(URL, json=beat(0, interval_s=86_400, **same))
    await client.post(URL, json=beat(1, interval_s=60, **same))
    assert await shared_house.owner.fetchval("SELECT count(*) FROM wake") == 2


async def test_every_refusal_is_counted(shared_house: House, token: str) -> None:
    async with door(shared_house.database.url) as client:
        headers = {"authorization": f"Bearer {token}"}
        await client.post(URL, json={}, headers=headers)
        await client.post(URL, json=[{}], headers=headers)
        await client.post(URL, content=b"", headers={"content-encoding": "br"} | headers)
        metrics = (await client.get("/metrics")).text
    assert 'vigie_intake_refused_requests_total{status="415"} 1.0' in metrics
    assert 'vigie_intake_refused_requests_total{status="422"} 2.0' in metrics


async def test_health_and_metrics_answer(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).text == "alive"
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "ok"})
    await client.post(URL, json=beat())
    assert 'vigie_intake_heartbeats_total{outcome="stored"}' in (await client.get("/metrics")).text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", URL, 405), ("POST", "/v1/nothing", 404)])
async def test_what_is_not_there_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", URL, 405), ("HEAD", URL, 405), ("PUT", URL, 405), ("POST", f"{URL}/", 404), ("POST", "/v1/nothing", 404)],
)
async def test_another_method_or_address_is_a_problem_and_leads_nowhere(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "location" not in answer.headers
