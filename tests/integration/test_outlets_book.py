"""The ways out are those of the book in force, with its rates and today's secrets."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.delivery import outlets
from collector.delivery.channel import Channel
from collector.delivery.outlets import OpenChannels, Outlets
from collector.delivery.polling import Polls
from collector.delivery.resending import Resends
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import Book
from collector.model.channels import WebhookChannel
from collector.store.escalation import put_book
from tests.integration.house import House, rows, until
from tests.integration.outgoing import Receiver, tickets

_VERSION = """
    INSERT INTO configuration (version, applied_at, applied_by, summary) OVERRIDING SYSTEM VALUE
    VALUES ($1, now(), 'test', '')
"""


def spec(**more: object) -> WebhookChannel:
    return WebhookChannel.model_validate(
        {"kind": "webhook", "url": "https://t.example", "secret": {"env": "S"}, **more}
    )


async def in_force(house: House, version: int, **channels: WebhookChannel) -> None:
    async with house.owner.acquire() as conn:
        await conn.execute(_VERSION, version)
        await put_book(conn, version, Book(channels=channels))


def opening(*receivers: Receiver) -> tuple[OpenChannels, list[Sequence[str]]]:
    """Opens what the book names and these can be; what was asked for."""
    asked: list[Sequence[str]] = []

    def opened(book: Book) -> dict[str, Channel]:
        asked.append(sorted(book.channels))
        return {one.name: one for one in receivers if one.name in book.channels}

    return opened, asked


async def test_channels_follow_the_book(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    rt, glpi = Receiver("rt"), Receiver("glpi")
    opener, asked = opening(rt, glpi)
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opener)
    await tickets(house, "rt")
    await tickets(house, "glpi")
    assert await out.deliver() == 0
    await in_force(house, 1, rt=spec())
    assert await out.deliver() == 1
    await out.deliver()
    assert asked == [[], ["rt"]]
    await in_force(house, 2, glpi=spec())
    await tickets(house, "rt")
    assert await out.deliver() == 1
    assert (len(rt.taken), len(glpi.taken), out.names) == (1, 1, ["glpi"])


async def test_a_channel_that_could_not_be_opened_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    there: dict[str, Channel] = {}
    out = Outlets(house.worker, WorkerMetrics(new_registry()), lambda _: there)
    await in_force(house, 1, rt=spec())
    await tickets(house)
    assert await out.deliver() == 0
    assert out.names == ["rt"]
    there["rt"] = Receiver()
    assert await out.deliver() == 1


async def test_a_book_that_cannot_be_read_stops_no_channel_of_the_last_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opening(receiver)[0])
    await in_force(house, 1, rt=spec())
    await out.deliver()
    await in_force(house, 2)
    await house.owner.execute("""UPDATE escalation SET body = '{"channels": 1}' WHERE version = 2""")
    await tickets(house)
    began: list[str] = []
    monkeypatch.setattr(Polls, "begin", lambda *_: began.append("polls"))
    monkeypatch.setattr(Resends, "begin", lambda *_: began.append("resends"))
    with pytest.raises(ValidationError):
        await out.send_off()
    assert began == ["polls", "resends"]
    await until(lambda: rows(house, "SELECT sent_at FROM outbox WHERE sent_at IS NOT NULL"))
    await out.close()


async def test_a_secret_that_was_changed_is_used_without_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outlets, "OPEN_AGAIN_S", 0.0)
    key = tmp_path / "key"
    opener, asked = opening(Receiver())
    out = Outlets(house.worker, WorkerMetrics(new_registry()), opener)
    await in_force(house, 1, rt=spec(secret={"file": key}))
    for written in ("first", "first", "second"):
        key.write_text(written)
        await out.deliver()
    assert len(asked) == 2
    await tickets(house)
    assert await out.deliver() == 1


async def test_the_books_rate_is_kept_by_all_workers_together(house: House) -> None:
    await in_force(house, 1, rt=spec(rate=120))
    await tickets(house, count=30)
    receiver = Receiver()
    opener, _ = opening(receiver)
    workers = [Outlets(house.worker, WorkerMetrics(new_registry()), opener) for _ in range(2)]
    began = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - began < 2:
        await asyncio.gather(*(one.deliver() for one in workers))
        await asyncio.sleep(0.02)
    lasted = asyncio.get_running_loop().time() - began
    assert 2 < receiver.tries <= 2 + 2 * lasted + 1
