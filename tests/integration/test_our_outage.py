"""Our own outage through the judge: no practice is alarmed by it, and none is forgotten over it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from collector.evaluate import our_gaps, watch_arrivals
from collector.model.arrivals import Share
from collector.model.heartbeat import Role
from collector.store.arrivals import owed_by_fleet
from collector.store.listening import extend_listening
from tests.factories import DAY, HOUR, MINUTE, NOW, endpoint
from tests.integration.house import House, count, enrol, judge, report, rows
from tests.integration.test_shortfall import arrive, enrolled

SECOND = timedelta(seconds=1)


async def machines_report(house: House, practice_ids: Sequence[UUID], at: datetime, seq: int) -> dict[UUID, UUID]:
    """A machine of each practice, the same whenever asked."""
    known = {one: UUID(int=one.int ^ 1) for one in practice_ids}
    for practice_id, machine in known.items():
        await report(house, practice_id, at, seq=seq, endpoint=endpoint(machine))
    await arrive(house, at, len(known))
    return known


async def judged(house: House, practice_ids: Sequence[UUID], now: datetime) -> list[str]:
    """As a worker does: arrivals first; what changed."""
    await watch_arrivals(house.worker)
    gaps = await our_gaps(house.worker, now)
    verdicts = [await judge(house, one, now, gaps) for one in practice_ids]
    return [change.what.value for verdict in verdicts for change in verdict.changes]


async def heard_for_ten_minutes(house: House, practice_ids: Sequence[UUID]) -> None:
    for minute in range(11):
        at = NOW - (10 - minute) * MINUTE
        await machines_report(house, practice_ids, at, minute)
        assert await judged(house, practice_ids, at) == []


async def test_behind_a_broken_load_balancer_nobody_is_alarmed_until_an_hour_is_over(either_house: House) -> None:
    practice_ids = await enrolled(either_house, 6)
    await heard_for_ten_minutes(either_house, practice_ids)
    for now in (NOW + 66 * SECOND, NOW + 2 * MINUTE, NOW + HOUR / 2, NOW + HOUR):
        await arrive(either_house, now, 0)
        assert await judged(either_house, practice_ids, now) == []
    # It counts as ours for an hour since it began, and then there is time to catch up.
    at = NOW + 6 * SECOND + HOUR + 15 * MINUTE
    await arrive(either_house, at - SECOND, 0)
    assert await judged(either_house, practice_ids, at - SECOND) == []
    await arrive(either_house, at, 0)
    assert await judged(either_house, practice_ids, at) == ["opened"] * 6
    assert await judged(either_house, practice_ids, at + MINUTE) == []
    (found,) = await rows(either_house, "SELECT ended_at FROM shortfall")
    assert found["ended_at"] is not None


async def test_after_our_own_outage_of_two_hours_nothing_false_opens(either_house: House) -> None:
    """Neither while nobody listens, nor while agents come back one after another."""
    practice_ids = await enrolled(either_house, 6)
    await heard_for_ten_minutes(either_house, practice_ids)
    back = NOW + 2 * HOUR
    for now in (NOW + MINUTE, NOW + 2 * MINUTE, NOW + HOUR, back):
        assert await judged(either_house, practice_ids, now) == []
    for number, practice_id in enumerate(practice_ids):
        now = back + number * 10 * SECOND
        async with either_house.intake.acquire() as conn:
            await extend_listening(conn, "b", back, now, 1)
        await report(either_house, practice_id, now, seq=11, endpoint=endpoint(UUID(int=practice_id.int ^ 1)))
        assert await judged(either_house, practice_ids, now) == []
    assert await judged(either_house, practice_ids, back + 90 * SECOND) == []
    assert await count(either_house, "incident") == 0


async def test_a_practice_that_stays_away_after_our_outage_is_found(house: House) -> None:
    practice_ids = await enrolled(house, 6)
    await heard_for_ten_minutes(house, practice_ids)
    back = NOW + 2 * HOUR
    assert await judged(house, practice_ids, back) == []
    found: list[str] = []
    for minute in range(5):
        await machines_report(house, practice_ids[1:], back + minute * MINUTE, 11 + minute)
        found += await judged(house, practice_ids, back + minute * MINUTE)
    assert found == ["opened"]


async def test_workstations_switched_off_in_the_evening_are_no_outage(house: House) -> None:
    """Nine of ten machines go within a quarter of an hour, and are found silent one after another."""
    practice_ids = await enrolled(house, 10)
    up = {one: NOW + (n * 80) * SECOND for n, one in enumerate(practice_ids[1:])} | {practice_ids[0]: NOW + DAY}
    await heard_for_ten_minutes(house, practice_ids)
    for minute in range(1, 30):
        now = NOW + minute * MINUTE
        await machines_report(house, [one for one in practice_ids if up[one] >= now], now, 10 + minute)
        await judged(house, practice_ids, now)
    assert await count(house, "shortfall") == 0
    assert await count(house, "incident") == 9


async def test_a_retired_machine_owes_until_it_is_found_silent(house: House) -> None:
    """Else replaced machines would be owed for years, and the whole fleet fall short."""
    practice_id = (await enrol(house)).practice.practice_id
    await report(house, practice_id, NOW)
    await judge(house, practice_id, NOW)
    await house.owner.execute("UPDATE policy SET body = jsonb_set(body, '{retired_because}', '\"left us\"')")
    due = (await judge(house, practice_id, NOW + SECOND)).next_due
    assert due == NOW + 2 * MINUTE
    await judge(house, practice_id, due)
    assert await rows(house, "SELECT up_to FROM liveness_span") == [{"up_to": NOW}]


async def test_an_open_span_owes_by_the_interval_of_now(either_house: House) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    for seq, interval_s in enumerate((60, 3_600)):
        at = NOW + seq * SECOND
        await report(either_house, practice_id, at, seq=seq, interval_s=interval_s, endpoint=endpoint(role=Role.NAS))
        await judge(either_house, practice_id, at)
    async with either_house.worker.acquire() as conn:
        assert (await owed_by_fleet(conn, NOW)).shares == {3_600: Share(endpoints=1, practices=1)}
