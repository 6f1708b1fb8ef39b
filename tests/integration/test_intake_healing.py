"""A collector that has lost its database or the way to it answers in time, and is itself again without a restart."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from collector.administer import Deed, revoke_key
from collector.health import READY_TIMEOUT_S
from collector.intake.group_commit import PATIENCE_S as COMMIT_S
from collector.intake.hearing import NAME as HEARING
from collector.intake.warm import LOOK_UP_S
from collector.store.connect import COMMAND_TIMEOUT_S
from deploy.local import Services
from tests.integration.cable import cable
from tests.integration.house import House, enrol, until
from tests.integration.test_intake import URL, beat, door

# A key is looked up, then a commit waited for; the rest is a slow machine's.
ANSWERED_WITHIN_S = LOOK_UP_S + COMMIT_S + 5
# A dead line is noticed by what is asked over it, one connection after another.
WELL_WITHIN_S = 6 * COMMAND_TIMEOUT_S
ENDED_WITHIN_S = 60.0  # systemd kills after 90 s
AT_ONCE = 8

_BACKENDS = """
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'vigie_intake%'
"""
_TERMINATE = "SELECT pg_terminate_backend($1)"


@dataclass
class Told:
    """What agents were told: how often which status, and what was acknowledged."""

    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: dict[UUID, datetime] = field(default_factory=dict)


async def report(client: httpx.AsyncClient, told: Told, sent: dict[str, Any] | None = None) -> int:
    """One heartbeat; a refusal says when to come again, and no answer is later than it may be."""
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        answer = await client.post(URL, json=sent or beat())
    told.statuses[answer.status_code] += 1
    if answer.status_code == 202:
        told.acknowledged[UUID(answer.json()["id"])] = datetime.fromisoformat(answer.json()["received_at"])
    else:
        assert (answer.status_code, answer.headers["retry-after"].isdecimal()) == (503, True), answer.text
    return answer.status_code


@asynccontextmanager
async def reporting(client: httpx.AsyncClient) -> AsyncIterator[Told]:
    """Agents that report without a pause."""
    told, enough = Told(), asyncio.Event()

    async def one() -> None:
        while not enough.is_set():
            if await report(client, told) != 202:
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one())
        try:
            yield told
        finally:
            enough.set()


async def well_again(client: httpx.AsyncClient, told: Told) -> None:
    """As many at once as there are connections: one that still is dead would show."""

    async def all_accepted() -> bool:
        statuses = await asyncio.gather(*(report(client, told) for _ in range(2 * AT_ONCE)))
        return set(statuses) == {202}

    await until(all_accepted, WELL_WITHIN_S)


async def check_stored(house: House, told: Told) -> None:
    """A 503 may have been stored; an acknowledgement must."""
    rows = await house.owner.fetch("SELECT id, received_at FROM heartbeat")
    stored = {row["id"]: row["received_at"] for row in rows}
    assert len(stored) == len(rows)
    assert {key: stored.get(key) for key in told.acknowledged} == told.acknowledged


@asynccontextmanager
async def door_of(house: House, url: str) -> AsyncIterator[httpx.AsyncClient]:
    token = (await enrol(house, f"Cabinet {uuid4()}")).key
    async with door(url, practice_rate=1e6, practice_burst=1e6) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield client


async def test_backends_that_end_one_by_one(house: House) -> None:
    async with door_of(house, house.database.url) as client:
        async with reporting(client) as told:
            for _ in range(10):
                for row in await house.owner.fetch(_BACKENDS):
                    await house.owner.execute(_TERMINATE, row["pid"])
                    await asyncio.sleep(0.02)
        await well_again(client, told)
    assert told.statuses.keys() <= {202, 503}
    await check_stored(house, told)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_goes_and_comes_under_load(fragile: Services, fragile_house: House, how: str) -> None:
    async with door_of(fragile_house, fragile.database_url) as client:
        async with reporting(client) as told:
            await until(lambda: _seen(told, 202))
            await asyncio.to_thread(getattr(fragile.postgres, how))
            await until(lambda: _seen(told, 503))
            await asyncio.to_thread(fragile.postgres.start)
            before = told.statuses[202]
            await until(lambda: _more(told, before), WELL_WITHIN_S)
        await well_again(client, told)
    await check_stored(fragile_house, told)


async def _seen(told: Told, status: int) -> bool:
    return told.statuses[status] > 0


async def _more(told: Told, than: int) -> bool:
    return told.statuses[202] > than


async def test_connections_that_are_closed_while_idle(house: House) -> None:
    async with cable(house.database.url) as wire, door_of(house, wire.url) as client:
        told = Told()
        await well_again(client, told)
        wire.cut()
        await well_again(client, told)
    await check_stored(house, told)


async def test_idle_connections_whose_server_was_replaced_without_a_word(house: House) -> None:
    """Half-open: the old connections never answer and are never closed; new ones work at once."""
    async with cable(house.database.url) as wire, door_of(house, wire.url) as client:
        told = Told()
        await well_again(client, told)
        wire.strand()
        await well_again(client, told)
        wire.cut()
    await check_stored(house, told)


async def test_a_way_that_goes_dead_under_load(house: House) -> None:
    """Nothing is closed and nothing comes through: every answer is in time, and says when to come again."""
    async with cable(house.database.url) as wire, door_of(house, wire.url) as client:
        async with reporting(client) as told:
            await until(lambda: _seen(told, 202))
            wire.die()
            await until(lambda: _seen(told, 503), 2 * ANSWERED_WITHIN_S)
            wire.revive()
            before = told.statuses[202]
            await until(lambda: _more(told, before), WELL_WITHIN_S)
        await well_again(client, told)
        wire.cut()
    await check_stored(house, told)


async def test_readiness_is_told_in_time_over_a_dead_way(house: House) -> None:
    async with cable(house.database.url) as wire, door_of(house, wire.url) as client:
        assert (await client.get("/readyz")).status_code == 200
        wire.die()
        async with asyncio.timeout(READY_TIMEOUT_S + 5):
            assert (await client.get("/readyz")).status_code == 503
        wire.revive()

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await until(ready, WELL_WITHIN_S)
        wire.cut()


_PIDS_HEARING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"


@pytest.mark.parametrize("how", ["terminated", "stranded"])
async def test_it_hears_of_revoked_keys_again(house: House, how: str) -> None:
    async with cable(house.database.url) as wire, door(wire.url) as client:
        enrolled = await enrol(house)
        client.headers["authorization"] = f"Bearer {enrolled.key}"
        await until(lambda: _hears(house, set()))
        lost = await _hearing(house)
        if how == "stranded":
            wire.strand()
        for pid in lost if how == "terminated" else ():
            await house.owner.execute(_TERMINATE, pid)
        await until(lambda: _hears(house, lost), WELL_WITHIN_S)
        assert await report(client, Told()) in (202, 503)
        async with house.owner.acquire() as conn:
            await revoke_key(conn, enrolled.key.key_id, Deed("test", datetime.now(UTC)))

        async def refused() -> bool:
            return (await client.post(URL, json=beat())).status_code == 401

        await until(refused)
        wire.cut()


async def _hearing(house: House) -> set[int]:
    return {row["pid"] for row in await house.owner.fetch(_PIDS_HEARING, HEARING)}


async def _hears(house: House, lost: set[int]) -> bool:
    """One connection listens and one speaks, none of them of those lost."""
    return len(await _hearing(house) - lost) >= 2


async def test_it_ends_in_time_over_a_dead_way(house: House) -> None:
    """Who stops it must not wait for a database that is gone."""
    async with cable(house.database.url) as wire, AsyncExitStack() as stack:
        client = await stack.enter_async_context(door_of(house, wire.url))
        await well_again(client, Told())
        wire.die()
        async with asyncio.timeout(ENDED_WITHIN_S):
            await stack.aclose()
