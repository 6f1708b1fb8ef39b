"""A broken way to our collectors: told from what arrives of what is owed, and from who is heard."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from collector.administer import Deed, enrol_practice
from collector.evaluate import our_gaps, watch_arrivals, weigh_arrivals
from collector.metrics import WorkerMetrics, new_registry
from collector.model.arrivals import Owed, Share
from collector.store.arrivals import owed_by_fleet
from collector.store.listening import extend_listening
from collector.sweep import ARRIVALS_EVERY_S, Engine
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.integration.house import House, enrol, rows

SECOND = timedelta(seconds=1)
EVERY = timedelta(seconds=ARRIVALS_EVERY_S)

_SPAN = "INSERT INTO liveness_span (practice_id, endpoint_id, up_from, interval_s) VALUES ($1, $2, $3, $4)"


async def enrolled(house: House, practices: int) -> list[UUID]:
    deed = Deed("test", NOW - DAY)
    async with house.owner.acquire() as conn:
        made = [await enrol_practice(conn, f"Cabinet {n}", "Europe/Paris", deed) for n in range(practices)]
    return [one.practice.practice_id for one in made]


_BEAT = """
    INSERT INTO heartbeat
    SELECT practice_id, endpoint_id, $3, gen_random_uuid(), 1, $3, 0, interval_s, 0, 0
    FROM liveness_span JOIN unnest($1::uuid[], $2::uuid[]) AS heard (practice_id, endpoint_id)
        USING (practice_id, endpoint_id)
"""

Machine = tuple[UUID, UUID]


async def fleet(house: House, machines: int, interval_s: int = 60, practices: int = 4) -> list[Machine]:
    """Machines that have been up since long, spread over practices."""
    practice_ids = await enrolled(house, practices)
    return await machines_of(house, [practice_ids[n % practices] for n in range(machines)], interval_s)


async def machines_of(house: House, practice_ids: Sequence[UUID], interval_s: int = 60) -> list[Machine]:
    """One that has been up since long for each time that a practice is named."""
    made = [(practice_id, uuid4()) for practice_id in practice_ids]
    await house.owner.executemany(_SPAN, [(*machine, NOW - DAY, interval_s) for machine in made])
    return made


async def arrive(house: House, at: datetime, heartbeats: int, collector: str = "a") -> None:
    async with house.intake.acquire() as conn:
        await extend_listening(conn, collector, NOW - DAY, at, heartbeats)


async def hear(house: House, machines: Sequence[Machine], at: datetime) -> None:
    """A heartbeat of each, as a collector stores it and writes it down."""
    await house.owner.execute(_BEAT, [one[0] for one in machines], [one[1] for one in machines], at)
    await arrive(house, at, len(machines))


async def steady(house: House, since: datetime, until: datetime, machines: Sequence[Machine]) -> None:
    """Each once a minute, their phases spread evenly."""
    for at in instants(since, until - SECOND, SECOND):
        first, beyond = (((at.second + n) * len(machines)) // 60 for n in (0, 1))
        await hear(house, machines[first:beyond], at)


async def watch(house: House, now: datetime) -> list[dict[str, object]]:
    """While our collectors listen."""
    await arrive(house, now, 0)
    await watch_arrivals(house.worker)
    return await shortfalls(house)


async def shortfalls(house: House) -> list[dict[str, object]]:
    return await rows(house, "SELECT began_at, ended_at FROM shortfall ORDER BY began_at")


def instants(since: datetime, until: datetime, every: timedelta) -> Iterator[datetime]:
    while since <= until:
        yield since
        since += every


async def test_open_spans_owe_by_their_intervals(either_house: House) -> None:
    one, other = await enrolled(either_house, 2)
    for practice_id, interval_s, up_from in ((one, 60, NOW), (one, 60, NOW), (one, 30, NOW), (other, 60, NOW)):
        await either_house.owner.execute(_SPAN, practice_id, uuid4(), up_from, interval_s)
    await either_house.owner.execute(_SPAN, other, uuid4(), NOW + SECOND, 60)
    await either_house.owner.execute("UPDATE liveness_span SET up_to = $1 WHERE interval_s = 30", NOW)
    async with either_house.worker.acquire() as conn:
        owed = await owed_by_fleet(conn, NOW)
    assert owed.shares == {60: Share(endpoints=3, practices=2)}


async def test_each_practice_counts_one_whatever_it_claims(either_house: House) -> None:
    one, other = await enrolled(either_house, 2)
    await machines_of(either_house, [one], 60)
    await machines_of(either_house, [other] * 3, 1)
    await machines_of(either_house, [other], 60)
    async with either_house.worker.acquire() as conn:
        owed = await owed_by_fleet(conn, NOW)
    assert owed.shares == {60: Share(endpoints=2, practices=1.25), 1: Share(endpoints=3, practices=0.75)}


async def test_nobody_owes_anything_to_a_new_house(either_house: House) -> None:
    assert await watch(either_house, NOW) == []


@pytest.mark.parametrize("machines", [4, 12, 40, 400])
async def test_a_broken_way_is_seen_before_anybody_is_silent(either_house: House, machines: int) -> None:
    """A machine is found silent two minutes after it was last heard: its minute, and its grace."""
    await steady(either_house, NOW - 2 * MINUTE, NOW, await fleet(either_house, machines))
    first_silent = NOW - MINUTE + MINUTE / machines - SECOND + 2 * MINUTE
    seen: datetime | None = None
    for now in instants(NOW, first_silent - EVERY, EVERY):
        if await watch(either_house, now):
            seen = now
            break
    assert seen is not None
    (gap,) = await our_gaps(either_house.worker, NOW + 2 * MINUTE)
    assert NOW - MINUTE < gap.start <= NOW
    assert gap.end == NOW + 2 * MINUTE


async def test_a_fleet_that_is_heard_as_usual_has_none(house: House) -> None:
    machines = await fleet(house, 40)
    await steady(house, NOW - 2 * MINUTE, NOW, machines)
    for now in instants(NOW, NOW + 3 * MINUTE - EVERY, EVERY):
        await steady(house, now, now + EVERY, machines)
        assert await watch(house, now + EVERY) == []


async def test_a_shortfall_ends_when_heartbeats_come_again(either_house: House) -> None:
    machines = await fleet(either_house, 40)
    assert await watch(either_house, NOW) == [{"began_at": NOW - MINUTE, "ended_at": None}]
    assert await watch(either_house, NOW + HOUR) == [{"began_at": NOW - MINUTE, "ended_at": None}]
    await hear(either_house, machines, NOW + HOUR)
    over = {"began_at": NOW - MINUTE, "ended_at": NOW + HOUR + SECOND}
    assert await watch(either_house, NOW + HOUR + SECOND) == [over]
    await hear(either_house, machines, NOW + HOUR + MINUTE)
    assert await watch(either_house, NOW + HOUR + MINUTE) == [over]


async def test_a_shortfall_ends_when_nobody_is_up_any_more(house: House) -> None:
    await fleet(house, 40)
    await watch(house, NOW)
    await house.owner.execute("UPDATE liveness_span SET up_to = $1", NOW)
    assert await watch(house, NOW + MINUTE) == [{"began_at": NOW - MINUTE, "ended_at": NOW + MINUTE}]


async def test_what_a_few_held_back_does_not_end_one(house: House) -> None:
    machines = await fleet(house, 40, practices=20)
    await watch(house, NOW)
    for n in range(10):
        await hear(house, machines[:4] * 10, NOW + MINUTE + n * SECOND)
    assert await watch(house, NOW + MINUTE + 10 * SECOND) == [{"began_at": NOW - MINUTE, "ended_at": None}]


async def test_of_a_shortfall_that_lasts_the_figures_follow(house: House) -> None:
    await fleet(house, 60)
    await watch(house, NOW)
    await arrive(house, NOW + MINUTE, 6)
    await watch(house, NOW + MINUTE)
    (found,) = await rows(house, "SELECT began_at, owed, arrived FROM shortfall")
    assert found == {"began_at": NOW - MINUTE, "owed": pytest.approx(1.0), "arrived": pytest.approx(0.1)}


async def test_many_workers_open_one_and_close_it_once(either_house: House) -> None:
    machines = await fleet(either_house, 40)
    await arrive(either_house, NOW, 0)
    await asyncio.gather(*(watch_arrivals(either_house.worker) for _ in range(6)))
    assert await shortfalls(either_house) == [{"began_at": NOW - MINUTE, "ended_at": None}]
    await hear(either_house, machines, NOW + MINUTE)
    await asyncio.gather(*(watch_arrivals(either_house.worker) for _ in range(6)))
    assert await shortfalls(either_house) == [{"began_at": NOW - MINUTE, "ended_at": NOW + MINUTE}]


async def test_one_that_came_and_went_within_a_second_does_no_harm(house: House) -> None:
    await fleet(house, 40)
    once = await watch(house, NOW)
    await house.owner.execute("UPDATE shortfall SET ended_at = $1", NOW)
    await watch(house, NOW)
    assert await watch(house, NOW + SECOND) == [
        {**once[0], "ended_at": NOW},
        {"began_at": NOW + SECOND - MINUTE, "ended_at": None},
    ]


@pytest.mark.parametrize(
    ("sizes", "heard", "expected"),
    [
        pytest.param([10, 10], 0, False, id="both of two"),
        pytest.param([10, 10, 10], 0, False, id="all of three"),
        pytest.param([10, 10, 10], 1, False, id="two of three"),
        pytest.param([1, 10, 10, 10], 1, False, id="the large three of four"),
        pytest.param([100, 1, 1, 1, 1], 1, False, id="all but the largest"),
        pytest.param([1, 100, 1, 1], 1, False, id="nearly all machines, and one practice is well"),
        pytest.param([1, 10, 10, 10, 10], 1, True, id="four of five"),
        pytest.param([10, 10, 10, 10], 0, True, id="all of four"),
    ],
)
async def test_only_where_most_practices_are_unheard_is_it_our_outage(
    house: House, sizes: Sequence[int], heard: int, expected: bool
) -> None:
    practice_ids = await enrolled(house, len(sizes))
    machines = await machines_of(
        house, [one for one, size in zip(practice_ids, sizes, strict=True) for _ in range(size)]
    )
    await hear(house, [one for one in machines if one[0] in practice_ids[:heard]], NOW)
    assert bool(await watch(house, NOW + SECOND)) is expected


@pytest.mark.parametrize("interval_s", [1, 60, 300])
async def test_stolen_keys_that_claim_much_cannot_feign_one(house: House, interval_s: int) -> None:
    """What they claim and do not send would else excuse the silence of everybody."""
    machines = await fleet(house, 20, practices=20)
    await machines_of(house, [practice_id for practice_id, _ in machines[:4]] * 200, interval_s)
    await hear(house, machines, NOW)
    assert await watch(house, NOW + SECOND) == []


async def test_stolen_keys_that_claim_much_cannot_hide_one(house: House) -> None:
    machines = await fleet(house, 20, practices=20)
    await machines_of(house, [practice_id for practice_id, _ in machines[:4]] * 200, 1)
    assert await watch(house, NOW) == [{"began_at": NOW - MINUTE, "ended_at": None}]


@pytest.mark.parametrize("ahead", [-HOUR, timedelta(0), HOUR])
async def test_the_clock_of_collectors_tells(house: House, ahead: timedelta) -> None:
    """Whatever ours says: the instants of this test are no times of now."""
    machines = await fleet(house, 40)
    await hear(house, machines, NOW + ahead)
    assert await watch(house, NOW + ahead + MINUTE) == []
    (found,) = await watch(house, NOW + ahead + 2 * MINUTE)
    assert found["began_at"] == NOW + ahead + MINUTE


async def test_while_no_collector_listens_nothing_is_told(house: House) -> None:
    await fleet(house, 40)
    await watch_arrivals(house.worker)
    assert await shortfalls(house) == []
    lasting = await watch(house, NOW)
    await watch_arrivals(house.worker)
    assert await shortfalls(house) == lasting


async def test_what_has_just_come_back_owes_nothing_of_the_past(house: House) -> None:
    await fleet(house, 40)
    await house.owner.execute("UPDATE liveness_span SET up_from = $1", NOW - MINUTE)
    assert await watch(house, NOW) == []
    assert await watch(house, NOW + 4 * MINUTE) != []


async def test_the_worker_looks_before_it_claims_and_not_at_every_tick(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Owed | None] = []
    found = Owed(shares={})

    async def look(_: object, owed: Owed | None) -> Owed:
        looked.append(owed)
        return found

    monkeypatch.setattr("collector.sweep.watch_arrivals", look)
    engine = Engine(house.worker, (), WorkerMetrics(new_registry()))
    for _ in range(3):
        await engine.sweep()
    assert looked == [None]
    monkeypatch.setattr("collector.sweep.ARRIVALS_EVERY_S", 0.0)
    await engine.sweep()
    assert looked == [None, found]  # what is owed is summed once a minute
    monkeypatch.setattr("collector.sweep.OWED_EVERY_S", 0.0)
    await engine.sweep()
    assert looked == [None, found, None]


async def test_alarms_do_not_hang_on_the_weighing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("collector.sweep.watch_arrivals", fail)
    practice_id = (await enrol(house)).practice.practice_id
    registry = new_registry()
    await Engine(house.worker, (), WorkerMetrics(registry)).sweep()
    assert await rows(house, "SELECT practice_id FROM practice_now") == [{"practice_id": practice_id}]
    assert registry.get_sample_value("vigie_worker_failures_total", {"step": "arrivals"}) == 1


async def test_the_weighing_of_a_large_fleet_is_told_whole(house: House) -> None:
    await fleet(house, 1_000)
    await arrive(house, NOW, 300)
    async with house.worker.acquire() as conn:
        arrivals = await weigh_arrivals(conn, NOW + SECOND)
    assert (arrivals.arrived, arrivals.window) == (300, MINUTE)
    assert arrivals.per_second == pytest.approx(5.0)
    assert arrivals.owed.per_second == pytest.approx(1_000 / 60)
