"""What collectors write down, how its gaps and shortfalls are merged, and how long it is kept."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from collector.evaluate import our_gaps
from collector.intake import ledger
from collector.metrics import WorkerMetrics, new_registry
from collector.model.arrivals import SHORTFALL_COUNTS
from collector.model.snapshot import Gap
from collector.store.arrivals import ARRIVED_KEPT
from collector.store.listening import KEPT, SLOT, extend_listening
from collector.sweep import Engine
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.integration.house import House, count, enrol, rows, until
from tests.integration.test_intake import URL, beat, door
from tests.integration.test_shortfall import SECOND, arrive, enrolled


async def test_a_collector_writes_down_what_arrived_by_the_slot(either_house: House) -> None:
    for second, heartbeats in ((0, 3), (1, 0), (4, 2), (5, 1)):
        await arrive(either_house, NOW + second * SECOND, heartbeats)
    await arrive(either_house, NOW, 7, "b")
    found = await rows(either_house, "SELECT collector, slot, heartbeats FROM arrived ORDER BY slot, collector")
    assert [tuple(row.values()) for row in found] == [("a", NOW, 5), ("b", NOW, 7), ("a", NOW + SLOT, 1)]
    assert await count(either_house, "listening") == 2


async def test_a_second_without_arrivals_writes_no_row(house: House) -> None:
    await arrive(house, NOW, 0)
    assert await count(house, "arrived") == 0


async def shortfall(house: House, began: timedelta, ended: timedelta | None) -> None:
    ended_at = None if ended is None else NOW + ended
    await house.owner.execute("INSERT INTO shortfall VALUES ($1, $2, 1, 0)", NOW + began, ended_at)


def gap(start: timedelta, end: timedelta) -> Gap:
    return Gap(start=NOW + start, end=NOW + end)


@pytest.mark.parametrize(
    ("listened", "shortfalls", "expected"),
    [
        pytest.param([], [(HOUR, 2 * HOUR)], [gap(HOUR, 2 * HOUR)], id="a shortfall alone"),
        pytest.param([], [(DAY - HOUR / 2, None)], [gap(DAY - HOUR / 2, DAY)], id="one that lasts"),
        pytest.param([], [(DAY - HOUR / 2, 3 * DAY)], [gap(DAY - HOUR / 2, DAY)], id="one that lasted then"),
        pytest.param([], [(DAY, 2 * DAY)], [], id="one that was to come"),
        pytest.param(
            [(-DAY, HOUR), (3 * HOUR, DAY)],
            [(2.5 * HOUR, 3.5 * HOUR)],
            [gap(HOUR, 3.5 * HOUR)],
            id="one across a gap's end",
        ),
        pytest.param(
            [(-DAY, HOUR), (4 * HOUR, DAY)], [(2 * HOUR, 3 * HOUR)], [gap(HOUR, 4 * HOUR)], id="one within a gap"
        ),
        pytest.param(
            [(-DAY, 2 * HOUR), (3 * HOUR, DAY)],
            [(HOUR, 2 * HOUR), (5 * HOUR, 6 * HOUR)],
            [gap(HOUR, 3 * HOUR), gap(5 * HOUR, 6 * HOUR)],
            id="one that touches a gap, and one apart",
        ),
    ],
)
async def test_gaps_and_shortfalls_are_merged(
    either_house: House,
    listened: Sequence[tuple[timedelta, timedelta]],
    shortfalls: Sequence[tuple[timedelta, timedelta | None]],
    expected: list[Gap],
) -> None:
    async with either_house.intake.acquire() as conn:
        for up_from, up_to in listened:
            await extend_listening(conn, "a", NOW + up_from, NOW + up_to)
    for began, ended in shortfalls:
        await shortfall(either_house, began, ended)
    assert list(await our_gaps(either_house.worker, NOW + DAY)) == expected


@pytest.mark.parametrize("ended", [None, 30 * HOUR])
async def test_a_shortfall_counts_for_an_hour(house: House, ended: timedelta | None) -> None:
    await shortfall(house, timedelta(0), ended)
    assert SHORTFALL_COUNTS == HOUR
    assert await our_gaps(house.worker, NOW + 3 * DAY) == (gap(timedelta(0), HOUR),)


async def test_what_arrived_is_kept_two_days(house: House) -> None:
    now = datetime.now(NOW.tzinfo)
    await arrive(house, now - ARRIVED_KEPT - MINUTE, 1)
    await arrive(house, now - ARRIVED_KEPT + MINUTE, 2)
    await Engine(house.worker, (), WorkerMetrics(new_registry())).keep_house()
    assert await rows(house, "SELECT heartbeats FROM arrived") == [{"heartbeats": 2}]


_ENDS = """
    SELECT 'shortfall' AS what, ended_at FROM shortfall UNION ALL SELECT 'span', up_to FROM liveness_span
    UNION ALL SELECT 'listening', up_to FROM listening
"""


async def test_what_rebuilds_the_past_is_kept_as_long_as_that(house: House) -> None:
    now = datetime.now(NOW.tzinfo)
    old, kept = (now - KEPT - MINUTE, now - KEPT + MINUTE)
    (practice_id,) = await enrolled(house, 1)
    for ended_at in (old, kept, None):
        began_at = (ended_at or now) - HOUR
        await house.owner.execute("INSERT INTO shortfall VALUES ($1, $2, 1, 0)", began_at, ended_at)
        await house.owner.execute(
            "INSERT INTO liveness_span VALUES ($1, $2, $3, $4, 60)", practice_id, uuid4(), began_at, ended_at
        )
        await house.owner.execute("INSERT INTO listening VALUES ('a', $1, $2)", began_at, ended_at or now)
    await Engine(house.worker, (), WorkerMetrics(new_registry())).keep_house()
    left = await rows(house, _ENDS)
    assert {tuple(row.values()) for row in left} == {
        *(("shortfall", kept), ("shortfall", None)),
        *(("span", kept), ("span", None)),
        *(("listening", kept), ("listening", now)),
    }


async def written(house: House) -> int:
    found: int = await house.owner.fetchval("SELECT coalesce(sum(heartbeats), 0)::bigint FROM arrived")
    return found


async def test_a_running_collector_tells_what_it_stored(house: House) -> None:
    token = str((await enrol(house)).key)
    async with door(house.database.url) as client:
        for seq in range(3):
            answer = await client.post(URL, json=beat(seq), headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 202

        async def told() -> bool:
            return await written(house) == 3

        await until(told)


async def test_what_could_not_be_written_down_is_added_with_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = iter([10, 13, 17, *[18] * 100])
    away = iter([True, False, *[False] * 100])

    async def extend(*told: object) -> None:
        if next(away):
            raise OSError
        await extend_listening(*told)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "extend_listening", extend)
    monkeypatch.setattr(ledger, "EVERY_S", 0.01)
    keeping = asyncio.create_task(ledger.keep_ledger(house.intake, "a", lambda: next(stored)))

    async def told() -> bool:
        return await written(house) == 8

    await until(told)
    keeping.cancel()
