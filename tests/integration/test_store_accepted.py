"""What is remembered of accepted heartbeats: by the week of the id, on either server, in nobody's way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from collector.model.heartbeat import Heartbeat
from collector.store.accepted import AHEAD, RESENDS_KEPT, keep_accepted, mondays
from collector.store.connect import Connection
from collector.store.intake import append
from collector.store.migrate import prepare
from collector.store.timescale import drop_expired
from tests.factories import DAY, HOUR, NOW, PRACTICE, heartbeat, new_id
from tests.integration.house import House, arrival, count, rows, store, until

WEEK = timedelta(weeks=1)
SECOND = timedelta(seconds=1)
OTHER = "accepted_other"


@pytest.fixture
async def house(either_house: House) -> House:
    """With the weeks of now, whatever another test made of them."""
    for row in await rows(either_house, _PARTS):
        if row["part"] != OTHER:
            await either_house.owner.execute(f"DROP TABLE {row['part']}")
    await keep(either_house, NOW)
    return either_house


_PARTS = """
    SELECT relname AS part FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'vigie.accepted'::regclass ORDER BY relname
"""


async def keep(house: House, now: datetime) -> None:
    async with house.worker.acquire() as conn:
        await keep_accepted(conn, now)


async def parts(house: House) -> set[str]:
    return {row["part"] for row in await rows(house, _PARTS)}


def names(since: datetime, until: datetime) -> set[str]:
    return {f"accepted_{monday:%Y%m%d}" for monday in mondays(since, until)} | {OTHER}


async def places(house: House) -> dict[str, int]:
    found = await rows(house, "SELECT tableoid::regclass::text AS part, count(*) FROM accepted GROUP BY 1")
    return {row["part"]: row["count"] for row in found}


async def accept(house: House, id_at: datetime, received_at: datetime | None = None) -> Heartbeat:
    """A heartbeat whose id was made at an instant of its own clock."""
    at = received_at or id_at
    beat = heartbeat(at).model_copy(update={"id": new_id(id_at)})
    await store(house, arrival(PRACTICE, beat, at))
    return beat


def part_of(at: datetime) -> str:
    return f"accepted_{next(mondays(at, at)):%Y%m%d}"


async def test_there_is_a_week_for_every_id_that_may_come(house: House) -> None:
    assert await parts(house) == names(NOW - RESENDS_KEPT, NOW + AHEAD)


@pytest.mark.parametrize("age", [timedelta(0), 35 * DAY, RESENDS_KEPT, -AHEAD])
async def test_an_id_of_this_time_falls_into_its_week(house: House, age: timedelta) -> None:
    await accept(house, NOW - age, NOW)
    assert await places(house) == {part_of(NOW - age): 1}


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2024, 11, 21, tzinfo=UTC),
                                datetime(9000, 1, 1, tzinfo=UTC)])  # fmt: skip
async def test_the_id_of_a_dead_clock_is_remembered_as_long(house: House, at: datetime) -> None:
    beat = await accept(house, at, NOW)
    assert await places(house) == {OTHER: 1}
    await keep(house, NOW + RESENDS_KEPT)
    again = arrival(PRACTICE, beat, NOW + RESENDS_KEPT)
    assert await store(house, again) == {(PRACTICE, beat.id): NOW}
    await keep(house, NOW + RESENDS_KEPT + SECOND)
    assert await places(house) == {}


async def test_a_week_begins_and_ends_to_the_millisecond(house: House) -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    for at in (monday - SECOND / 1_000, monday, monday + WEEK - SECOND / 1_000, monday + WEEK):
        await accept(house, at)
    assert await places(house) == {part_of(monday - WEEK): 1, part_of(monday): 2, part_of(monday + WEEK): 1}


@pytest.mark.parametrize(
    ("at", "first"),
    [
        ("1969-12-31T23:59:59Z", "00000000-0000-0000-0000-000000000000"),
        ("1601-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000"),
        ("1970-01-01T00:00:00.001Z", "00000000-0001-0000-0000-000000000000"),
        ("2026-11-21T18:00:00Z", "019aa7c8-3e80-0000-0000-000000000000"),
        ("10889-08-02T05:31:50.655Z", "ffffffff-ffff-0000-0000-000000000000"),
        ("20000-01-01T00:00:00Z", "ffffffff-ffff-0000-0000-000000000000"),
        ("-infinity", "00000000-0000-0000-0000-000000000000"),
        ("infinity", "ffffffff-ffff-0000-0000-000000000000"),
    ],
)
async def test_the_first_id_of_odd_instants(house: House, at: str, first: str) -> None:
    found = await house.owner.fetchval("SELECT vigie.first_id($1::text::timestamptz)", at)
    if at.startswith("2026"):
        first = f"{int(NOW.timestamp() * 1_000):012x}".ljust(32, "0")
    assert found == UUID(first)


async def test_a_resend_35_days_later_is_known(house: House) -> None:
    beat = await accept(house, NOW)
    for days in (10, 20, 35):
        await keep(house, NOW + days * DAY)
        assert await store(house, arrival(PRACTICE, beat, NOW + days * DAY)) == {(PRACTICE, beat.id): NOW}
    assert [await count(house, table) for table in ("accepted", "heartbeat")] == [1, 1]


async def test_what_cannot_be_resent_goes_by_the_week(house: House) -> None:
    await accept(house, NOW)
    ends = datetime(2026, 11, 23, tzinfo=UTC) + RESENDS_KEPT
    await keep(house, ends - SECOND)
    assert await places(house) == {part_of(NOW): 1}
    await keep(house, ends)
    assert await places(house) == {}
    assert await parts(house) == names(ends - RESENDS_KEPT, ends + AHEAD)


async def test_an_id_of_a_clock_weeks_behind_outlives_its_week(house: House) -> None:
    """It may be sent again for as long as any other."""
    late = await accept(house, NOW - 39 * DAY, NOW)
    await accept(house, NOW - 39 * DAY)
    await keep(house, NOW + 8 * DAY)
    assert await places(house) == {OTHER: 1}
    assert await store(house, arrival(PRACTICE, late, NOW + 8 * DAY)) == {(PRACTICE, late.id): NOW}


_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_an_id_that_comes_in_while_its_week_goes_is_not_forgotten(house: House) -> None:
    late = heartbeat(NOW).model_copy(update={"id": new_id(NOW - 39 * DAY)})
    async with house.intake.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await append(conn, [arrival(PRACTICE, late, NOW)])
        dropping = asyncio.create_task(keep(house, NOW + 8 * DAY))

        async def waits() -> bool:
            return bool(await house.owner.fetchval(_WAITS))

        await until(waits)
        await transaction.commit()
    with suppress(asyncpg.LockNotAvailableError):  # a slow machine may need a second round
        await dropping
    await keep(house, NOW + 8 * DAY)
    assert part_of(NOW - 39 * DAY) not in await parts(house)
    assert await store(house, arrival(PRACTICE, late, NOW + 8 * DAY)) == {(PRACTICE, late.id): NOW}


async def test_a_week_made_late_takes_its_rows_along(house: House) -> None:
    """After weeks without a worker, new ids have fallen beside the weeks."""
    later = NOW + AHEAD + 2 * WEEK
    beats = [await accept(house, later - age) for age in (timedelta(0), HOUR, 12 * DAY)]
    assert await places(house) == {OTHER: 3}
    await keep(house, later)
    assert await places(house) == {part_of(later): 2, part_of(later - 12 * DAY): 1}
    for beat in beats:
        assert await store(house, arrival(PRACTICE, beat, later + HOUR)) == {(PRACTICE, beat.id): beat.sent_at}
    assert await count(house, "heartbeat") == 3


async def test_preparing_again_after_weeks_makes_what_lacks(house: House) -> None:
    now = datetime.now(UTC)
    this_week = part_of(now)
    await house.owner.execute(f"DROP TABLE {this_week}")
    beat = await accept(house, now)
    for _ in range(2):
        await prepare(house.database.url)
        assert await places(house) == {this_week: 1}
    assert await store(house, arrival(PRACTICE, beat, now + HOUR)) == {(PRACTICE, beat.id): now}


async def test_many_workers_at_once_make_and_drop_each_week_once(house: House) -> None:
    later = NOW + 20 * WEEK
    await accept(house, NOW)
    await accept(house, later)
    await asyncio.gather(*(keep(house, later) for _ in range(5)))
    assert await parts(house) == names(later - RESENDS_KEPT, later + AHEAD)
    assert await places(house) == {part_of(later): 1}


@asynccontextmanager
async def intake_at_work(house: House, at: datetime) -> AsyncIterator[Connection]:
    """A batch that has been appended and does not commit, beside a resend that is looked up."""
    async with house.intake.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await conn.execute("INSERT INTO accepted VALUES ($1, $2, $3)", PRACTICE, new_id(at), at)
        await conn.fetch("SELECT received_at FROM accepted WHERE practice_id = $1", PRACTICE)
        yield conn
        await transaction.rollback()


@pytest.mark.parametrize("step", ["a new week", "an old week"])
async def test_a_step_gives_up_rather_than_hold_up_intake(house: House, step: str) -> None:
    later = NOW + (AHEAD + WEEK if step == "a new week" else timedelta(0))
    if step == "an old week":
        async with house.owner.acquire() as conn:
            await conn.execute("SELECT vigie.make_accepted_week($1)", date(2026, 8, 3))
    before = await parts(house)
    async with intake_at_work(house, NOW):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await keep(house, later)
        await accept(house, NOW)  # and nobody waits for what gave up
    assert await parts(house) == before
    await keep(house, later)
    assert await parts(house) == names(later - RESENDS_KEPT, later + AHEAD)


async def test_intake_goes_on_beside_retention_that_waits(house: House) -> None:
    """An append that queues behind a waiting step is served when the step gives up: long before agents do."""
    async with intake_at_work(house, NOW):
        waiting = asyncio.create_task(keep(house, NOW + AHEAD + WEEK))
        async with asyncio.timeout(5):
            for n in range(20):
                await accept(house, NOW + n * SECOND)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await waiting
    assert await count(house, "accepted") == 20


async def test_weeks_that_are_there_are_kept_without_any_lock(house: House) -> None:
    async with intake_at_work(house, NOW):
        await keep(house, NOW)


async def test_a_database_in_use_is_prepared_all_the_same(house: House) -> None:
    now = datetime.now(UTC)
    await house.owner.execute(f"DROP TABLE {part_of(now)}")
    async with intake_at_work(house, now):
        await prepare(house.database.url)
    await prepare(house.database.url)
    assert part_of(now) in await parts(house)


async def test_the_series_are_dropped_though_a_week_cannot_be(house: House) -> None:
    await accept(house, NOW - 31 * DAY)
    later = NOW + AHEAD + WEEK
    async with house.worker.acquire() as conn, intake_at_work(house, NOW):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await drop_expired(conn, later)
    assert await count(house, "heartbeat") == 0


async def test_only_the_worker_may_ask_for_it(house: House) -> None:
    calls = ("make_accepted_week('2026-11-16')", "drop_accepted_week(now())", "forget_accepted_other(now())")
    for pool in (house.intake, house.api):
        for call in calls:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(f"SELECT vigie.{call}")


async def test_a_week_begins_on_a_monday(house: House) -> None:
    with pytest.raises(asyncpg.RaiseError, match="no Monday"):
        await house.worker.execute("SELECT vigie.make_accepted_week('2026-11-17')")


async def test_a_week_is_no_door_around_the_grants(house: House) -> None:
    for part in await parts(house):
        for pool in (house.intake, house.worker, house.api):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(f"SELECT FROM {part}")


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC), [date(2026, 11, 16)]),
        (datetime(2026, 11, 15, 23, 59, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC),
         [date(2026, 11, 9), date(2026, 11, 16)]),
        (datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC), [date(2026, 12, 28), date(2027, 1, 4)]),
    ],
)  # fmt: skip
def test_the_mondays_between(since: datetime, until: datetime, expected: list[date]) -> None:
    assert list(mondays(since, until)) == expected
