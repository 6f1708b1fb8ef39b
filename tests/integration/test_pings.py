"""Pings over HTTP: every action, every answer, and what is kept of what they say."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest

from collector.administer import Deed, enrol_operator, revoke_key
from collector.intake import group_commit, incoming
from collector.intake.admission import TOKEN_BYTES
from tests.factories import job_policy
from tests.integration.house import House, count, enrol, rows, schedule, until
from tests.integration.pinging import RESTIC, SECRET, Script, client, enrolled, now, opt, places, said, script
from tests.integration.test_intake import URL, beat, door

__all__ = ["client", "script"]

METHODS = ("HEAD", "GET", "POST")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", ["", "/", "/start", "/fail", "/log", "/0", "/255", f"/start?rid={UUID(int=7)}"])
async def test_every_action_is_answered_by_every_method(script: Script, method: str, what: str) -> None:
    answer = await script.ping(what, method)
    assert said(answer) == (200, "" if method == "HEAD" else "OK")
    assert answer.headers["ping-body-limit"] == "100000"
    assert await count(script.house, "section") == (0 if what == "/log" else 1)


@pytest.mark.parametrize(
    ("what", "status", "tool", "message"),
    [
        ("/start", "running", "ping", None),
        ("", "success", "ping", None),
        ("/0", "success", "ping", None),
        ("/fail", "failed", "ping", None),
        ("/1", "failed", "ping", "exit code 1"),
        ("/255", "failed", "ping", "exit code 255"),
    ],
)
async def test_a_ping_is_a_run_and_committed_before_it_is_answered(
    script: Script, what: str, status: str, tool: str, message: str | None
) -> None:
    await script.ping(what)
    (row,) = await rows(script.house, "SELECT kind, endpoint_id, received_at, body FROM section")
    (run,) = json.loads(row["body"])
    assert (row["kind"], row["endpoint_id"]) == ("ping", None)
    assert (run["job"], run["status"], run["tool"], run["message"]) == ("daily", status, tool, message)
    told = run["started_at"] if status == "running" else run["finished_at"]
    assert datetime.fromisoformat(told) == row["received_at"]
    assert await script.house.owner.fetchval("SELECT count(*) FROM wake WHERE heartbeat_id IS NOT NULL") == 1
    assert [await count(script.house, table) for table in ("heartbeat", "accepted")] == [0, 1]


async def test_figures_are_read_and_the_tool_is_named(script: Script) -> None:
    await script.ping(content=RESTIC)
    run = (await script.known()).last_good
    assert run is not None
    assert (run.bytes_total, run.bytes_added, run.files_total, run.files_changed) == (1024, 7, 9, 3)
    assert (await script.known()).tool == "restic"
    await script.ping(headers={"user-agent": "borgmatic"})
    assert (await script.known()).tool == "borgmatic"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("{job}/256", (400, "invalid url format")),
        ("{job}/stop", (400, "invalid url format")),
        ("{job}/start/now/then", (400, "invalid url format")),
        ("{key}/Daily", (400, "invalid url format")),
        ("{key}/" + "a" * 101, (400, "invalid url format")),
        ("{key}", (400, "invalid url format")),
        ("{job}?rid=7", (400, "invalid uuid format")),
        ("nonsense", (400, "invalid uuid format")),
        ("", (400, "invalid uuid format")),
        ("{other}", (404, "not found")),
        ("{key}/unknown", (404, "not found")),
        ("{key}/unknown?create=0", (404, "not found")),
        ("{job}0/start", (404, "not found")),
        ("{practice}/daily", (404, "not found")),
        ("{operator}/daily", (404, "not found")),
        ("nonsense/daily?create=1", (404, "not found")),
    ],
)
async def test_what_is_no_ping_of_a_known_job_is_refused_in_words_that_clients_know(
    script: Script, path: str, answer: tuple[int, str]
) -> None:
    async with script.house.owner.acquire() as conn:
        operator = await enrol_operator(conn, "ada", Deed("ada", now()))
    practice = (await enrol(script.house, "Another")).key
    filled = path.format(job=script.job, key=script.key, other=uuid4(), practice=practice, operator=operator)
    assert said(await script.client.post("/ping/" + filled)) == answer
    assert await count(script.house, "section") == 0


async def test_a_revoked_key_is_not_found(script: Script) -> None:
    await script.ping()
    async with script.house.owner.acquire() as conn:
        for row in await conn.fetch("SELECT key_id FROM practice_key"):
            await revoke_key(conn, row["key_id"], Deed("test", now()))

    async def refused() -> bool:
        return said(await script.ping()) == (404, "not found")

    await until(refused)


async def test_what_may_not_be_sent_now_is_to_be_sent_later(house: House) -> None:
    async with door(house.database.url, practice_rate=0.01, practice_burst=1) as client:
        script = await enrolled(house, client)
        assert [said(await script.ping()) for _ in range(2)] == [(200, "OK")] * 2, "into debt by the last"
        answer = await script.ping()
        assert said(answer) == (429, "too many requests")
        assert int(answer.headers["retry-after"]) > 0


async def test_pings_use_up_nothing_of_what_agents_may_send(house: House) -> None:
    async with door(house.database.url, practice_rate=0.01, practice_burst=1) as client:
        script = await enrolled(house, client)
        while (await script.ping()).status_code == 200:
            pass
        signed = {"authorization": f"Bearer {script.enrolled.key}"}
        assert (await client.post(URL, json=beat(), headers=signed)).status_code == 202


@pytest.mark.parametrize(("size", "status"), [(10 * TOKEN_BYTES, 200), (10 * TOKEN_BYTES + 1, 429)])
async def test_a_large_body_counts_as_several_pings(house: House, size: int, status: int) -> None:
    async with door(house.database.url, practice_rate=1e-6, practice_burst=10) as client:
        script = await enrolled(house, client)
        assert said(await script.ping(content=b"a" * size)) == (200, "OK")
        assert (await script.ping()).status_code == status


async def test_a_key_that_is_revoked_while_its_body_comes_opens_nothing(script: Script) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        async with script.house.owner.acquire() as conn:
            for row in await conn.fetch("SELECT key_id FROM practice_key WHERE holder = 'job'"):
                await revoke_key(conn, row["key_id"], Deed("test", now()))

        async def refused() -> bool:
            return (await script.ping("/log")).status_code == 404

        await until(refused)
        yield b"b"

    assert said(await script.ping(content=slow())) == (404, "not found")
    assert await count(script.house, "section") == 0


async def test_a_full_queue_turns_pings_away_in_plain_text(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_REQUESTS", 0)
    answer = await script.ping()
    assert said(answer) == (503, "not stored, try again")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_database_that_is_away_is_told_in_plain_text() -> None:
    async with door("postgresql://nobody@127.0.0.1:1/nothing") as client:
        answer = await client.get(f"/ping/{uuid4()}")
        assert said(answer) == (503, "not stored, try again")
        assert int(answer.headers["retry-after"]) > 0


async def test_wrong_keys_are_not_looked_up_for_ever(client: httpx.AsyncClient, house: House) -> None:
    for _ in range(40):
        answer = await client.get(f"/ping/{uuid4()}")
        if answer.status_code == 429:
            break
        assert said(answer) == (404, "not found")
    assert said(answer) == (429, "too many requests")


async def test_a_body_that_does_not_come_in_time_is_not_waited_for(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "IDLE_S", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(30)
        yield b"b"

    answer = await script.ping(content=dripping())
    assert said(answer) == (408, "the body comes too slowly")
    assert await count(script.house, "section") == 0


async def test_a_warm_ping_asks_the_database_nothing(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy(endpoint_id=None))
    assert said(await script.ping()) == said(await script.ping_slug("daily")) == (200, "OK")
    async with script.house.owner.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE practice_key, job_slug, practice IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(5):
            assert said(await script.ping()) == said(await script.ping_slug("daily/start")) == (200, "OK")


async def test_nothing_of_a_body_is_kept_unless_the_practice_opts_in(script: Script) -> None:
    for what in ("/start", "/log", "", "/fail", "/1"):
        assert said(await script.ping(what, content=RESTIC)) == (200, "OK")
    await script.judged()
    assert await places(script.house, SECRET) == []
    assert await count(script.house, "section") == 4


async def test_what_pings_say_is_kept_with_the_run_of_a_practice_that_opted_in(script: Script) -> None:
    await opt(script, keep=True)
    before = (await script.judged()).seen.fold_no
    await script.ping("/log", content=b"a\x00b\xff")
    await script.ping("/3", content=RESTIC)
    await script.ping("/start")
    logs = [json.loads(row["body"]) for row in await rows(script.house, "SELECT body FROM section WHERE kind = 'log'")]
    assert {"job": "daily", "action": "log", "text": "ab\ufffd"} in logs
    assert {"job": "daily", "action": "3", "text": RESTIC} in logs
    assert len(logs) == 2
    known = await script.judged()
    assert known.seen.fold_no == before + 2, "a log changes nothing"
    assert await places(script.house, SECRET) == ["section"]
    await opt(script, keep=False)
    assert await places(script.house, SECRET) == []


async def test_nothing_is_kept_of_a_body_whose_practice_opts_out_while_it_comes(script: Script) -> None:
    await opt(script, keep=True)

    async def slow() -> AsyncIterator[bytes]:
        yield RESTIC.encode()
        await opt(script, keep=False)

        async def heard() -> bool:
            before = await count(script.house, "section")
            await script.ping("/log", content=b"anything")
            return await count(script.house, "section") == before

        await until(heard)
        yield b"the end"

    assert said(await script.ping(content=slow())) == (200, "OK")
    assert await places(script.house, SECRET) == []


async def test_a_body_over_the_limit_is_cut_off_and_not_refused(house: House) -> None:
    async with door(house.database.url, ping_body_limit=1_000) as client:
        script = await enrolled(house, client)
        await opt(script, keep=True)
        answer = await script.ping(content=RESTIC + "é" * 1_000_000)
        assert (said(answer), answer.headers["ping-body-limit"]) == ((200, "OK"), "1000")
    (log,) = await rows(house, "SELECT body FROM section WHERE kind = 'log'")
    assert len(json.loads(log["body"])["text"].encode()) <= 1_002, "half a letter at its end is replaced by one"
    run = (await script.known()).last_good
    assert run is not None
    assert run.bytes_total == 1024


async def test_the_document_names_every_shape_once_and_what_it_answers(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/ping/")}
    assert paths.keys() == {"/ping/{key}", "/ping/{key}/{slug_or_action}", "/ping/{key}/{slug}/{action}"}
    operations = [one for item in document["paths"].values() for one in item.values()]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for path, item in paths.items():
        assert item.keys() == {"get", "head", "post"}
        for method, operation in item.items():
            assert operation["responses"].keys() == {"200", "201", "400", "403", "404", "408", "409", "429", "503"}
            for response in operation["responses"].values():
                assert response.get("content", {}).keys() == (set() if method == "head" else {"text/plain"})
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == {step[1:-1] for step in path.split("/") if step.startswith("{")}


async def test_other_methods_are_not_allowed(script: Script) -> None:
    assert (await script.client.put(f"/ping/{script.job}")).status_code == 405
