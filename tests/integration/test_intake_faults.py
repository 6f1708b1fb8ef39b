"""The door while the database is away, overloaded or refuses: nothing is acknowledged, and it heals by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NoReturn

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from collector.intake import group_commit
from collector.intake.group_commit import GroupCommit, OverloadedError
from collector.metrics import IntakeMetrics
from collector.store.connect import Connection, StoreAwayError, UnstorableError
from collector.store.intake import Arrival, Identity, SectionRow, append
from collector.store.migrate import apply_migrations, prepare
from deploy.local import Services
from tests.conftest import Database, Server, _admin
from tests.factories import MINUTE, PRACTICE, heartbeat
from tests.integration.house import PATIENCE_S, House, arrival, count, enrol, opened, until
from tests.integration.test_intake import URL, beat, door

NOBODY = f"Bearer vgp_{'0' * 16}_{'0' * 64}"


@asynccontextmanager
async def lanes(house: House, queue: int = 1_000) -> AsyncIterator[GroupCommit]:
    commit = GroupCommit(house.intake, IntakeMetrics(CollectorRegistry()), queue)
    running = asyncio.create_task(commit.run())
    yield commit
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def unstorable() -> tuple[SectionRow, ...]:
    return (SectionRow("backups", "{not json"),)


async def test_a_lane_survives_what_nobody_foresaw(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    with monkeypatch.context() as once:
        once.setattr(group_commit, "append", _surprised)
        async with lanes(house) as commit:
            async with asyncio.timeout(5):
                with pytest.raises(StoreAwayError):
                    await commit.store([arrival(practice_id)])
            once.undo()
            async with asyncio.timeout(5):
                assert await commit.store([arrival(practice_id)]) == {}


async def _surprised(*_: object) -> NoReturn:
    raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


async def test_a_row_that_the_store_refuses_sinks_no_neighbour(house: House) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    good = [arrival(practice_id, heartbeat(seq=n)) for n in range(4)]
    bad = arrival(practice_id)._replace(sections=unstorable())
    async with lanes(house) as commit:
        answers = await asyncio.gather(*(commit.store([one]) for one in [*good, bad]), return_exceptions=True)
    assert [type(answer) for answer in answers] == [dict] * 4 + [UnstorableError]
    assert await count(house, "heartbeat") == 4


async def test_those_who_wait_share_a_commit(house: House) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    registry = CollectorRegistry()
    commit = GroupCommit(house.intake, IntakeMetrics(registry), 1_000)
    waiting = [asyncio.create_task(commit.store([arrival(practice_id, heartbeat(seq=n))])) for n in range(50)]
    await asyncio.sleep(0)
    running = asyncio.create_task(commit.run())
    await asyncio.gather(*waiting)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    commits = registry.get_sample_value("vigie_intake_commit_heartbeats_count")
    assert await count(house, "heartbeat") == 50
    assert commits is not None
    assert commits <= 2


def _many(heartbeats: int) -> list[Arrival]:
    return [arrival(PRACTICE, heartbeat(seq=n)) for n in range(heartbeats)]


SECTION = len(arrival(PRACTICE).sections[0].body)


@pytest.mark.parametrize(
    ("bound", "value", "waiting", "fits", "too_much"),
    [
        ("MOST_REQUESTS", 3, [1, 1], 1, None),
        ("MOST_REQUESTS", 2, [1, 1], None, 1),
        ("MOST_BYTES", 3 * SECTION, [1, 1], 1, 2),
        ("SMALL", 1, [4, 4], 2, 3),  # of a queue of ten
        ("SMALL", 1, [5, 5], 1, 2),  # a small one finds room where a large one does not
    ],
)
async def test_beyond_a_bound_nothing_is_taken(
    monkeypatch: pytest.MonkeyPatch, house: House, bound: str, value: int, waiting: list[int],
    fits: int | None, too_much: int | None,
) -> None:  # fmt: skip
    """No lane runs, so what is queued stays queued."""
    monkeypatch.setattr(group_commit, bound, value)
    commit = GroupCommit(house.intake, IntakeMetrics(CollectorRegistry()), 10)
    async with asyncio.TaskGroup() as tasks:
        queued = [tasks.create_task(commit.store(_many(size))) for size in waiting]
        await asyncio.sleep(0)
        if too_much:
            with pytest.raises(OverloadedError):
                await commit.store(_many(too_much))
        if fits:
            queued.append(tasks.create_task(commit.store(_many(fits))))
            await asyncio.sleep(0)
            assert not queued[-1].done()
        for task in queued:
            task.cancel()


async def test_small_requests_do_not_wait_behind_large_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The large one that came first is held up in the database."""
    monkeypatch.setattr(group_commit, "append", _held_up_if_large)
    async with lanes(house) as commit:
        large = [asyncio.create_task(commit.store(_many(30))) for _ in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            assert await commit.store(_many(1)) == {}
        assert not any(task.done() for task in large)
        for task in large:
            task.cancel()


async def _held_up_if_large(conn: Connection, arrivals: Sequence[Arrival]) -> dict[Identity, datetime]:
    if len(arrivals) > group_commit.SMALL:
        await asyncio.Event().wait()
    return await append(conn, arrivals)


async def test_what_is_stored_makes_room_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_REQUESTS", 1)
    async with lanes(house) as commit:
        for n in range(3):
            assert not commit.full
            await commit.store([arrival(PRACTICE, heartbeat(seq=n))])
            await until(lambda: _is_empty(commit))


async def _is_empty(commit: GroupCommit) -> bool:
    return not commit.full


async def test_heartbeats_are_counted_once_and_reports_that_are_none_not_at_all(house: House) -> None:
    one = arrival(PRACTICE)
    async with lanes(house) as commit:
        await commit.store([one, arrival(PRACTICE), arrival(PRACTICE)._replace(beat=None)])
        await commit.store([one._replace(received_at=one.received_at + MINUTE)])
        assert commit.committed == 2


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(house: House) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    async with lanes(house, queue=1) as commit:
        assert await commit.store([arrival(practice_id, heartbeat(seq=n)) for n in range(50)]) == {}
    assert await count(house, "heartbeat") == 50


async def test_a_wrong_port_is_503_and_the_process_lives() -> None:
    async with door("postgresql://vigie@127.0.0.1:1/vigie") as client:
        answer = await client.post(URL, json=beat(), headers={"authorization": NOBODY})
        ready = await client.get("/readyz")
        alive = await client.get("/livez")
    assert (answer.status_code, answer.json()["type"], answer.headers["retry-after"]) == (
        503, "urn:vigie:store_away", "5",
    )  # fmt: skip
    assert answer.headers["content-type"] == "application/problem+json"
    assert (ready.status_code, alive.status_code) == (503, 200)


async def test_a_collector_that_starts_before_the_migrations_heals_by_itself(server: Server) -> None:
    await _admin(server, "CREATE DATABASE vigie_early")
    url = server.url_of("vigie_early")
    try:
        async with door(url) as client:
            early = await client.post(URL, json=beat(), headers={"authorization": NOBODY})
            await asyncio.to_thread(apply_migrations, url)
            await prepare(url)
            async with (
                asyncpg.create_pool(url, min_size=1, server_settings={"search_path": "vigie, public"}) as owner,
                opened(Database(url, owner)) as house,
            ):
                token = (await enrol(house)).key
            late = await client.post(URL, json=beat(), headers={"authorization": f"Bearer {token}"})
        assert (early.status_code, late.status_code) == (503, 202)
    finally:
        await _admin(server, "DROP DATABASE vigie_early WITH (FORCE)")


async def test_a_missing_database_is_not_ready(server: Server) -> None:
    async with door(server.url_of("vigie_missing")) as client:
        assert (await client.get("/readyz")).status_code == 503


async def test_a_database_that_went_away_and_came_back(fragile: Services, fragile_house: House) -> None:
    """Killed, not stopped: what was answered with 202 is there afterwards, what was answered with 503 is not."""
    token = (await enrol(fragile_house, "Fragile")).key
    headers = {"authorization": f"Bearer {token}"}
    before, during, after = beat(0), beat(1), beat(2)
    async with door(fragile.database_url) as client:
        assert (await client.post(URL, json=before, headers=headers)).status_code == 202
        await asyncio.to_thread(fragile.postgres.kill)
        refused = await client.post(URL, json=during, headers=headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert (await client.get("/readyz")).status_code == 503
        await asyncio.to_thread(fragile.postgres.start)

        async def accepted() -> bool:
            return (await client.post(URL, json=after, headers=headers)).status_code == 202

        await until(accepted)
        assert (await client.get("/readyz")).status_code == 200
    sent = [one["id"] for one in (before, during, after)]
    stored = await fragile_house.owner.fetch(
        "SELECT id::text FROM heartbeat WHERE id = ANY ($1::text[]::uuid[]) ORDER BY seq", sent
    )
    assert [row["id"] for row in stored] == [before["id"], after["id"]]


async def test_sections_that_a_failed_commit_lost_are_sent_again(fragile: Services, fragile_house: House) -> None:
    """The resend writes its sections, although the collector had seen them before the commit failed."""
    token = (await enrol(fragile_house, "Fragile again")).key
    headers = {"authorization": f"Bearer {token}"}
    lost = beat(1)
    async with door(fragile.database_url) as client:
        await client.post(URL, json=beat(0, endpoint=lost["endpoint"], backups=None), headers=headers)
        await asyncio.to_thread(fragile.postgres.stop)
        assert (await client.post(URL, json=lost, headers=headers)).status_code == 503
        await asyncio.to_thread(fragile.postgres.start)

        async def accepted() -> bool:
            return (await client.post(URL, json=lost, headers=headers)).status_code == 202

        await until(accepted)
    kinds = await fragile_house.owner.fetch("SELECT kind FROM section WHERE heartbeat_id::text = $1", lost["id"])
    assert {row["kind"] for row in kinds} >= {"backups"}


async def test_what_a_failed_commit_would_have_stored_is_not_left_out_of_its_neighbour(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay sends the next heartbeat while the first one waits; only the next is stored, and says everything."""
    headers = {"authorization": f"Bearer {(await enrol(house)).key}"}
    first = beat(0)
    second = beat(1, endpoint=first["endpoint"], backups=first["backups"])
    held, go = asyncio.Event(), asyncio.Event()

    async def failing(conn: Connection, arrivals: Sequence[Arrival]) -> dict[Identity, datetime]:
        if not held.is_set():
            held.set()
            await go.wait()
            raise ConnectionError
        return await append(conn, arrivals)

    monkeypatch.setattr(group_commit, "append", failing)
    async with door(house.database.url) as client:
        waiting = asyncio.create_task(client.post(URL, json=first, headers=headers))
        await held.wait()
        assert (await client.post(URL, json=second, headers=headers)).status_code == 202
        go.set()
        assert (await waiting).status_code == 503
    kinds = await house.owner.fetch("SELECT kind FROM section WHERE heartbeat_id::text = $1", second["id"])
    assert {row["kind"] for row in kinds} == {"endpoint", "backups"}


async def test_a_lost_server_is_not_waited_for_by_one_request_after_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is refused for one bad row; by the time each is tried alone, the server is gone."""
    tried = 0

    async def lost(_: Connection, arrivals: Sequence[Arrival]) -> dict[Identity, datetime]:
        nonlocal tried
        tried += 1
        if len(arrivals) > 1:
            raise asyncpg.DataError("a bad row")
        raise ConnectionError

    monkeypatch.setattr(group_commit, "append", lost)
    commit = GroupCommit(house.intake, IntakeMetrics(CollectorRegistry()), 1_000)
    waiting = [asyncio.create_task(commit.store(_many(1))) for _ in range(10)]
    await asyncio.sleep(0)
    running = asyncio.create_task(commit.run())
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreAwayError}
    assert tried <= 4  # two lanes, each with all and with one of its own
