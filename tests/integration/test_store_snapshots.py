"""The past rebuilt: a checkpoint and the reports folded since give what was known at any instant."""

from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

from collector.administer import Deed, retire_endpoint, the_practice
from collector.evaluate import snapshot_at
from collector.model.heartbeat import (
    Alert,
    AlertCategory,
    AlertSeverity,
    AlertStatus,
    MissingPatch,
    Patches,
    PatchSeverity,
    RestoreLevel,
    RestoreStatus,
    RestoreTest,
    RunStatus,
)
from collector.model.snapshot import Snapshot
from collector.store.snapshots import REBUILT_FOR, load_snapshots, take_checkpoints
from collector.store.timescale import drop_expired
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, backup, endpoint, job_policy
from tests.integration.house import House, count, enrol, judge, report, rows, schedule


async def past(house: House, practice_id: UUID, at: datetime) -> Snapshot:
    async with house.worker.acquire() as conn:
        return await snapshot_at(conn, practice_id, at)


async def checkpoint(house: House, at: datetime) -> None:
    async with house.worker.acquire() as conn:
        await take_checkpoints(conn, at)


async def keep_house(house: House, at: datetime) -> None:
    """What the worker does every hour."""
    await checkpoint(house, at)
    async with house.worker.acquire() as conn:
        await drop_expired(conn, at)


async def practice(house: House) -> UUID:
    return (await enrol(house)).practice.practice_id


async def reported_and_judged(house: House, practice_id: UUID, at: datetime, **more: object) -> Snapshot:
    await report(house, practice_id, at, **more)
    return (await judge(house, practice_id, at)).seen


async def test_before_anything_was_reported_nothing_is_known(either_house: House) -> None:
    practice_id = await practice(either_house)
    await reported_and_judged(either_house, practice_id, NOW)
    assert await past(either_house, practice_id, NOW - MINUTE) == Snapshot(practice_id=practice_id)


async def test_a_past_instant_is_what_the_rules_saw_then(either_house: House) -> None:
    practice_id = await practice(either_house)
    seen = []
    for n in range(5):
        at = NOW + DAY * n
        status = RunStatus.FAILED if n % 2 else RunStatus.SUCCESS
        seen.append(
            (
                at,
                await reported_and_judged(
                    either_house, practice_id, at, seq=n, backups=(backup(status=status, finished_at=at),)
                ),
            )
        )
        await checkpoint(either_house, at + HOUR)
    assert [await past(either_house, practice_id, at) for at, _ in seen] == [snapshot for _, snapshot in seen]


async def test_the_live_snapshot_is_kept_without_what_only_the_series_know(either_house: House) -> None:
    practice_id = await practice(either_house)
    seen = await reported_and_judged(either_house, practice_id, NOW, backups=(backup(),))
    async with either_house.worker.acquire() as conn:
        stored = (await load_snapshots(conn, [practice_id]))[practice_id]
    assert stored == seen.observed({}, ())
    assert stored.fold_no == 1


async def test_a_random_history_is_rebuilt_at_every_instant(either_house: House) -> None:
    """Endpoints, jobs, late and empty reports, judged in groups of any size, checkpoints wherever they fall."""
    random = Random(20261121)  # noqa: S311 - repeatable
    practice_id = await practice(either_house)
    machines = [uuid4() for _ in range(3)]
    history: list[tuple[datetime, Snapshot]] = []
    at = NOW
    for seq in range(60):
        at += timedelta(minutes=random.choice([1, 7, 600]))
        machine = random.choice(machines)
        await report(either_house, practice_id, at, seq=seq, endpoint=endpoint(machine), **_said(random, at))
        if random.random() < 0.6:
            history.append((at, (await judge(either_house, practice_id, at)).seen))
        if random.random() < 0.2:
            await checkpoint(either_house, at)
    assert await count(either_house, "checkpoint") > 1
    for instant, seen in history:
        assert await past(either_house, practice_id, instant) == seen


def _said(random: Random, at: datetime) -> dict[str, object]:
    """Any sections, any of them about the past."""
    then = at - timedelta(minutes=random.choice([0, 30, 3_000]))
    job, status = random.choice(["daily", "weekly"]), random.choice(list(RunStatus))
    ended = None if status is RunStatus.RUNNING else then
    alert = Alert(
        id=random.choice("ab"), at=then, severity=AlertSeverity.HIGH, category=AlertCategory.MALWARE, name="EICAR",
        status=random.choice(list(AlertStatus)),
    )  # fmt: skip
    missing = MissingPatch(id=f"KB{random.randrange(5)}", severity=PatchSeverity.CRITICAL)
    test = RestoreTest(job=job, level=random.choice(list(RestoreLevel)), status=RestoreStatus.SUCCESS, tested_at=then)
    every: dict[str, object] = {
        "backups": (backup(job, status, ended, started_at=then - MINUTE),),
        "restore_tests": (test,),
        "patches": Patches(scanned_at=then, missing=(missing,)),
        "alerts": (alert,),
    }
    said = {kind: section for kind, section in every.items() if random.random() < 0.4}
    return said | {"sent_at": then, "queued": random.choice([0, 3])}


async def test_a_checkpoint_is_taken_once_a_day_of_those_that_learned(either_house: House) -> None:
    practice_id = await practice(either_house)
    await reported_and_judged(either_house, practice_id, NOW)
    for n in range(3):
        await checkpoint(either_house, NOW + HOUR * n)
    assert await count(either_house, "checkpoint") == 1
    await reported_and_judged(either_house, practice_id, NOW + HOUR * 3, seq=1)
    await checkpoint(either_house, NOW + HOUR * 4)
    assert await count(either_house, "checkpoint") == 1
    await checkpoint(either_house, NOW + DAY)
    await checkpoint(either_house, NOW + DAY * 9)
    assert [row["fold_no"] for row in await rows(either_house, "SELECT fold_no FROM checkpoint ORDER BY 1")] == [1, 2]


async def test_raw_heartbeats_go_after_thirty_days_and_reports_stay(either_house: House) -> None:
    practice_id = await practice(either_house)
    await reported_and_judged(either_house, practice_id, NOW, backups=(backup(),))
    await reported_and_judged(either_house, practice_id, NOW + DAY * 20, seq=1)
    await keep_house(either_house, NOW + DAY * 32)
    assert await rows(either_house, "SELECT seq FROM heartbeat") == [{"seq": 1}]
    assert await count(either_house, "section") == 3
    assert await count(either_house, "folded") == 2


async def test_retention_leaves_what_was_known_within_four_hundred_days(either_house: House) -> None:
    practice_id = await practice(either_house)
    seen = []
    for n in range(3):
        at = NOW + DAY * 150 * n
        seen.append(
            (at, await reported_and_judged(either_house, practice_id, at, seq=n, backups=(backup(finished_at=at),)))
        )
        await keep_house(either_house, at + HOUR)
    await keep_house(either_house, NOW + DAY * 440)
    for at, snapshot in seen[1:]:
        assert (await past(either_house, practice_id, at + HOUR * 2)).jobs == snapshot.jobs


async def test_a_practice_that_never_changes_keeps_its_past(either_house: House) -> None:
    practice_id = await practice(either_house)
    seen = await reported_and_judged(either_house, practice_id, NOW, backups=(backup(),))
    await keep_house(either_house, NOW + HOUR)
    await keep_house(either_house, NOW + DAY * 440)
    assert (await past(either_house, practice_id, NOW + DAY * 300)).jobs == seen.jobs


async def test_the_first_day_of_the_window_is_whole(either_house: House) -> None:
    practice_id = await practice(either_house)
    await reported_and_judged(either_house, practice_id, NOW)
    await keep_house(either_house, NOW + HOUR)
    seen = await reported_and_judged(either_house, practice_id, NOW + HOUR * 2, seq=1, backups=(backup(),))
    await keep_house(either_house, NOW + HOUR * 3)
    await keep_house(either_house, NOW + HOUR * 4 + REBUILT_FOR)
    assert (await past(either_house, practice_id, NOW + HOUR * 5)).jobs == seen.jobs


async def test_the_past_beyond_raw_heartbeats_knows_who_was_alive(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW, interval_s=86_400)
    await judge(either_house, practice_id, NOW)
    await report(either_house, practice_id, NOW + DAY, seq=1, interval_s=86_400)
    await judge(either_house, practice_id, NOW + DAY * 4)
    assert await spans(either_house) == [(NOW, NOW + DAY)]
    await keep_house(either_house, NOW + DAY * 40)
    assert (await past(either_house, practice_id, NOW + DAY * 1.5)).endpoints[ENDPOINT].sighting is not None


async def test_when_an_endpoint_was_last_seen_outlives_raw_heartbeats(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW, interval_s=86_400)
    await judge(either_house, practice_id, NOW)
    beat = await report(either_house, practice_id, NOW + DAY, seq=1, interval_s=86_400)
    await either_house.owner.execute("DELETE FROM wake WHERE heartbeat_id = $1", beat.id)
    await either_house.owner.execute("DELETE FROM section WHERE heartbeat_id = $1", beat.id)
    await judge(either_house, practice_id, NOW + DAY * 4)
    assert await _last_seen(either_house) == NOW + DAY
    await keep_house(either_house, NOW + DAY * 40)
    await judge(either_house, practice_id, NOW + DAY * 40)
    assert await _last_seen(either_house) == NOW + DAY


async def _last_seen(house: House) -> datetime:
    seen: datetime = await house.owner.fetchval("SELECT last_seen_at FROM endpoint_now")
    return seen


async def test_deduplication_is_forgotten_once_no_resend_can_come(either_house: House) -> None:
    practice_id = await practice(either_house)
    await report(either_house, practice_id, NOW)
    await keep_house(either_house, NOW + REBUILT_FOR + DAY)
    assert await count(either_house, "accepted") == 0


async def spans(house: House) -> list[tuple[datetime, datetime | None]]:
    found = await rows(house, "SELECT up_from, up_to FROM liveness_span ORDER BY up_from")
    return [(row["up_from"], row["up_to"]) for row in found]


async def test_liveness_is_kept_as_spans(either_house: House) -> None:
    practice_id = await practice(either_house)
    await reported_and_judged(either_house, practice_id, NOW)
    assert await spans(either_house) == [(NOW, None)]
    await report(either_house, practice_id, NOW + MINUTE, seq=1)
    await judge(either_house, practice_id, NOW + HOUR)
    assert await spans(either_house) == [(NOW, NOW + MINUTE)]
    await judge(either_house, practice_id, NOW + HOUR * 2)
    assert await spans(either_house) == [(NOW, NOW + MINUTE)]
    await reported_and_judged(either_house, practice_id, NOW + DAY, seq=2)
    assert await spans(either_house) == [(NOW, NOW + MINUTE), (NOW + DAY, None)]


async def test_the_span_of_a_retired_endpoint_ends(house: House) -> None:
    enrolled = await enrol(house)
    await reported_and_judged(house, enrolled.practice.practice_id, NOW)
    await _retire(house)
    await judge(house, enrolled.practice.practice_id, NOW + DAY)
    assert await spans(house) == [(NOW, NOW)]


async def _retire(house: House) -> None:
    async with house.owner.acquire() as conn:
        await retire_endpoint(conn, await the_practice(conn, "Cabinet Test"), "SRV-01", "scrapped", Deed("ada", NOW))


async def test_a_schedule_is_judged_without_any_report(house: House) -> None:
    enrolled = await enrol(house)
    await schedule(house, enrolled, job_policy(since=NOW, endpoint_id=None))
    verdict = await judge(house, enrolled.practice.practice_id, NOW)
    assert verdict.next_due == NOW + DAY + 15 * MINUTE, "late from then on, and missed with its grace"
    assert await count(house, "snapshot") == 0
