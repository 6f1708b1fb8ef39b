"""What lasts is told to an Alertmanager again and again: by one worker, once in an interval, holding up nobody."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from collector.delivery import resending
from collector.delivery.alertmanager import INTERVALS
from collector.delivery.outlets import Outlets, always
from collector.delivery.resending import AT_ONCE, Outcome, Resends, resend
from collector.delivery.rounds import LOOK_UP_EVERY
from collector.metrics import WorkerMetrics, new_registry
from collector.model.incident import Incident, IncidentState, Told
from collector.store.incidents import put_incidents
from tests.factories import NOW, finding, incident
from tests.integration.board import NAME, RESEND, Board, ends, opened
from tests.integration.house import House, enrol, until


async def lasts(house: House, *incidents: Incident) -> None:
    """Incidents of a practice of their own."""
    practice_id = (await enrol(house)).practice.practice_id
    async with house.worker.acquire() as conn:
        await put_incidents(conn, [(practice_id, one) for one in incidents])


def told(job: str = "daily", *channels: str, **more: object) -> Incident:
    names = channels or (NAME,)
    one = incident(finding(job=job, since=NOW), told=tuple(Told(channel=one) for one in names))
    return one.model_copy(update=more)


async def resolve(house: House) -> None:
    await house.owner.execute("UPDATE incident SET state = 'resolved', resolved_at = now(), told = '[]'")


async def due_again(house: House) -> None:
    """As if the interval were over."""
    await house.owner.execute("UPDATE poll SET due_at = now()")


async def test_what_it_was_told_of_and_lasts_is_told_again(house: House, board: Board) -> None:
    over = {"state": IncidentState.RESOLVED, "resolved_at": NOW}
    await lasts(
        house,
        told("mine"), told("acknowledged", state=IncidentState.ACKNOWLEDGED), told("ours", "sms", NAME),
        told("another's", "sms"), told("nobody's").model_copy(update={"told": ()}), told("over", **over),
    )  # fmt: skip
    async with opened(board) as channel:
        now = datetime.now(UTC)
        assert await resend(house.worker, channel) is Outcome.TAKEN
    (request,) = board.requests
    assert sorted(one["labels"]["subject"].rpartition(":")[2] for one in request) == ["acknowledged", "mine", "ours"]
    assert {one["labels"]["practice"] for one in request} == {"Cabinet Test"}
    assert all(ends(one) >= now + INTERVALS * RESEND for one in request)


async def test_it_is_told_by_one_worker_once_in_an_interval(house: House, board: Board) -> None:
    await lasts(house, told())
    async with opened(board) as channel:
        outcomes = await asyncio.gather(*(resend(house.worker, channel) for _ in range(4)))
        assert sorted(outcomes, key=str) == [None, None, None, Outcome.TAKEN]
        await due_again(house)
        assert await resend(house.worker, channel) is Outcome.TAKEN
    assert len(board.requests) == 2


async def test_one_turn_that_fails_leaves_the_next(house: House, board: Board) -> None:
    await lasts(house, told())
    board.statuses = [503, 200]
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.FAILED
        assert await resend(house.worker, channel) is None
        await due_again(house)
        assert await resend(house.worker, channel) is Outcome.TAKEN


async def test_one_that_hangs_is_left_when_its_interval_is_over(house: House, board: Board) -> None:
    await lasts(house, told())
    gate = asyncio.Event()
    board.meanwhile = lambda: _wait(gate)
    async with opened(board) as channel:
        channel.resend = timedelta(seconds=0.2)
        assert await resend(house.worker, channel) is Outcome.FAILED
        gate.set()


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_what_was_resolved_meanwhile_is_put_out_again(house: House, board: Board) -> None:
    await lasts(house, told())
    board.meanwhile = lambda: resolve(house)
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.TAKEN
    (lit,), (ended,) = board.requests
    assert lit["labels"] == ended["labels"]
    assert ends(lit) > datetime.now(UTC) >= ends(ended)


async def test_many_are_told_in_batches(house: House, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending, "AT_ONCE", 2)
    assert AT_ONCE > 2
    await lasts(house, *(told(f"job {n}") for n in range(5)))
    async with opened(board) as channel:
        await resend(house.worker, channel)
    assert [len(request) for request in board.requests] == [2, 2, 1]
    assert len({one["labels"]["subject"] for request in board.requests for one in request}) == 5


async def test_a_batch_that_is_refused_keeps_no_other_from_being_told(
    house: House, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resending, "AT_ONCE", 2)
    await lasts(house, *(told(f"job {n}") for n in range(5)))
    board.statuses = [400, 200]
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.FAILED
    assert [len(request) for request in board.requests] == [2, 2, 1]


async def test_where_nothing_lasts_nothing_is_sent(house: House, board: Board) -> None:
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.TAKEN
    assert board.requests == []


async def test_a_worker_tells_it_again_beside_delivering(house: House, board: Board) -> None:
    await lasts(house, told())
    registry = new_registry()
    async with opened(board) as channel:
        outlets = Outlets(house.worker, WorkerMetrics(registry), always([channel]))

        async def taken() -> bool:
            await outlets.send_off()
            counted = {"channel": NAME, "outcome": "taken"}
            return registry.get_sample_value("vigie_alert_resends_total", counted) == 1

        await until(taken)
        await outlets.close()
    assert len(board.requests) == 1


async def test_nobody_waits_for_one_that_hangs(house: House, board: Board) -> None:
    await lasts(house, told())
    gate = asyncio.Event()
    board.meanwhile = lambda: _wait(gate)
    async with opened(board) as channel:
        channel.resend = timedelta(hours=1)
        resends = Resends(house.worker, WorkerMetrics(new_registry()))
        resends.begin([channel])
        await until(lambda: _is(len(board.requests) == 1))
        channel.resend = timedelta(0)
        resends.begin([channel])
        await resends.close()
        gate.set()
    assert len(board.requests) == 1


async def test_whose_turn_it_is_is_not_asked_more_often_than_it_can_be(house: House, board: Board) -> None:
    assert LOOK_UP_EVERY < 1
    async with opened(board) as channel:
        resends = Resends(house.worker, WorkerMetrics(new_registry()))

        async def claimed() -> bool:
            return bool(await house.owner.fetchval("SELECT count(*) FROM poll"))

        resends.begin([channel])
        await until(claimed)
        await house.owner.execute("DELETE FROM poll")
        resends.begin([channel])
        await resends.close()
        assert not await claimed()


async def test_what_raises_is_counted_and_done_again(house: House, board: Board) -> None:
    await lasts(house, told())
    registry = new_registry()
    async with opened(board) as channel:
        channel.resend = timedelta(0)
        channel.tell = _raises  # type: ignore[method-assign,assignment]
        resends = Resends(house.worker, WorkerMetrics(registry))

        async def counted_twice() -> bool:
            resends.begin([channel])
            return (registry.get_sample_value("vigie_worker_failures_total", {"step": "resend"}) or 0) >= 2

        await until(counted_twice)
        await resends.close()


async def _raises(*_: object) -> None:
    raise KeyError


async def _is(so: bool) -> bool:
    return so
