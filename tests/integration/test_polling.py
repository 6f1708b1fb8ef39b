"""Asking a ticket system what people did: by one worker, when it is due, and nothing twice or lost."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from collector.delivery.channel import DeliveryError
from collector.delivery.polling import Look, Outcome, Poll, Polls, Read, happening, poll
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import TICKETS
from collector.model.happening import Deed
from collector.store.deeds import take_once
from collector.store.polls import EVENTS_KEPT, drop_events
from collector.store.ticket_remotes import Polled, ask_for_remote, keep_remote
from tests.factories import DAY, HOUR, NOW
from tests.integration.house import House, enrol, open_ticket, rows, until

FAR = timedelta(hours=1)
Watched = Sequence[Polled]


@dataclass
class Asked:
    """A ticket system that tells what it is given to tell, and remembers what it was asked."""

    answer: Callable[[Watched, str | None], Look] = lambda *_: Look([], "1")
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    watched: list[set[str]] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.opened.set()

    async def look(self, watched: Watched, cursor: str | None) -> Look:
        self.watched.append({one.remote_id for one in watched})
        self.cursors.append(cursor)
        await self.opened.wait()
        return self.answer(watched, cursor)


def _polled(system: Asked, every: timedelta = timedelta(0)) -> Poll:
    return Poll(TICKETS, system, every)


async def _ticket(house: House, remote_id: str, channel: str = TICKETS, resolved_at: datetime | None = None) -> UUID:
    practice_id = (await enrol(house, f"Cabinet {remote_id or 'Unknown'}")).practice.practice_id
    ticket_id = await open_ticket(house, practice_id)
    async with house.worker.acquire() as conn:
        await ask_for_remote(conn, practice_id, ticket_id, channel, NOW)
        if remote_id:
            await keep_remote(conn, practice_id, ticket_id, channel, remote_id, None, NOW)
    if resolved_at:
        change = "UPDATE ticket SET state = 'resolved', resolved_at = $2 WHERE ticket_id = $1"
        await house.owner.execute(change, ticket_id, resolved_at)
    return ticket_id


def _commented(watched: Watched, seen: str) -> list[Read]:
    return [
        Read(one, (happening(one, f"event {one.remote_id}", Deed.COMMENTED, "paul", NOW),), seen) for one in watched
    ]


async def test_what_is_open_or_was_until_lately_is_watched(house: House) -> None:
    now = datetime.now(UTC)
    await _ticket(house, "open")
    await _ticket(house, "lately", resolved_at=now - 7 * DAY + HOUR)
    await _ticket(house, "long ago", resolved_at=now - 7 * DAY - HOUR)
    await _ticket(house, "elsewhere", channel="other")
    await _ticket(house, "")
    system = Asked()
    assert await poll(house.worker, _polled(system)) is Outcome.ASKED
    assert system.watched == [{"open", "lately"}]


async def test_it_is_asked_once_an_interval(house: House) -> None:
    system = Asked()
    assert await poll(house.worker, _polled(system, FAR)) is Outcome.ASKED
    assert await poll(house.worker, _polled(system, FAR)) is None
    assert len(system.cursors) == 1


async def test_one_worker_asks(house: House) -> None:
    system = Asked()
    system.opened.clear()
    first = asyncio.create_task(poll(house.worker, _polled(system)))
    await until(lambda: _is(system.cursors))
    assert await poll(house.worker, _polled(system)) is None
    system.opened.set()
    assert await first is Outcome.ASKED


async def _is(seen: object) -> object:
    return seen


async def test_each_look_begins_where_the_last_one_ended(house: House) -> None:
    system = Asked(lambda _, cursor: Look([], f"{cursor}+"))
    for _ in range(3):
        await poll(house.worker, _polled(system))
    assert system.cursors == [None, "None+", "None++"]


@pytest.mark.parametrize("raised", [DeliveryError("no answer"), TimeoutError()])
async def test_after_a_failure_the_next_look_begins_where_it_did(raised: Exception, house: House) -> None:
    def fail(watched: Watched, cursor: str | None) -> Look:
        if cursor == "1" and len(system.cursors) == 2:
            raise raised
        return Look([], "1")

    system = Asked(fail)
    outcomes = [await poll(house.worker, _polled(system)) for _ in range(3)]
    assert outcomes == [Outcome.ASKED, Outcome.FAILED, Outcome.ASKED]
    assert system.cursors == [None, "1", "1"]


async def test_a_failure_is_not_asked_again_at_once(house: House) -> None:
    def fail(watched: Watched, cursor: str | None) -> Look:
        raise DeliveryError("no answer")

    assert await poll(house.worker, _polled(Asked(fail), FAR)) is Outcome.FAILED
    assert await poll(house.worker, _polled(Asked(), FAR)) is None


async def test_what_was_told_is_taken_once_and_noted(house: House) -> None:
    await _ticket(house, "4711")
    system = Asked(lambda watched, _: Look(_commented(watched, "17"), "1"))
    for _ in range(2):
        await poll(house.worker, _polled(system))
    assert [row["event_id"] for row in await rows(house, "SELECT * FROM inbound")] == ["event 4711"]
    assert [row["seen"] for row in await rows(house, "SELECT * FROM ticket_remote")] == ["17"]


@pytest.mark.parametrize(("age", "kept"), [(EVENTS_KEPT, True), (EVENTS_KEPT + timedelta(seconds=1), False)])
async def test_what_came_back_is_known_again_for_a_month(age: timedelta, kept: bool, house: House) -> None:
    async with house.worker.acquire() as conn:
        assert await take_once(conn, "rt", "transaction 7", NOW)
        await drop_events(conn, NOW + age)
        assert await take_once(conn, "rt", "transaction 7", NOW + age) is not kept


async def test_what_one_ticket_told_stays_when_the_next_cannot_be_taken(house: House) -> None:
    for remote_id in ("1", "2"):
        await _ticket(house, remote_id)

    def answer(watched: Watched, _: str | None) -> Look:
        first, second = _commented(watched, "17")
        return Look([first, second._replace(seen="\x00")], "1")  # PostgreSQL stores no NUL

    with pytest.raises(Exception, match="encoding"):
        await poll(house.worker, _polled(Asked(answer)))
    seen = {row["remote_id"]: row["seen"] for row in await rows(house, "SELECT * FROM ticket_remote")}
    assert seen == {"1": "17", "2": None}
    assert [row["cursor"] for row in await rows(house, "SELECT * FROM poll")] == [None]


async def test_nobody_waits_for_a_ticket_system_that_hangs(house: House) -> None:
    metrics = WorkerMetrics(new_registry())
    polls, system = Polls(house.worker, metrics), Asked()
    system.opened.clear()
    for _ in range(3):
        polls.begin([_polled(system)])
    await until(lambda: _is(system.cursors))
    polls.begin([_polled(system)])
    assert len(system.cursors) == 1
    await polls.close()


async def test_what_raises_is_counted_and_asked_again(house: House) -> None:
    def fail(watched: Watched, cursor: str | None) -> Look:
        raise KeyError

    registry = new_registry()
    polls, system = Polls(house.worker, WorkerMetrics(registry)), Asked(fail)

    async def counted_twice() -> bool:
        polls.begin([_polled(system)])
        return registry.get_sample_value("vigie_worker_failures_total", {"step": "poll"}) == 2

    await until(counted_twice)
    await polls.close()


@pytest.mark.parametrize(
    ("by", "name"), [("paul", "paul"), (" Paul\nMartin ", "Paul Martin"), ("", "?"), ("x" * 300, "x" * 200)]
)
def test_names_fit_the_timeline(by: str, name: str) -> None:
    assert happening(_TICKET, "1", Deed.TAKEN, by, NOW).by == name


@pytest.mark.parametrize(
    ("said", "kept"),
    [("a\x00b\n", "ab"), ("x" * 2_000, "x" * 2_000), ("x" * 2_001, "x" * 1_999 + "…"), ("", "")],
)
def test_texts_fit_the_timeline(said: str, kept: str) -> None:
    assert happening(_TICKET, "1", Deed.COMMENTED, "paul", NOW, said).said == kept


_TICKET = Polled(UUID(int=1), UUID(int=2), "1", None, None)
