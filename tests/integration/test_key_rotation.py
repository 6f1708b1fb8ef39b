"""Two keys are in force while one takes the place of the other, and no longer than was said."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from collector.administer import Deed, NotDoneError, add_key, revoke_key, rotate_key
from collector.model.credential import Credential, Holder
from collector.store.practice_keys import find_practice_key, keys_in_force, list_practice_keys
from tests.factories import DAY, HOUR, NOW
from tests.integration.house import House, enrol, rows

TICK = timedelta(microseconds=1)


async def in_force(house: House, practice_id: UUID, at: datetime, holder: Holder = Holder.PRACTICE) -> list[str]:
    async with house.owner.acquire() as conn:
        return await keys_in_force(conn, practice_id, holder, at)


@pytest.mark.parametrize("overlap", [timedelta(0), DAY])
async def test_the_old_key_is_in_force_until_the_overlap_is_over(house: House, overlap: timedelta) -> None:
    enrolled = await enrol(house)
    old, practice_id = enrolled.key.key_id, enrolled.practice.practice_id
    async with house.owner.acquire() as conn:
        new = (await rotate_key(conn, enrolled.practice, Holder.PRACTICE, overlap, Deed("ada", NOW))).key_id
        found = await find_practice_key(conn, old)
    assert found is not None
    for at, both in ((NOW + overlap - TICK, True), (NOW + overlap, False)):
        assert set(await in_force(house, practice_id, at)) == ({old, new} if both else {new})
        assert found.in_force(at) is both
    told = await rows(house, "SELECT action, subject FROM audit WHERE actor = 'ada' ORDER BY action")
    assert [tuple(row.values()) for row in told] == [("add key", f"key:{new}"), ("expire key", f"key:{old}")]


async def test_a_third_key_is_not_rotated_in(house: House) -> None:
    practice = (await enrol(house)).practice
    async with house.owner.acquire() as conn:
        await rotate_key(conn, practice, Holder.PRACTICE, DAY, Deed("ada", NOW))
        with pytest.raises(NotDoneError, match="2 such keys in force"):
            await rotate_key(conn, practice, Holder.PRACTICE, DAY, Deed("ada", NOW + DAY - TICK))
        await rotate_key(conn, practice, Holder.PRACTICE, DAY, Deed("ada", NOW + DAY))
        assert len(await list_practice_keys(conn, practice.practice_id)) == 3


async def test_of_two_rotations_at_once_one_is_refused(house: House) -> None:
    practice = (await enrol(house)).practice

    async def rotated() -> Credential:
        async with house.owner.acquire() as conn:
            return await rotate_key(conn, practice, Holder.PRACTICE, DAY, Deed("ada", NOW))

    answers = await asyncio.gather(rotated(), rotated(), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Credential, NotDoneError}
    assert len(await in_force(house, practice.practice_id, NOW)) == 2


async def test_a_rotation_is_about_one_kind_of_key_and_prolongs_none(house: House) -> None:
    practice = (await enrol(house)).practice
    async with house.owner.acquire() as conn:
        script = await add_key(conn, practice, Holder.SCRIPT, Deed("ada", NOW))
        await rotate_key(conn, practice, Holder.SCRIPT, HOUR, Deed("ada", NOW))
        (newest,) = set(await in_force(house, practice.practice_id, NOW, Holder.SCRIPT)) - {script.key_id}
        await revoke_key(conn, newest, Deed("ada", NOW))
        await rotate_key(conn, practice, Holder.SCRIPT, DAY, Deed("ada", NOW))
    assert len(await in_force(house, practice.practice_id, NOW + 400 * DAY)) == 1
    assert script.key_id not in await in_force(house, practice.practice_id, NOW + HOUR, Holder.SCRIPT)
