"""Ten thousand hostile requests at a real deployment: never a 5xx, never a hang, and nothing stored by half."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from collector.administer import Deed, add_key, add_ping, enrol_operator, enrol_practice, set_keep_logs
from collector.model.credential import Holder
from collector.model.heartbeat import Heartbeat
from collector.store.connect import Connection, connect
from deploy.local import Services
from tests.acceptance import hostile, hostile_http
from tests.acceptance.conftest import eventually
from tests.acceptance.exchange import Answer, exchange
from tests.acceptance.hostile import Kind, Knock, Knocker
from tests.acceptance.process import Process
from tests.conftest import Database, Server, _fresh

SEED = 20_261_121
ONE_WRONG_VALUE = 4_500
AT_ONCE = 16
ASKED_AGAIN = 5
PRACTICES = 6
# The collector's own limit is 150 MB under honest load; sixteen bodies of eight megabytes at once come on top.
MOST_MEMORY_MB = 300

# Nobody is told to come back later here.
UNHURRIED = {"PRACTICE_RATE": "1e6", "PRACTICE_BURST": "1e9"}
SECTIONS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(one.rebuild_annotation())
    for name, one in Heartbeat.model_fields.items()
    if name in ("endpoint", "backups", "restore_tests", "patches", "protection", "alerts")
}

SHARES: dict[Kind, int] = {
    hostile.several: 700,
    hostile.batch: 700,
    hostile.twins: 100,
    hostile.lines: 500,
    hostile.zipped: 400,
    hostile.bomb: 60,
    hostile.nested: 400,
    hostile.nested_in_valid: 100,
    hostile.literal: 600,
    hostile.duplicated: 300,
    hostile.charset: 200,
    hostile.noise: 600,
    hostile.sizes: 150,
    hostile_http.headers: 300,
    hostile_http.keys: 200,
    hostile_http.framing: 250,
    hostile_http.targets: 300,
    hostile_http.garbage: 100,
    hostile_http.pings: 600,
}


@dataclass(repr=False)
class Told:
    """What the door said: of each kind how often which status, and which heartbeats it took."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)  # what was sent, by what is wrong
    accepted: dict[UUID, tuple[datetime, Heartbeat]] = field(default_factory=dict)
    pings: int = 0
    unanswered: set[UUID] = field(default_factory=set)

    def add(self, knock: Knock, answer: Answer) -> None:
        self.statuses.setdefault(knock.kind, Counter())[answer.status] += 1
        if answer.status >= 500 or (answer.status == 0 and not knock.cut):
            self.fault(knock, f"{answer.status} {answer.body[:300]!r}")
        if knock.tells and answer.status in (200, 201):
            self.pings += 1
        if answer.status == 0 and knock.body:
            self.unanswered.update(Heartbeat.model_validate_json(one).id for one in knock.items)
        if answer.status == 202:
            self._take(knock, json.loads(answer.body))

    def fault(self, knock: Knock, what: str) -> None:
        self.faults.setdefault(f"{knock.kind}: {what}", []).append(f"{knock.sent[:600]!r} ... {knock.sent[-200:]!r}")

    def _take(self, knock: Knock, told: dict[str, Any]) -> None:
        results = told.get("results", [told])
        try:
            items = knock.items
        except ValueError as error:
            self.fault(knock, f"accepted what is not JSON ({error})")
            return
        if len(items) != len(results):
            self.fault(knock, f"{len(results)} results for {len(items)} heartbeats")
            return
        for item, result in zip(items, results, strict=True):
            if result["status"] == "accepted":
                self._accept(knock, Heartbeat.model_validate_json(item), result)

    def _accept(self, knock: Knock, beat: Heartbeat, result: dict[str, Any]) -> None:
        received_at = datetime.fromisoformat(result["received_at"])
        if UUID(result["id"]) != beat.id:
            self.fault(knock, f"{beat.id} is answered as {result['id']}")
        first, _ = self.accepted.setdefault(beat.id, (received_at, beat))
        if first != received_at:
            self.fault(knock, f"{beat.id} was received at {first}, then at {received_at}")


def knocks(knockers: Sequence[Knocker]) -> Iterator[Knock]:
    """All of them, shuffled; the same ones with each run, but for their ids' time."""
    random = Random(SEED)  # noqa: S311 - repeatable
    kinds = list(hostile.everywhere(random, ONE_WRONG_VALUE))
    kinds += [kind for kind, share in SHARES.items() for _ in range(share)]
    random.shuffle(kinds)
    for kind in kinds:
        knock = kind(random, random.choice(knockers))
        yield knock
        if knock.body and not knock.cut and random.random() < 0.02:
            yield hostile.resend(knock)


async def patient_exchange(address: tuple[str, int], knock: Knock) -> Answer:
    """As a client does it: told that too much comes at once, and when to come again, it comes again."""
    for _ in range(ASKED_AGAIN):
        answer = await exchange(address, knock.sent, cut=knock.cut, source=knock.source)
        if answer.status != 503 or "retry-after" not in answer.headers:
            return answer
        await asyncio.sleep(int(answer.headers["retry-after"]))
    return answer


async def knock_all(address: tuple[str, int], made: Iterator[Knock], told: Told) -> None:
    async def one_after_another() -> None:
        for knock in made:
            try:
                told.add(knock, await patient_exchange(address, knock))
            except TimeoutError:
                told.fault(knock, "no answer")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one_after_another())


@dataclass(frozen=True)
class Attacked:
    """A deployment that has been through it, and what it said."""

    told: Told
    collector: Process
    worker: Process
    api: Process
    database: Database
    operator: str


async def _enrolled(database_url: str) -> tuple[list[Knocker], str]:
    conn = await connect(database_url)
    try:
        deed = Deed("test", datetime.now(UTC))
        knockers = [await _knocker(conn, f"Cabinet {n}", deed) for n in range(PRACTICES)]
        return knockers, str(await enrol_operator(conn, "Ada", deed))
    finally:
        await conn.close()


async def _knocker(conn: Connection, name: str, deed: Deed) -> Knocker:
    enrolled = await enrol_practice(conn, name, "Europe/Paris", deed)
    script = await add_key(conn, enrolled.practice, Holder.SCRIPT, deed)
    job = await add_ping(conn, enrolled.practice, None, "nightly", deed)
    await set_keep_logs(conn, enrolled.practice, deed, keep=name.endswith("0"))
    return Knocker(str(enrolled.key), pings=(f"/ping/{script}", f"/ping/{job}"))


@pytest.fixture(scope="module")
async def attacked(
    server: Server, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Attacked]:
    logs = tmp_path_factory.mktemp("hostile")
    async with (
        _fresh(server) as database,
        Process("collector", logs, database.url, **UNHURRIED) as collector,
        Process("worker", logs, database.url, REDIS_URL=services.redis_url) as worker,
        Process("api", logs, database.url) as api,
    ):
        knockers, operator = await _enrolled(database.url)
        told = Told()
        await knock_all(("127.0.0.1", collector.port), knocks(knockers), told)
        _show(told, collector.highest_memory_mb)
        yield Attacked(told, collector, worker, api, database, operator)


def _show(told: Told, memory_mb: float) -> None:
    table = Table("kind", "requests", "answers", title=f"{sum(one.total() for one in told.statuses.values())} requests")
    for kind, seen in sorted(told.statuses.items()):
        answers = ", ".join(f"{status or 'closed'}: {count}" for status, count in sorted(seen.items()))
        table.add_row(kind, str(seen.total()), answers)
    Console(width=140).print(
        table, f"{len(told.accepted)} heartbeats and {told.pings} pings accepted; {memory_mb:.0f} MB"
    )


def test_ten_thousand_hostile_requests_are_answered_in_time_and_never_with_a_fault(attacked: Attacked) -> None:
    told = attacked.told
    assert sum(one.total() for one in told.statuses.values()) >= 10_000
    wrong = [f"{len(sent)} times {what}, like {sent[0]}" for what, sent in told.faults.items()]
    assert not wrong, "\n\n".join(wrong)
    assert 429 not in {status for seen in told.statuses.values() for status in seen}, (
        "these must not be told apart by rate"
    )


def test_what_is_hostile_is_let_in_where_it_keeps_the_contract_and_nowhere_else(attacked: Attacked) -> None:
    """Otherwise the rest of this file would look at nothing."""
    statuses = attacked.told.statuses
    for kind in ("one wrong value", "array of good and bad", "lines", "odd literals", "noise", "a key twice"):
        assert {202, 422} <= statuses[kind].keys(), kind
    assert statuses["odd keys"].keys() == {401}
    assert statuses["gzip, a bomb"].keys() <= {400, 413, 422}


def test_the_collector_lives_in_bounded_memory(attacked: Attacked) -> None:
    assert attacked.collector.lives
    assert attacked.collector.highest_memory_mb < MOST_MEMORY_MB


async def test_what_was_accepted_is_what_is_stored(attacked: Attacked) -> None:
    """And nothing else; an answer that was lost on its way may be one or the other."""
    owner, told = attacked.database.owner, attacked.told
    beats = {row["id"]: row["received_at"] for row in await owner.fetch("SELECT id, received_at FROM heartbeat")}
    assert len(beats) == await owner.fetchval("SELECT count(*) FROM heartbeat")
    assert {key: at for key, at in beats.items() if key not in told.unanswered} == {
        key: at for key, (at, _) in told.accepted.items() if key not in told.unanswered
    }
    accepted = {row["id"]: row["received_at"] for row in await owner.fetch("SELECT id, received_at FROM accepted")}
    told_otherwise = await owner.fetch("SELECT heartbeat_id FROM section WHERE kind IN ('ping', 'mail', 'log')")
    assert accepted.keys() == beats.keys() | {row["heartbeat_id"] for row in told_otherwise}
    assert {key: accepted[key] for key in beats} == beats


async def test_each_acknowledged_ping_is_one_run(attacked: Attacked) -> None:
    runs = await attacked.database.owner.fetch("SELECT body FROM section WHERE kind = 'ping'")
    assert len(runs) == attacked.told.pings > 0
    assert all(len(SECTIONS["backups"].validate_json(row["body"])) == 1 for row in runs)


async def test_each_section_can_be_read_back_as_it_was_sent(attacked: Attacked) -> None:
    rows = await attacked.database.owner.fetch("SELECT heartbeat_id, kind, body FROM section")
    stored: dict[UUID, dict[str, str]] = {}
    for row in rows:
        stored.setdefault(row["heartbeat_id"], {})[row["kind"]] = row["body"]
    for key, (_, beat) in attacked.told.accepted.items():
        for kind, read in SECTIONS.items():
            sent = getattr(beat, kind)
            written = stored[key].get(kind)
            assert (None if written is None else read.validate_json(written)) == sent, (key, kind)


async def test_what_was_stored_is_judged_without_a_failure(attacked: Attacked) -> None:
    owner = attacked.database.owner

    async def rested() -> bool | None:
        return None if await owner.fetchval("SELECT count(*) FROM wake") else True

    await eventually(rested, f"every practice judged:\n{attacked.worker.last_words}")
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"{attacked.worker.url}/metrics")).text
    assert [line for line in metrics.splitlines() if line.startswith("vigie_worker_failures_total")] == []
    folded = await owner.fetch("SELECT heartbeat_id, count(*) FROM folded GROUP BY 1")
    assert {row["count"] for row in folded} == {1}
    assert {row["heartbeat_id"] for row in folded} >= attacked.told.accepted.keys()


async def test_pages_show_what_was_stored(attacked: Attacked) -> None:
    """After the judging: names, messages and instants of hostile machines."""
    headers = {"authorization": f"Bearer {attacked.operator}"}
    async with httpx.AsyncClient(base_url=attacked.api.url, headers=headers, timeout=30) as client:
        listed = (await client.get("/v1/practices")).raise_for_status().json()["items"]
        assert len(listed) == PRACTICES
        paths = [f"/v1/practices/{one['practice_id']}" for one in listed] + ["/v1/incidents", "/v1/tickets"]
        for path in paths:
            assert (await client.get(path)).status_code == 200, path
