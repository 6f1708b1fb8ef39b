"""Too much at the door: what is turned away, who is served all the same, and that it is a matter of time alone."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.administer import Deed, revoke_key
from collector.intake import front, group_commit, incoming
from collector.intake.body import SINGLE_LIMIT
from collector.intake.front import Front
from collector.intake.incoming import BATCH_LIMIT
from collector.problems import problem, refusal
from collector.store.intake import append
from tests.integration.house import House, count, enrol, until
from tests.integration.test_intake import URL, beat, door


@pytest.fixture(autouse=True)
def short_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HOLD_S", 0.01)


@pytest.fixture
async def headers(house: House) -> dict[str, str]:
    return {"authorization": f"Bearer {(await enrol(house)).key}"}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_REQUESTS", 0)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("authorization", [None, "nonsense"], ids=["its key", "no key"])
async def test_when_too_much_waits_whatever_comes_is_turned_away_unread(
    house: House, headers: dict[str, str], authorization: str | None
) -> None:
    sent = {"authorization": authorization} if authorization else headers
    async with door(house.database.url) as client:
        answer = await client.post(URL, content=b"{", headers=sent)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:vigie:overloaded")
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("full")
async def test_who_watches_the_collector_is_always_answered(house: House) -> None:
    async with door(house.database.url) as client:
        seen = [(await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics", "/openapi.json")]
    assert seen == [200, 200, 200, 503]


@pytest.mark.usefixtures("full")
async def test_what_is_turned_away_is_counted(house: House, headers: dict[str, str]) -> None:
    async with door(house.database.url) as client:
        await client.post(URL, json=beat(), headers=headers)
        assert 'vigie_intake_refused_requests_total{status="503"} 1.0' in (await client.get("/metrics")).text


async def test_what_was_turned_away_is_taken_when_there_is_room(
    house: House, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = beat()
    async with door(house.database.url) as client:
        with monkeypatch.context() as full:
            full.setattr(group_commit, "MOST_REQUESTS", 0)
            assert (await client.post(URL, json=sent, headers=headers)).status_code == 503
        assert (await client.post(URL, json=sent, headers=headers)).status_code == 202
    assert await count(house, "section") == 2  # the first try had left nothing in memory


@pytest.mark.parametrize(("batches", "status"), [(2, 503), (1, 202)])
async def test_a_batch_that_finds_no_room_is_refused_and_a_single_one_is_not(
    house: House, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch, batches: int, status: int
) -> None:
    """The first batch is held up in the database."""
    monkeypatch.setattr(group_commit, "SMALL", 1)
    held, go = asyncio.Event(), asyncio.Event()

    async def slow(conn: Any, arrivals: Any) -> Any:
        if len(arrivals) > 1:
            held.set()
            await go.wait()
        return await append(conn, arrivals)

    monkeypatch.setattr(group_commit, "append", slow)
    async with door(house.database.url, intake_queue=3) as client:
        first = asyncio.create_task(client.post(URL, json=[beat(), beat(1)], headers=headers))
        await held.wait()
        second = await client.post(URL, json=[beat(n) for n in range(batches)], headers=headers)
        single = await client.post(URL, json=beat(), headers=headers)
        go.set()
        assert (second.status_code, single.status_code, (await first).status_code) == (status, 202, 202)


async def test_a_practice_that_sends_too_fast_waits_and_others_do_not(house: House, headers: dict[str, str]) -> None:
    other = {"authorization": f"Bearer {(await enrol(house, 'Another')).key}"}
    async with door(house.database.url, practice_rate=0.01, practice_burst=3) as client:
        batch = await client.post(URL, json=[beat(n) for n in range(5)], headers=headers)
        refused = await client.post(URL, content=b"{", headers=headers)
        elsewhere = await client.post(URL, json=beat(), headers=other)
    assert (batch.status_code, refused.status_code, elsewhere.status_code) == (202, 429, 202)
    assert refused.json()["type"] == "urn:vigie:too_fast"
    assert 100 < int(refused.headers["retry-after"]) <= 201
    assert await count(house, "heartbeat") == 6


async def test_bytes_count_as_well_as_heartbeats(house: House, headers: dict[str, str]) -> None:
    padded = beat(padding="x" * 100_000)
    async with door(house.database.url, practice_rate=0.01, practice_burst=3) as client:
        assert (await client.post(URL, json=padded, headers=headers)).status_code == 202
        assert (await client.post(URL, json=beat(), headers=headers)).status_code == 429


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (gzip.compress(b" " * (BATCH_LIMIT + 1)), {"content-encoding": "gzip"}, 413),
        (gzip.compress(b" " * BATCH_LIMIT)[:-1], {"content-encoding": "gzip"}, 400),
        (b" " * (SINGLE_LIMIT + 1), {}, 413),
    ],
    ids=["a bomb", "cut", "too large"],
)
async def test_what_cannot_be_read_counts_by_its_bytes(
    house: House, headers: dict[str, str], body: bytes, more: dict[str, str], status: int
) -> None:
    """Otherwise a key could have it inflated for ever."""
    async with door(house.database.url, practice_rate=0.01, practice_burst=30) as client:
        seen = [(await client.post(URL, content=body, headers=headers | more)).status_code for _ in range(2)]
    assert seen == [status, 429]


async def test_a_key_that_is_revoked_while_a_slow_body_comes_reports_nothing(house: House) -> None:
    key = (await enrol(house)).key
    sent = json.dumps(beat()).encode()

    async def slow() -> AsyncIterator[bytes]:
        yield sent[:10]
        async with house.owner.acquire() as conn:
            await revoke_key(conn, key.key_id, Deed("test", datetime.now(UTC)))
        await until(refused)
        yield sent[10:]

    async def refused() -> bool:
        return (await client.post(URL, json=beat(), headers=headers)).status_code == 401

    headers = {"authorization": f"Bearer {key}"}
    async with door(house.database.url) as client:
        answer = await client.post(URL, content=slow(), headers=headers)
    assert answer.status_code == 401
    assert await house.owner.fetchval("SELECT count(*) FROM heartbeat WHERE id = $1", json.loads(sent)["id"]) == 0


async def test_a_body_that_does_not_come_in_time_is_408(
    house: House, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "IDLE_S", 0.02)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(0.2)
        yield b"}"

    async with door(house.database.url) as client:
        answer = await client.post(URL, content=slow(), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (408, "urn:vigie:too_slow")
    assert answer.headers["connection"] == "close"


class Door:
    """One that is full, or tells to come later."""

    def __init__(self, *, full: bool) -> None:
        self.full = full

    def turn_away(self) -> Any:
        return refusal(problem(503, "overloaded", "Too much waits", "Later."))

    async def answer(self, _: object, __: object) -> Any:
        return refusal(problem(429, "too_fast", "Too much at once", "Later."))


class Client:
    """A request whose body comes in pieces, and what it is answered."""

    def __init__(self, pieces: int, *, full: bool) -> None:
        self.scope = {"type": "http", "path": URL, "method": "POST", "headers": [], "state": {"door": Door(full=full)}}
        self.left = pieces
        self.gone = asyncio.Event()
        self.status: int | None = None

    async def receive(self) -> dict[str, Any]:
        if self.left:
            self.left -= 1
            return {"type": "http.request", "body": b"x", "more_body": self.left > 0}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)

    async def taken(self) -> bool:
        return self.left == 0


async def _nobody(*_: object) -> None:
    raise AssertionError("it is not for the application")


@pytest.mark.parametrize(("full", "status"), [(True, 503), (False, 429)])
async def test_who_is_to_come_later_is_held_and_the_body_dropped(
    monkeypatch: pytest.MonkeyPatch, *, full: bool, status: int
) -> None:
    monkeypatch.setattr(front, "HOLD_S", 0.2)
    client = Client(5, full=full)
    request = asyncio.create_task(Front(_nobody)(client.scope, client.receive, client.send))
    await until(client.taken)
    assert client.status is None
    await request
    assert client.status == status


async def test_a_held_client_that_goes_away_is_held_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HOLD_S", 3_600.0)
    client = Client(1, full=True)
    request = asyncio.create_task(Front(_nobody)(client.scope, client.receive, client.send))
    await until(client.taken)
    client.gone.set()
    async with asyncio.timeout(10):
        await request


async def test_beyond_so_many_nobody_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "HOLD_S", 3_600.0)
    monkeypatch.setattr(front, "MOST_HELD", 1)
    gate = Front(_nobody)
    held, turned = Client(1, full=True), Client(1, full=True)
    waiting = asyncio.create_task(gate(held.scope, held.receive, held.send))
    await until(held.taken)
    async with asyncio.timeout(10):
        await gate(turned.scope, turned.receive, turned.send)
    assert (turned.status, held.status) == (503, None)
    held.gone.set()
    await waiting
