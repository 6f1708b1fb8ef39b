"""Heartbeats that never came, by the holes in `seq`: filled by late ones, the same through however many collectors."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest

from collector.evaluate import snapshot_at
from collector.model.heartbeat import Heartbeat
from collector.store.losses import COUNTED, EndpointKey, Loss, count_losses, renew_losses
from collector.store.reports import load_reports
from tests.factories import DAY, ENDPOINT, HOUR, MINUTE, NOW, PRACTICE, endpoint, heartbeat, new_id
from tests.integration.house import House, arrival, enrol, judge, report, rows, store

OURS = (PRACTICE, ENDPOINT)
Came = tuple[timedelta, int]  # when it was received, before or after NOW, and its `seq`


async def heard(house: House, came: Iterable[Came], interval_s: int = 60) -> list[Heartbeat]:
    beats = [heartbeat(NOW + at, seq, interval_s=interval_s) for at, seq in came]
    await store(house, *(arrival(PRACTICE, beat, beat.sent_at) for beat in beats))
    return beats


async def lost(house: House, until: datetime = NOW) -> int:
    async with house.worker.acquire() as conn:
        losses = await count_losses(conn, [OURS], until)
    return losses[OURS].lost if losses else 0


def minutely(*seqs: int, since: timedelta = -HOUR) -> list[Came]:
    """Received a minute apart in the order given."""
    return [(since + n * MINUTE, seq) for n, seq in enumerate(seqs)]


@pytest.mark.parametrize(
    ("came", "interval_s", "expected"),
    [
        pytest.param([], 60, 0, id="never heard"),
        pytest.param(minutely(7), 60, 0, id="one"),
        pytest.param(minutely(*range(50)), 60, 0, id="none is missing"),
        pytest.param(minutely(1, 2, 4, 5), 60, 1, id="one is missing"),
        pytest.param(minutely(1, 4, 5, 9), 60, 5, id="several holes"),
        pytest.param(minutely(1, 4, 2, 3), 60, 0, id="late ones fill"),
        pytest.param(minutely(1, 5, 2, 3), 60, 0, id="a hole below what came before is not told from a new count"),
        pytest.param(minutely(1, 6, 2, 4, 5), 60, 1, id="a hole between late ones"),
        pytest.param(minutely(2, 1, 4, 3, 5), 60, 0, id="two collectors, out of order"),
        pytest.param(minutely(1, 2, 2, 2, 3), 60, 0, id="the same number again"),
        pytest.param(minutely(1, 1_442), 60, 1_440, id="a day of heartbeats"),
        pytest.param(minutely(1, 1_443), 60, 0, id="more than a day: a new count"),
        pytest.param(minutely(1, 3), 86_400, 1, id="a day of heartbeats, one a day"),
        pytest.param(minutely(1, 4), 86_400, 0, id="more than a day, one a day"),
        pytest.param(minutely(900, 901, 0, 1, 3), 60, 1, id="a count that began again"),
        pytest.param(minutely(0, 2**62), 60, 0, id="a leap to the end of numbers"),
        pytest.param([(-COUNTED, 1), (-HOUR, 5), (-MINUTE, 6)], 60, 0, id="before the day"),
        pytest.param([(-COUNTED + MINUTE, 1), (-HOUR, 5)], 60, 3, id="within the day"),
        pytest.param([(-HOUR, 1), (-MINUTE, 2), (MINUTE, 9)], 60, 0, id="not yet heard"),
    ],
)
async def test_losses_are_the_holes_in_seq(
    either_house: House, came: Sequence[Came], interval_s: int, expected: int
) -> None:
    await heard(either_house, came, interval_s)
    assert await lost(either_house) == expected


async def test_a_resend_and_another_endpoint_are_not_counted(house: House) -> None:
    beat = heartbeat(NOW - HOUR, 1)
    other = endpoint(new_id())
    for at in (NOW - HOUR, NOW - MINUTE):
        await store(house, arrival(PRACTICE, beat, at))
    await store(house, arrival(PRACTICE, heartbeat(NOW, 9, endpoint=other), NOW))
    await store(house, arrival(PRACTICE, heartbeat(NOW, 3), NOW))
    assert await lost(house) == 1


async def test_losses_lapse_as_their_day_passes(house: House) -> None:
    await heard(house, [(-HOUR, 1), (-MINUTE, 3), (timedelta(0), 5)])
    async with house.worker.acquire() as conn:
        found = await count_losses(conn, [OURS], NOW)
        assert found == {OURS: Loss(2, NOW - HOUR + COUNTED)}
        later = await count_losses(conn, [OURS], NOW - HOUR + COUNTED)
        assert later == {OURS: Loss(1, NOW - MINUTE + COUNTED)}
        assert await count_losses(conn, [OURS], NOW + COUNTED) == {}


async def renewed(house: House, now: datetime, *beats: Heartbeat) -> Mapping[EndpointKey, Loss]:
    """As a worker does that was woken by these."""
    async with house.worker.acquire() as conn:
        reports = await load_reports(conn, [(PRACTICE, beat.sent_at, beat.id) for beat in beats])
        assert len(reports.get(PRACTICE, ())) == len(beats)
        return await renew_losses(conn, [PRACTICE], reports, now)


async def test_a_loss_is_found_by_the_report_after_it_and_kept_until_it_lapses(house: House) -> None:
    _, last = await heard(house, [(-HOUR, 1), (timedelta(0), 3)])
    lapses_at = NOW - HOUR + COUNTED
    assert await renewed(house, NOW) == {}
    found = {OURS: Loss(1, lapses_at)}
    assert await renewed(house, NOW, last) == found
    await house.owner.execute("DELETE FROM heartbeat")  # none of it is read again
    assert await renewed(house, lapses_at - MINUTE) == found
    assert await renewed(house, lapses_at) == {}
    assert await rows(house, "SELECT FROM heartbeat_loss") == []


async def test_a_day_is_not_read_for_a_report_that_follows_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever collector the one before it came through."""

    async def never(*_: object) -> Mapping[EndpointKey, Loss]:
        raise AssertionError("a day was read")

    beats = await heard(house, minutely(1, 2, 3))
    monkeypatch.setattr("collector.store.losses.count_losses", never)
    assert await renewed(house, NOW, *beats[1:]) == {}
    with pytest.raises(AssertionError, match="a day was read"):
        await renewed(house, NOW, beats[0])


async def test_a_batch_of_one_instant_has_its_order_by_seq(house: House) -> None:
    beats = await heard(house, [(timedelta(0), seq) for seq in (3, 1, 2, 6, 5)])
    assert await renewed(house, NOW, *beats) == {OURS: Loss(1, NOW + COUNTED)}


async def test_of_an_endpoint_that_floods_the_latest_are_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.store.losses.MOST_COUNTED", 4)
    await heard(house, minutely(1, 3, 5, 6, 7, 9))
    assert await lost(house) == 1


async def test_of_a_machine_that_fell_silent_nothing_is_lost_a_day_later(house: House) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    for n, seq in enumerate((1, 2, 5)):
        await report(house, practice_id, NOW + n * MINUTE, seq=seq)
        await judge(house, practice_id, NOW + n * MINUTE)
    due: datetime | None = NOW + 2 * MINUTE
    while due is not None and due <= NOW + DAY + MINUTE:
        assert await shown(house) == 2
        due = (await judge(house, practice_id, due)).next_due
    assert due is not None
    assert due == NOW + DAY + MINUTE + timedelta(microseconds=1)
    await judge(house, practice_id, due)
    assert await shown(house) == 0


async def shown(house: House) -> int:
    found: int = await house.owner.fetchval("SELECT lost_heartbeats FROM endpoint_now")
    return found


async def test_a_hole_is_shown_until_the_late_ones_fill_it(either_house: House) -> None:
    """Each report as a collector stores it that has not seen the one before: it wakes the worker."""
    practice_id = (await enrol(either_house)).practice.practice_id
    seen = []
    for n, seq in enumerate((1, 2, 6, 5, 3, 4)):
        await report(either_house, practice_id, NOW + n * MINUTE, seq=seq)
        verdict = await judge(either_house, practice_id, NOW + n * MINUTE)
        sighting = verdict.seen.endpoints[ENDPOINT].sighting
        assert sighting is not None
        seen.append((sighting.lost_heartbeats, await shown(either_house)))
    # Of the hole between 3 and 5 the higher end came first: not told from a count that began again.
    assert seen == [(0, 0), (0, 0), (3, 3), (2, 2), (0, 0), (0, 0)]


async def test_two_collectors_that_share_an_endpoint_see_no_loss(house: House) -> None:
    """Each lacks what the other has."""
    practice_id = (await enrol(house)).practice.practice_id
    for n in range(12):
        await report(house, practice_id, NOW + n * MINUTE, seq=n)
        await judge(house, practice_id, NOW + n * MINUTE)
    assert await shown(house) == 0


async def test_what_was_lost_at_a_past_instant_is_what_was_seen_then(house: House) -> None:
    random = Random(11)  # noqa: S311 - repeatable
    practice_id = (await enrol(house, at=NOW - DAY)).practice.practice_id
    at, seq, history = NOW, 0, []
    for _ in range(30):
        at += timedelta(minutes=random.choice([1, 2, 300]))
        seq += random.choice([1, 1, 3])
        await report(house, practice_id, at, seq=seq)
        verdict = await judge(house, practice_id, at)
        history.append((at, verdict.seen.endpoints[ENDPOINT].sighting))
    assert len({sighting.lost_heartbeats for _, sighting in history if sighting}) > 3
    async with house.worker.acquire() as conn:
        for instant, sighting in history:
            assert (await snapshot_at(conn, practice_id, instant)).endpoints[ENDPOINT].sighting == sighting
