"""Our own outages, read from the ledger of when collectors could commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from collector.model.snapshot import Gap
from collector.store.listening import TOLERATED, extend_listening, gaps_since
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.integration.house import House

SECOND = timedelta(seconds=1)
Span = tuple[str, timedelta, timedelta]


async def gaps(house: House, spans: Sequence[Span], since: datetime = NOW, now: datetime = NOW + DAY) -> list[Gap]:
    await house.owner.execute("DELETE FROM listening")
    async with house.intake.acquire() as conn:
        for collector, up_from, up_to in spans:
            await extend_listening(conn, collector, NOW + up_from, NOW + up_to)
    async with house.worker.acquire() as conn:
        return list(await gaps_since(conn, since, now))


def gap(start: timedelta, end: timedelta) -> Gap:
    return Gap(start=NOW + start, end=NOW + end)


NONE = timedelta(0)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param([], [], id="no collector ever"),
        pytest.param([("a", NONE, DAY)], [], id="one that never stopped"),
        pytest.param([("a", HOUR, DAY)], [], id="nothing before the first collector"),
        pytest.param([("a", NONE, HOUR)], [gap(HOUR, DAY)], id="one that lasts"),
        pytest.param([("a", NONE, DAY - TOLERATED)], [], id="as long as is tolerated"),
        pytest.param([("a", NONE, DAY - TOLERATED - SECOND)], [gap(DAY - TOLERATED - SECOND, DAY)], id="a bit longer"),
        pytest.param([("a", NONE, HOUR), ("b", 2 * HOUR, DAY)], [gap(HOUR, 2 * HOUR)], id="between two"),
        pytest.param([("a", NONE, 3 * HOUR), ("b", 2 * HOUR, DAY)], [], id="two that overlap"),
        pytest.param([("a", NONE, DAY), ("b", HOUR, 2 * HOUR)], [], id="one within another"),
        pytest.param(
            [("a", NONE, 9 * HOUR), ("b", HOUR, 2 * HOUR), ("b", 10 * HOUR, DAY)],
            [gap(9 * HOUR, 10 * HOUR)],
            id="the one that ended last counts, not the one that began last",
        ),
        pytest.param(
            [("a", NONE, HOUR), ("a", 2 * HOUR, 3 * HOUR), ("a", 5 * HOUR, DAY)],
            [gap(HOUR, 2 * HOUR), gap(3 * HOUR, 5 * HOUR)],
            id="several",
        ),
    ],
)
async def test_gaps_are_what_no_collector_covers(
    shared_house: House, spans: Sequence[Span], expected: list[Gap]
) -> None:
    assert await gaps(shared_house, spans) == expected


async def test_gaps_are_found_on_either_server(either_house: House) -> None:
    spans = [("a", NONE, HOUR), ("b", 2 * HOUR, DAY)]
    assert await gaps(either_house, spans) == [gap(HOUR, 2 * HOUR)]


async def test_a_gap_that_began_before_the_window_is_whole(shared_house: House) -> None:
    spans = [("a", NONE, HOUR), ("a", 3 * HOUR, DAY)]
    assert await gaps(shared_house, spans, since=NOW + 2 * HOUR) == [gap(HOUR, 3 * HOUR)]


async def test_a_past_instant_sees_the_gap_as_it_lasted_then(shared_house: House) -> None:
    spans = [("a", NONE, HOUR), ("a", 3 * HOUR, DAY)]
    assert await gaps(shared_house, spans, now=NOW + 2 * HOUR) == [gap(HOUR, 2 * HOUR)]


async def test_extending_a_span_moves_its_end_alone(shared_house: House) -> None:
    assert await gaps(shared_house, [("a", NONE, MINUTE), ("a", NONE, HOUR)]) == [gap(HOUR, DAY)]
    assert await shared_house.owner.fetchval("SELECT count(*) FROM listening") == 1
