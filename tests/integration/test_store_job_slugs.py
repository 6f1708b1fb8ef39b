"""Slugs follow the policy: a scheduled job has one, a retired one has none, one that a ping made stays."""

from uuid import UUID

import pytest

from collector.administer import Deed, retire_endpoint, retire_job, watch_endpoint
from collector.store.job_slugs import SlugJob, create_job_slug, jobs_of_slug
from tests.factories import ENDPOINT, NOW, job_policy
from tests.integration.house import House, arrival, enrol, judge, rows, schedule, store

DEED = Deed("test", NOW)


async def slugs(house: House) -> list[tuple[str, UUID | None, str]]:
    found = await rows(house, "SELECT slug, endpoint_id, job FROM job_slug ORDER BY slug, subject")
    return [(row["slug"], row["endpoint_id"], row["job"]) for row in found]


async def test_each_scheduled_job_has_the_slug_of_its_name(house: House) -> None:
    enrolled = await enrol(house)
    for job in (job_policy("Été", endpoint_id=None), job_policy("Été"), job_policy("備份", endpoint_id=None)):
        await schedule(house, enrolled, job)
        await schedule(house, enrolled, job)
    assert sorted(await slugs(house), key=str) == [("ete", None, "Été"), ("ete", ENDPOINT, "Été")]


async def test_a_retired_jobs_slug_goes_and_the_others_stay(house: House) -> None:
    enrolled = await enrol(house)
    for name in ("daily", "imaging"):
        await schedule(house, enrolled, job_policy(name, endpoint_id=None))
    async with house.owner.acquire() as conn:
        await retire_job(conn, enrolled.practice, None, "daily", "not wanted", DEED)
    assert await slugs(house) == [("imaging", None, "imaging")]
    await schedule(house, enrolled, job_policy("daily", endpoint_id=None))
    assert len(await slugs(house)) == 2


async def test_a_retired_machines_slugs_go_and_come_back_with_it(house: House) -> None:
    enrolled = await enrol(house)
    await schedule(house, enrolled, job_policy("daily"))
    await store(house, arrival(enrolled.practice.practice_id))
    await judge(house, enrolled.practice.practice_id, NOW)
    async with house.owner.acquire() as conn:
        await retire_endpoint(conn, enrolled.practice, str(ENDPOINT), "scrapped", DEED)
        assert await slugs(house) == []
        await watch_endpoint(conn, enrolled.practice, str(ENDPOINT), DEED)
    assert await slugs(house) == [("daily", ENDPOINT, "daily")]


async def test_a_slug_that_a_ping_made_outlives_changes_and_goes_when_it_is_retired(house: House) -> None:
    enrolled = await enrol(house)
    practice_id = enrolled.practice.practice_id
    async with house.intake.acquire() as conn:
        assert await create_job_slug(conn, practice_id, "nas")
        assert not await create_job_slug(conn, practice_id, "nas")
    await schedule(house, enrolled, job_policy("daily", endpoint_id=None))
    assert len(await slugs(house)) == 2
    await schedule(house, enrolled, job_policy("nas", endpoint_id=None))
    assert len(await slugs(house)) == 2
    async with house.owner.acquire() as conn:
        await retire_job(conn, enrolled.practice, None, "nas", "not wanted", DEED)
    assert await slugs(house) == [("daily", None, "daily")]


async def test_a_slug_is_its_practices_own(house: House) -> None:
    one, other = await enrol(house), await enrol(house, "Another")
    await schedule(house, one, job_policy("daily", endpoint_id=None))
    async with house.intake.acquire() as conn:
        assert await jobs_of_slug(conn, one.practice.practice_id, "daily") == (SlugJob(None, "daily"),)
        assert await jobs_of_slug(conn, other.practice.practice_id, "daily") == ()


@pytest.mark.parametrize("statement", ["UPDATE job_slug SET job = 'x'", "DELETE FROM job_slug"])
async def test_a_collector_can_only_add_slugs(house: House, statement: str) -> None:
    async with house.intake.acquire() as conn:
        with pytest.raises(Exception, match="permission denied"):
            await conn.execute(statement)
