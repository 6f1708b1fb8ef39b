"""When each key was last used: kept in memory, written now and then, never taken back."""

import asyncio
from datetime import datetime

import pytest

from collector.intake import keys as keys_
from collector.intake.keys import Keyring, keep_used
from collector.model.credential import Credential, Holder
from collector.store.connect import Pool, Role, open_pool
from collector.store.practice_keys import write_used
from tests.factories import HOUR, NOW
from tests.integration.house import House, enrol, until
from tests.integration.keyrings import NOWHERE, collector
from tests.integration.test_intake import URL, beat, door, now


async def written(pool: Pool, keyring: Keyring) -> None:
    """As when a collector is stopped."""
    keeping = asyncio.create_task(keep_used(pool, keyring))
    await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def used_at(house: House, key: Credential) -> datetime | None:
    found: datetime | None = await house.owner.fetchval("SELECT used_at FROM key_used WHERE key_id = $1", key.key_id)
    return found


async def test_the_last_use_of_each_key_is_written(house: House) -> None:
    used, unused = (await enrol(house, "A")).key, (await enrol(house, "B")).key
    async with collector(house) as one:
        before = now()
        await one.admits(used)
        await one.refuses(Credential(Holder.PRACTICE, unused.key_id, "0" * 64))
        await written(house.intake, one.keyring)
        first = await used_at(house, used)
        assert first is not None
        assert before <= first <= now()
        assert await used_at(house, unused) is None
        await one.admits(used)
        await written(house.intake, one.keyring)
        again = await used_at(house, used)
        assert again is not None
        assert again > first


async def test_a_use_that_is_given_back_hides_no_later_one(house: House) -> None:
    enrolled = await enrol(house)
    whose = (enrolled.practice.practice_id, enrolled.key.key_id)
    async with collector(house) as one:
        await one.admits(enrolled.key)
        earlier = one.keyring.take_used()
        assert one.keyring.take_used() == {}
        await one.admits(enrolled.key)
        one.keyring.give_back(earlier)
        assert one.keyring.take_used()[whose] > earlier[whose]


async def test_uses_are_written_now_and_then(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_, "WRITE_USED_EVERY_S", 0.01)
    key = (await enrol(house)).key
    async with collector(house) as one:
        keeping = asyncio.create_task(keep_used(house.intake, one.keyring))
        assert await one.admits(key)
        await until(lambda: used_at(house, key))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_a_collector_that_stops_writes_its_last_uses(house: House) -> None:
    key = (await enrol(house)).key
    async with door(house.database.url) as client:
        assert (await client.post(URL, json=beat(), headers={"authorization": f"Bearer {key}"})).status_code == 202
        assert await used_at(house, key) is None
    assert await used_at(house, key) is not None


async def test_what_another_collector_saw_later_stays(house: House) -> None:
    enrolled = await enrol(house)
    whose = (enrolled.practice.practice_id, enrolled.key.key_id)
    for at, expected in ((NOW, NOW), (NOW - HOUR, NOW), (NOW + HOUR, NOW + HOUR)):
        async with house.intake.acquire() as conn:
            await write_used(conn, {whose: at})
        assert await used_at(house, enrolled.key) == expected


async def test_uses_that_could_not_be_written_are_written_later(house: House) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one, open_pool(NOWHERE, Role.INTAKE, 1) as nowhere:
        await one.admits(key)
        await written(nowhere, one.keyring)
        assert await used_at(house, key) is None
        await written(house.intake, one.keyring)
    assert await used_at(house, key) is not None
