"""The judge joined to the store: from a heartbeat to an incident, its ticket, its messages, and back."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from collector.administer import Deed, enrol_practice
from collector.deeds import Hand, acknowledge
from collector.evaluate import judge_practices, our_gaps
from collector.metrics import WorkerMetrics, new_registry
from collector.model.escalation import Walk
from collector.model.heartbeat import RunStatus
from collector.model.incident import IncidentChange, IncidentState
from collector.model.message import TicketEvent
from collector.model.snapshot import Gap
from collector.store.connect import lock_practice
from collector.store.listening import extend_listening
from collector.store.wakes import claim_wanted
from collector.sweep import Engine
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, backup, job_policy
from tests.integration.house import House, count, enrol, judge, report, rows, schedule, until, waits_for_a_lock

SECOND = timedelta(seconds=1)
# One minute of interval and one of grace, since the last heartbeat.
SILENT = NOW + 2 * MINUTE


async def messages(house: House) -> list[tuple[str, int]]:
    found = await rows(house, "SELECT payload ->> 'event' AS event, sequence FROM outbox ORDER BY created_at, sequence")
    return [(row["event"], row["sequence"]) for row in found]


async def practice(house: House) -> UUID:
    return (await enrol(house)).practice.practice_id


async def test_silence_opens_an_incident_and_a_heartbeat_closes_it(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW)
    assert (await judge(either_house, practice_id, NOW)).next_due == SILENT
    assert (await judge(either_house, practice_id, SILENT - SECOND)).changes == ()
    opened = await judge(either_house, practice_id, SILENT)
    assert [(one.incident.rule, one.what) for one in opened.changes] == [("heartbeat_missing", "opened")]
    await report(either_house, practice_id, NOW + HOUR, seq=1)
    assert [one.what for one in (await judge(either_house, practice_id, NOW + HOUR)).changes] == ["resolved"]
    assert await messages(either_house) == [(TicketEvent.OPENED, 1), (TicketEvent.RESOLVED, 2)]
    (ticket,) = await rows(either_house, "SELECT state, sequence, resolved_at FROM ticket")
    assert ticket == {"state": "resolved", "sequence": 2, "resolved_at": NOW + HOUR}
    history = await rows(either_house, "SELECT what, actor FROM incident_event ORDER BY event_id")
    assert [row["what"] for row in history] == [IncidentChange.OPENED, IncidentChange.RESOLVED]


async def test_a_relapse_reopens_the_incident_and_its_ticket(house: House) -> None:
    practice_id = await practice(house)
    for n in range(2):
        await report(house, practice_id, NOW + n * HOUR, seq=n)
        await judge(house, practice_id, NOW + n * HOUR)
        await judge(house, practice_id, NOW + n * HOUR + 2 * MINUTE)
    assert await messages(house) == [(TicketEvent.OPENED, 1), (TicketEvent.RESOLVED, 2), (TicketEvent.REOPENED, 3)]
    assert [await count(house, table) for table in ("incident", "ticket")] == [1, 1]
    (again,) = await rows(house, "SELECT opened_at, reopened_at, openings, walk, resolved_at FROM incident")
    assert (again["opened_at"], again["reopened_at"]) == (NOW + 2 * MINUTE, NOW + HOUR + 2 * MINUTE)
    assert again["openings"] == [NOW + 2 * MINUTE, NOW + HOUR + 2 * MINUTE]
    assert (Walk.model_validate_json(again["walk"]).number, again["resolved_at"]) == (2, None)


async def test_a_dead_server_with_three_late_jobs_is_one_ticket(either_house: House) -> None:
    enrolled = await enrol(either_house)
    practice_id = enrolled.practice.practice_id
    for job in ("daily", "images", "mail"):
        await schedule(either_house, enrolled, job_policy(job, since=NOW - DAY))
    jobs = tuple(backup(job, finished_at=NOW) for job in ("daily", "images", "mail"))
    await report(either_house, practice_id, NOW, backups=jobs)
    await judge(either_house, practice_id, NOW)
    for at in (SILENT, NOW + DAY + HOUR):
        await judge(either_house, practice_id, at)
    assert await rows(either_house, "SELECT rule, count(*) FROM incident GROUP BY rule ORDER BY rule") == [
        {"rule": "backup_missed", "count": 3},
        {"rule": "heartbeat_missing", "count": 1},
    ]
    (ticket,) = await rows(either_house, "SELECT root, title, state FROM ticket")
    assert ticket == {"root": f"endpoint:{ENDPOINT}", "title": "No heartbeat from SRV-01", "state": "open"}
    assert await messages(either_house) == [(TicketEvent.OPENED, 1), (TicketEvent.APPENDED, 2)]


async def test_the_ticket_closes_when_its_last_incident_has_resolved(house: House) -> None:
    enrolled = await enrol(house)
    practice_id = enrolled.practice.practice_id
    await schedule(house, enrolled, job_policy(since=NOW - DAY))
    await report(house, practice_id, NOW, backups=(backup(),))
    for at in (NOW, SILENT, NOW + 2 * DAY):
        await judge(house, practice_id, at)
    await report(house, practice_id, NOW + 2 * DAY, seq=1)
    await judge(house, practice_id, NOW + 2 * DAY)
    assert await house.owner.fetchval("SELECT state FROM ticket") == "open"
    done = NOW + 2 * DAY + MINUTE
    await report(house, practice_id, done, seq=2, backups=(backup(finished_at=done),))
    await judge(house, practice_id, done)
    assert await house.owner.fetchval("SELECT state FROM ticket") == "resolved"


async def test_a_failed_backup_is_healed_by_a_good_one_alone(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW, backups=(backup(status=RunStatus.FAILED),))
    await judge(house, practice_id, NOW)
    await report(house, practice_id, NOW + MINUTE, seq=1)
    assert (await judge(house, practice_id, NOW + MINUTE)).changes == ()
    at = NOW + 2 * MINUTE
    await report(house, practice_id, at, seq=2, backups=(backup(finished_at=at),))
    assert [one.what for one in (await judge(house, practice_id, at)).changes] == ["resolved"]


async def test_judging_twice_changes_nothing(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW, backups=(backup(status=RunStatus.FAILED),))
    tables = ("incident", "incident_event", "ticket", "outbox", "folded")
    await judge(either_house, practice_id, NOW + HOUR)
    before = [await rows(either_house, f"SELECT * FROM {table}") for table in tables]  # noqa: S608
    again = await judge(either_house, practice_id, NOW + HOUR)
    assert (again.changes, again.messages) == ((), ())
    assert [await rows(either_house, f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608


async def test_a_message_waits_in_the_outbox_whether_or_not_a_receiver_is_set(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    await Engine(house.worker, (), WorkerMetrics(new_registry())).judge([practice_id])
    await judge(house, practice_id, NOW + HOUR)
    assert await rows(house, "SELECT channel, sequence FROM outbox") == [{"channel": "tickets", "sequence": 1}]


async def test_of_two_judges_at_once_one_leaves(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW)
    async with either_house.worker.acquire() as conn, conn.transaction():
        await lock_practice(conn, practice_id)
        assert await judge_practices(either_house.worker, [practice_id], (), NOW) == []
        assert await count(either_house, "wake") == 2
    assert await judge(either_house, practice_id, NOW)


async def test_many_judges_of_one_practice_open_one_incident(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    verdicts = await asyncio.gather(*(judge_practices(house.worker, [practice_id], (), NOW + HOUR) for _ in range(6)))
    assert any(verdicts)
    assert await messages(house) == [(TicketEvent.OPENED, 1)]


async def test_an_acknowledgement_waits_for_the_judge_and_is_not_overwritten(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    (opened,) = (await judge(house, practice_id, NOW + HOUR)).incidents
    async with house.worker.acquire() as judging:
        transaction = judging.transaction()
        await transaction.start()
        await lock_practice(judging, practice_id)
        async with house.api.acquire() as conn:
            acknowledging = asyncio.create_task(
                acknowledge(conn, opened.incident_id, Hand("ada", NOW + HOUR), comment="mine")
            )
            await until(lambda: waits_for_a_lock(house))
            await transaction.commit()
            assert await acknowledging
    (incident,) = (await judge(house, practice_id, NOW + 2 * HOUR)).incidents
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "ada")
    assert await house.owner.fetchval("SELECT state FROM incident") == "acknowledged"


async def test_an_acknowledged_incident_still_resolves(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    (opened,) = (await judge(house, practice_id, NOW + HOUR)).incidents
    async with house.api.acquire() as conn:
        await acknowledge(conn, opened.incident_id, Hand("ada", NOW + HOUR))
    await report(house, practice_id, NOW + 2 * HOUR, seq=1)
    (resolved,) = (await judge(house, practice_id, NOW + 2 * HOUR)).incidents
    assert (resolved.state, resolved.acknowledged_by) == (IncidentState.RESOLVED, "ada")


async def test_our_own_outage_raises_nobody(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW)
    async with either_house.intake.acquire() as conn:
        await extend_listening(conn, "a", NOW - HOUR, NOW)
    gaps = await our_gaps(either_house.worker, NOW + HOUR)
    assert gaps == (Gap(start=NOW, end=NOW + HOUR),)
    assert (await judge(either_house, practice_id, NOW + HOUR, gaps)).changes == ()
    async with either_house.intake.acquire() as conn:
        await extend_listening(conn, "b", NOW + HOUR, NOW + 2 * HOUR)
    gaps = await our_gaps(either_house.worker, NOW + 2 * HOUR)
    assert [one.what for one in (await judge(either_house, practice_id, NOW + 2 * HOUR, gaps)).changes] == ["opened"]


async def test_a_worker_whose_clock_is_behind_still_sees_the_recovery(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    await judge(house, practice_id, NOW + HOUR)
    await report(house, practice_id, NOW + 2 * HOUR, seq=1)
    await judge(house, practice_id, NOW + 2 * HOUR - SECOND / 5)
    async with house.worker.acquire() as conn:
        for wanted in await claim_wanted(conn, NOW + 2 * HOUR + SECOND, 10):
            await judge(house, wanted, NOW + 2 * HOUR + SECOND)
    assert await house.owner.fetchval("SELECT state FROM incident") == "resolved"


async def test_an_administrators_clock_that_is_ahead_makes_nobody_silent(house: House) -> None:
    enrolled = await enrol(house)
    practice_id = enrolled.practice.practice_id
    await report(house, practice_id, NOW)
    await schedule(house, enrolled, job_policy(), at=NOW + DAY)
    assert (await judge(house, practice_id, NOW + SECOND)).changes == ()
    assert await house.owner.fetchval("SELECT evaluated_at FROM practice_now") == NOW + SECOND


async def test_one_practices_trouble_is_not_the_others(house: House) -> None:
    engine = Engine(house.worker, (), WorkerMetrics(registry := new_registry()))
    async with house.owner.acquire() as conn:
        enrolled = [await enrol_practice(conn, f"Cabinet {n}", "Europe/Paris", Deed("test", NOW)) for n in range(4)]
    broken = enrolled[1].practice.practice_id
    await house.owner.execute("UPDATE policy SET body = '{}' WHERE practice_id = $1", broken)
    await engine.sweep()
    judged = await rows(house, "SELECT practice_id FROM practice_now")
    assert {row["practice_id"] for row in judged} == {one.practice.practice_id for one in enrolled} - {broken}
    assert registry.get_sample_value("vigie_worker_failures_total", {"step": "judge"}) == 1
    assert await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", broken) == 1


async def test_a_practice_that_failed_is_judged_once_it_is_mended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    practice_id = await practice(house)
    await house.owner.execute("UPDATE policy SET body = '{}' || jsonb_build_object('kept', body)")
    engine = Engine(house.worker, (), WorkerMetrics(new_registry()))
    await engine.sweep()
    await house.owner.execute("UPDATE policy SET body = body -> 'kept'")
    await house.owner.execute("UPDATE due SET claimed_until = NULL")
    await engine.sweep()
    assert await house.owner.fetchval("SELECT state FROM practice_now WHERE practice_id = $1", practice_id) == "unknown"


async def test_a_sweep_takes_every_wanted_practice_whatever_their_number(house: House) -> None:
    async with house.owner.acquire() as conn:
        for n in range(30):
            await enrol_practice(conn, f"Cabinet {n}", "Europe/Paris", Deed("test", NOW))
    await Engine(house.worker, (), WorkerMetrics(new_registry())).sweep()
    assert [await count(house, table) for table in ("practice_now", "wake")] == [30, 0]


async def test_keeping_house_takes_checkpoints(house: House) -> None:
    practice_id = await practice(house)
    await report(house, practice_id, NOW)
    await judge(house, practice_id, NOW)
    await Engine(house.worker, (), WorkerMetrics(new_registry())).keep_house()
    assert await count(house, "checkpoint") == 1
