"""Pings over HTTP: every answer, every action, and what they make of a job, through the judge."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from collector.administer import Deed, Enrolled, add_key, add_ping, enrol_operator, revoke_key, set_keep_logs
from collector.intake import beginning, group_commit
from collector.judge import Verdict
from collector.model.credential import Holder
from collector.model.finding import State
from collector.model.policy import Every
from collector.model.snapshot import JobState
from collector.model.standing import Standing
from collector.model.subject import job_subject
from collector.rules.standing import standing
from collector.store.configuration import load_policy
from collector.store.job_slugs import MOST_SLUGS
from tests.factories import ENDPOINT, HOUR, MINUTE, job_policy
from tests.integration.house import House, arrival, count, enrol, judge, rows, schedule, store, until
from tests.integration.test_intake import door

SAMPLES = Path(__file__).parents[1] / "samples"
METHODS = ("HEAD", "GET", "POST")
SECRET = "Dupont_Jeanne_IRM"
RESTIC = f'open /srv/{SECRET}.pdf\n{{"message_type":"summary","files_new":2,"files_changed":1,"data_added":7,'
RESTIC += '"total_files_processed":9,"total_bytes_processed":1024}\n'


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Script:
    """A practice, and what its scripts know: a job's URL and a key for slugs."""

    house: House
    client: httpx.AsyncClient
    enrolled: Enrolled
    job: str
    key: str

    @property
    def practice_id(self) -> UUID:
        return self.enrolled.practice.practice_id

    async def ping(self, what: str = "", method: str = "POST", **more: Any) -> httpx.Response:
        return await self.client.request(method, f"/ping/{self.job}{what}", **more)

    async def ping_slug(self, what: str, **more: Any) -> httpx.Response:
        return await self.client.post(f"/ping/{self.key}/{what}", **more)

    async def judged(self, at: datetime | None = None) -> Verdict:
        return await judge(self.house, self.practice_id, at or now())

    async def known(self, job: str = "daily") -> JobState:
        return (await self.judged()).seen.jobs[job_subject(None, job)]

    async def reasons(self, at: datetime | None = None) -> set[str]:
        return {f"{one.rule}.{one.reason}" for one in (await self.judged(at)).incidents if one.lasts}


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with door(house.database.url) as opened:
        yield opened


@pytest.fixture
async def script(house: House, client: httpx.AsyncClient) -> Script:
    return await enrolled(house, client)


async def enrolled(house: House, client: httpx.AsyncClient) -> Script:
    enrolled = await enrol(house)
    deed = Deed("test", now())
    async with house.owner.acquire() as conn:
        job = await add_ping(conn, enrolled.practice, None, "daily", deed)
        key = await add_key(conn, enrolled.practice, Holder.SCRIPT, deed)
    return Script(house, client, enrolled, str(job), str(key))


def said(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["ping-body-limit"].isdecimal()
    return answer.status_code, answer.text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("what", ["", "/", "/start", "/fail", "/log", "/0", "/255", "/start?rid=" + str(uuid4())])
async def test_every_action_is_answered_by_every_method(script: Script, method: str, what: str) -> None:
    assert said(await script.ping(what, method)) == (200, "" if method == "HEAD" else "OK")
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
    monkeypatch.setattr(beginning, "IDLE_S", 0.05)

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


async def test_a_slug_is_the_folded_name_of_a_scheduled_job(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("Base de données", endpoint_id=None))
    assert said(await script.ping_slug("base-de-donnees/0")) == (200, "OK")
    assert (await script.known("Base de données")).last_good is not None


async def test_a_slug_of_one_machine_is_that_machines_job(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("daily"))
    assert said(await script.ping_slug("daily")) == (200, "OK")
    assert list((await script.judged()).seen.jobs) == [job_subject(ENDPOINT, "daily")]


async def test_a_slug_of_two_machines_is_ambiguous_until_the_whole_practice_has_it(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("daily"))
    await schedule(script.house, script.enrolled, job_policy("daily", endpoint_id=uuid4()))
    assert said(await script.ping_slug("daily?create=1")) == (409, "ambiguous slug")
    assert await count(script.house, "section") == 0
    await schedule(script.house, script.enrolled, job_policy("daily", endpoint_id=None))

    async def understood() -> bool:
        return said(await script.ping_slug("daily")) == (200, "OK")

    await until(understood)
    assert (await script.known()).last_good is not None


async def test_a_job_is_created_once_and_grey_until_it_is_scheduled(script: Script) -> None:
    assert said(await script.ping_slug("nas-photos?create=1")) == (201, "Created")
    assert said(await script.ping_slug("nas-photos?create=1")) == (200, "OK")
    assert said(await script.ping_slug("nas-photos/start")) == (200, "OK")
    assert await stands(script, "nas-photos") == (State.UNKNOWN, "never_scheduled")
    policy = job_policy("nas-photos", endpoint_id=None, since=now())
    await schedule(script.house, script.enrolled, policy, now())
    assert await stands(script, "nas-photos") == (State.OK, None)
    assert await count(script.house, "job_slug") == 1


async def stands(script: Script, job: str) -> tuple[State, str | None]:
    known = await standing_of(script)
    (one,) = (one for one in known.jobs if one.job == job)
    return one.state, one.reason


async def standing_of(script: Script) -> Standing:
    verdict = await script.judged()
    async with script.house.owner.acquire() as conn:
        policy = await load_policy(conn, script.practice_id)
    assert policy is not None
    return standing(verdict.seen, policy, verdict.evaluation.findings, now())


async def test_a_practice_that_only_pings_is_grey_since_its_machines_are_unknown(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy(endpoint_id=None, since=now()))
    await script.ping()
    assert await stands(script, "daily") == (State.OK, None)
    known = await standing_of(script)
    assert (known.state, known.reason) == (State.UNKNOWN, "machines_unknown")


async def test_a_job_created_by_many_at_once_is_one(script: Script) -> None:
    answers = await asyncio.gather(*(script.ping_slug("nas?create=1") for _ in range(20)))
    assert sorted(said(one) for one in answers) == [(200, "OK")] * 19 + [(201, "Created")]
    assert await count(script.house, "job_slug") == 1
    assert await count(script.house, "section") == 20


async def test_a_practice_has_so_many_jobs_and_no_more(script: Script) -> None:
    await script.house.owner.execute(
        """INSERT INTO job_slug (practice_id, slug, subject, job)
           SELECT $1, 'n-' || n, 'job:-:n-' || n, 'n-' || n FROM generate_series(2, $2) AS n""",
        script.practice_id,
        MOST_SLUGS,
    )
    assert said(await script.ping_slug("last?create=1")) == (201, "Created")
    status, text = said(await script.ping_slug("one-more?create=1"))
    assert (status, str(MOST_SLUGS) in text) == (403, True)
    assert said(await script.ping_slug("n-2?create=1")) == (200, "OK")


async def test_nothing_of_a_body_is_kept_unless_the_practice_opts_in(script: Script) -> None:
    for what in ("/start", "/log", "", "/fail", "/1"):
        assert said(await script.ping(what, content=RESTIC)) == (200, "OK")
    await script.judged()
    assert await places(script.house, SECRET) == []
    assert await count(script.house, "section") == 4


async def places(house: House, text: str) -> list[str]:
    """The tables with a row that says it, in any column."""
    tables = await rows(house, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'vigie'")
    asked = {row["name"]: f'SELECT count(*) FROM "{row["name"]}" AS t WHERE t::text LIKE $1' for row in tables}  # noqa: S608
    return [name for name, question in asked.items() if await house.owner.fetchval(question, f"%{text}%")]


async def opt(script: Script, *, keep: bool) -> None:
    async with script.house.owner.acquire() as conn:
        await set_keep_logs(conn, script.enrolled.practice, Deed("test", now()), keep=keep)


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


def hourly(ago: timedelta, grace: timedelta = MINUTE) -> Any:
    return job_policy("daily", Every(period=HOUR), grace=grace, since=now() - ago, endpoint_id=None)


async def test_a_ping_closes_what_was_missed(script: Script) -> None:
    await schedule(script.house, script.enrolled, hourly(2 * HOUR))
    assert await script.reasons() == {"backup_missed.never_reported"}
    await script.ping()
    assert await script.reasons() == set()
    assert await script.reasons(now() + HOUR) == set()
    assert await script.reasons(now() + HOUR + 2 * MINUTE) == {"backup_missed.not_run"}


@pytest.mark.parametrize("failure", ["/fail", "/1"])
async def test_a_failure_is_an_incident_until_a_run_goes_well(script: Script, failure: str) -> None:
    await schedule(script.house, script.enrolled, hourly(MINUTE))
    await script.ping(failure)
    assert await script.reasons() == {"backup_failed.failed"}
    await script.ping("/start")
    await script.ping("/log")
    assert await script.reasons() == {"backup_failed.failed"}
    await script.ping("/0")
    assert await script.reasons() == set()


async def test_a_late_start_does_not_extend_the_deadline(script: Script) -> None:
    late = hourly(90 * MINUTE, grace=HOUR)
    await schedule(script.house, script.enrolled, late)
    await script.ping("/start")
    missed_at = late.since + 2 * HOUR
    assert await script.reasons(missed_at - timedelta(seconds=1)) == set()
    assert await script.reasons(missed_at) == {"backup_missed.still_running"}
    await script.ping()
    assert await script.reasons(missed_at) == set()


async def test_a_start_and_its_end_measure_the_run(script: Script) -> None:
    await script.ping("/start")
    started = (await script.known()).running_since
    assert started is not None
    await script.ping()
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (None, started)
    await script.ping()
    again = (await script.known()).last_run
    assert again is not None
    assert again.started_at is None, "no start of its own"


async def test_runs_that_overlap_are_told_apart_by_their_ids(script: Script) -> None:
    one, other = f"?rid={uuid4()}", f"?rid={uuid4()}"
    await script.ping(f"/start{one}")
    first = (await script.known()).running_since
    await script.ping(f"/start{other}")
    second = (await script.known()).running_since
    await script.ping(one)
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (second, first)
    await script.ping(f"/0{other}")
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (None, second)


async def test_a_ping_tells_nothing_of_a_machine(script: Script) -> None:
    """An agent and a ping of one machine's job: the ping is no sign of the machine's life."""
    async with script.house.owner.acquire() as conn:
        await store(script.house, arrival(script.practice_id, received_at=now() - HOUR))
        await judge(script.house, script.practice_id, now())
        key = await add_ping(conn, script.enrolled.practice, ENDPOINT, "imaging", Deed("test", now()))
    await script.client.get(f"/ping/{key}")
    verdict = await script.judged()
    assert verdict.seen.jobs[job_subject(ENDPOINT, "imaging")].last_good is not None
    assert {one.rule for one in verdict.evaluation.findings} == {"heartbeat_missing"}


def recorded() -> list[Any]:
    """Every request that borgmatic made, a run after the other."""
    lines = (SAMPLES / "borgmatic/borgmatic_healthchecks_requests.jsonl").read_text().splitlines()
    return [request for line in lines if "mark" not in (request := json.loads(line))]


async def test_every_request_of_borgmatic_is_understood(script: Script) -> None:
    statuses = []
    for request in recorded():
        path = request["path"].replace("5d8a0f0e-0000-4000-8000-000000000001", script.job)
        path = path.replace("/ping-key-abc", f"/ping/{script.key}")
        headers = {name: value for name, value in request["headers"].items() if name not in ("Host", "Content-Length")}
        answer = await script.client.request(request["method"], path, headers=headers, content=request["body"])
        assert answer.is_success, (path, answer.text)
        known = (await script.judged()).seen.jobs.get(job_subject(None, "daily"))
        statuses.append((known.running_since is not None, known.last_run and known.last_run.status) if known else None)
    running, success, failed = (True, "success"), (False, "success"), (False, "failed")
    assert statuses == [
        (True, None), (True, None), success,
        success,  # the slug's is another job
        running, running, failed,
        (True, "failed"), success,
    ]  # fmt: skip
    assert await count(script.house, "job_slug") == 1


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
