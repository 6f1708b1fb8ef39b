"""Configuration's versions, the audit of every deed, and the history of incidents that nobody may rewrite."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from collector.administer import (
    Deed,
    NotDoneError,
    enrol_operator,
    enrol_practice,
    retire_endpoint,
    retire_whole_practice,
    revoke_key,
    the_practice,
)
from collector.deeds import Hand, acknowledge
from collector.model.policy import Policy
from collector.model.subject import endpoint_subject
from collector.store.audit import record_deed
from collector.store.configuration import load_policy, lock_configuration, policy_at, put_policy
from collector.store.connect import Connection, Role
from collector.store.practices import add_practice
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, job_policy
from tests.integration.house import House, count, enrol, judge, report, rows, schedule, until, waits_for_a_lock


async def test_each_change_is_a_version_and_the_highest_is_in_force(either_house: House) -> None:
    enrolled = await enrol(either_house)
    practice_id = enrolled.practice.practice_id
    await schedule(either_house, enrolled, job_policy("daily"), NOW + HOUR)
    await schedule(either_house, enrolled, job_policy("weekly"), NOW + 2 * HOUR)
    async with either_house.worker.acquire() as conn:
        in_force = await load_policy(conn, practice_id)
        then = await policy_at(conn, practice_id, NOW + HOUR * 1.5)
    assert in_force is not None
    assert then is not None
    assert {job.job for job in in_force.jobs.values()} == {"daily", "weekly"}
    assert {job.job for job in then.jobs.values()} == {"daily"}
    assert then.version < in_force.version


@pytest.mark.parametrize(("offset", "jobs"), [(-1, None), (0, 0), (59, 0), (60, 1)])
async def test_the_policy_at_an_instant_is_the_one_applied_by_then(house: House, offset: int, jobs: int | None) -> None:
    enrolled = await enrol(house)
    await schedule(house, enrolled, job_policy(), NOW + HOUR)
    async with house.worker.acquire() as conn:
        policy = await policy_at(conn, enrolled.practice.practice_id, NOW + offset * MINUTE)
    assert (len(policy.jobs) if policy else None) == jobs


async def test_an_unknown_practice_has_no_policy(house: House) -> None:
    async with house.worker.acquire() as conn:
        assert await load_policy(conn, ENDPOINT) is None
        assert await policy_at(conn, ENDPOINT, NOW) is None


async def test_who_retires_a_practice_while_files_change_it_waits_for_them(house: House) -> None:
    enrolled = await enrol(house)
    async with house.owner.acquire() as applying, house.owner.acquire() as conn:
        async with applying.transaction():
            await lock_configuration(applying)
            retiring = asyncio.create_task(retire_whole_practice(conn, enrolled.practice, "left", Deed("ada", NOW)))
            await until(lambda: waits_for_a_lock(house))
            await applying.execute("UPDATE practice SET zone = 'UTC' WHERE kind = 'practice'")
        await retiring
    assert await rows(house, "SELECT retired_at FROM practice WHERE kind = 'practice'") == [{"retired_at": NOW}]


async def test_who_enrols_a_practice_while_files_do_hears_of_it(house: House) -> None:
    async with house.owner.acquire() as applying, house.owner.acquire() as conn:
        async with applying.transaction():
            await lock_configuration(applying)
            enrolling = asyncio.create_task(enrol_practice(conn, "Cabinet Test", "UTC", Deed("ada", NOW)))
            await until(lambda: waits_for_a_lock(house))
            await add_practice(applying, "Cabinet Test", "UTC", "link", at=NOW, actor="test")
        with pytest.raises(NotDoneError, match="is watched already"):
            await enrolling


async def test_a_change_wakes_the_practice(house: House) -> None:
    enrolled = await enrol(house)
    before = await count(house, "wake")
    await schedule(house, enrolled, job_policy())
    assert await count(house, "wake") == before + 1


async def test_a_change_that_is_rolled_back_leaves_no_trace(either_house: House) -> None:
    enrolled = await enrol(either_house)
    tables = ("audit", "configuration", "policy", "wake")
    before = [await count(either_house, table) for table in tables]
    policy = Policy(practice_id=enrolled.practice.practice_id, practice="Cabinet Test")
    async with either_house.owner.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await put_policy(conn, policy, at=NOW, actor="test", summary="undone")
        assert await conn.fetchval("SELECT count(*) FROM audit") == before[0] + 1
        await transaction.rollback()
    assert [await count(either_house, table) for table in tables] == before


async def _revoke(conn: Connection, house: House, practice_id: UUID) -> None:
    key_id = await conn.fetchval("SELECT key_id FROM practice_key WHERE practice_id = $1", practice_id)
    await revoke_key(conn, key_id, Deed("ada", NOW))


async def _operator(conn: Connection, house: House, practice_id: UUID) -> None:
    await enrol_operator(conn, "grace", Deed("ada", NOW))


async def _deed(conn: Connection, house: House, practice_id: UUID) -> None:
    await record_deed(conn, at=NOW, actor="ada", action="tell", practice_id=practice_id, subject="x")


@pytest.mark.parametrize(
    ("do", "action"),
    [(_revoke, "revoke key"), (_operator, "add operator"), (_deed, "tell")],
    ids=["key", "operator", "deed"],
)
async def test_a_deed_and_its_audit_row_come_and_go_together(
    house: House, do: Callable[[Connection, House, UUID], Awaitable[None]], action: str
) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    before = await count(house, "audit")
    async with house.owner.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await do(conn, house, practice_id)
        await transaction.rollback()
        assert await count(house, "audit") == before
        await do(conn, house, practice_id)
    (row,) = await rows(house, "SELECT actor, action FROM audit ORDER BY audit_id DESC LIMIT 1")
    assert row == {"actor": "ada", "action": action}


async def test_an_acknowledgement_is_audited_and_told_with_its_change(house: House) -> None:
    practice_id, incident_id = await _silent(house)
    async with house.api.acquire() as conn:
        before = await acknowledge(conn, incident_id, Hand("ada", NOW + DAY), comment="I am on it")
        again = await acknowledge(conn, incident_id, Hand("grace", NOW + DAY), comment="me too")
    assert before == again
    (incident,) = await rows(house, "SELECT state, acknowledged_by, acknowledged_at FROM incident")
    assert incident == {"state": "acknowledged", "acknowledged_by": "ada", "acknowledged_at": NOW + DAY}
    assert await rows(house, "SELECT what, said, actor FROM incident_event ORDER BY event_id DESC LIMIT 1") == [
        {"what": "acknowledged", "said": f"until {(NOW + 2 * DAY).isoformat()}: I am on it", "actor": "ada"}
    ]
    assert await house.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'acknowledge'") == 1
    assert await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", practice_id) == 1


async def test_an_unknown_incident_cannot_be_acknowledged(house: House) -> None:
    async with house.api.acquire() as conn:
        assert await acknowledge(conn, ENDPOINT, Hand("ada", NOW), comment="") is None
    assert await count(house, "audit") == 0


_HISTORY = ("audit", "heartbeat", "section", "accepted", "folded", "incident_event")


@pytest.mark.parametrize("role", list(Role))
async def test_no_process_may_change_history(shared_house: House, role: Role) -> None:
    for table in _HISTORY:
        for statement in (f"UPDATE {table} SET practice_id = practice_id", f"DELETE FROM {table}", f"TRUNCATE {table}"):  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await shared_house.pool(role).execute(statement)


async def test_retiring_an_endpoint_closes_its_incident_with_the_reason(house: House) -> None:
    practice_id, _ = await _silent(house)
    async with house.owner.acquire() as conn:
        practice = await the_practice(conn, "Cabinet Test")
        await retire_endpoint(conn, practice, "SRV-01", "replaced", Deed("ada", NOW + DAY))
    verdict = await judge(house, practice_id, NOW + DAY)
    assert [one.resolution for one in verdict.incidents] == ["retired: replaced"]
    assert verdict.seen.endpoints.keys() == {ENDPOINT}
    async with house.worker.acquire() as conn:
        policy = await load_policy(conn, practice_id)
    assert policy is not None
    assert policy.retirement(endpoint_subject(ENDPOINT)) == "replaced"


async def test_retiring_a_practice_ends_its_keys_and_what_is_open(house: House) -> None:
    enrolled = await enrol(house)
    practice_id = enrolled.practice.practice_id
    await report(house, practice_id, NOW)
    assert (await judge(house, practice_id, NOW + HOUR)).changes
    async with house.owner.acquire() as conn:
        await retire_whole_practice(conn, enrolled.practice, "left us", Deed("ada", NOW + 2 * HOUR))
    verdict = await judge(house, practice_id, NOW + 2 * HOUR + timedelta(seconds=1))
    assert [one.resolution for one in verdict.incidents] == ["retired: left us"]
    assert await house.owner.fetchval("SELECT state FROM practice_now") == "retired"


async def _silent(house: House) -> tuple[UUID, UUID]:
    """A practice whose only endpoint has fallen silent, judged."""
    practice_id = (await enrol(house)).practice.practice_id
    await report(house, practice_id, NOW)
    verdict = await judge(house, practice_id, NOW + HOUR)
    (incident,) = verdict.incidents
    return practice_id, incident.incident_id
