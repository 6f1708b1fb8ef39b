"""Receivers that a test plays, the ways out to them, and what waits to go."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from collector.delivery.channel import Channel, DeliveryError
from collector.delivery.outlets import Outlets, always
from collector.metrics import WorkerMetrics, new_registry
from collector.model.message import Addressed, Notice, NoticeKind, TicketMessage
from collector.oversee import oversee
from collector.store.outbox import Parcel, post
from tests.factories import new_id
from tests.integration.house import House, enrol, message, notice, open_ticket, rows

SHORT = timedelta(milliseconds=300)


class Receiver:
    """Takes what it is given, unless it is told to do otherwise."""

    def __init__(self, name: str = "rt", timeout: timedelta = timedelta(seconds=10)) -> None:
        self.name = name
        self.timeout = timeout
        self.taken: list[TicketMessage | Notice] = []
        self.tries = 0
        self.refuses: Exception | None = None
        self.hangs_for: set[UUID] = set()

    async def deliver(self, parcel: Parcel) -> None:
        self.tries += 1
        if parcel.message.about in self.hangs_for:
            await asyncio.Event().wait()
        await asyncio.sleep(0.001)
        if self.refuses:
            raise self.refuses
        self.taken.append(parcel.message)

    def order(self) -> dict[UUID, list[int]]:
        found: dict[UUID, list[int]] = {}
        for one in self.taken:
            found.setdefault(one.about, []).append(one.sequence)
        return found


class Phone(Receiver):
    """Rings once for what comes together; what it chokes on it refuses, with all that comes with it."""

    def __init__(self, name: str = "marie") -> None:
        super().__init__(name)
        self.digests: list[list[TicketMessage | Notice]] = []
        self.chokes_on: UUID | None = None
        self.chokes_with = DeliveryError("answered 400", permanent=True)

    @property
    def told(self) -> list[UUID]:
        return [one.about for one in (*self.taken, *(one for digest in self.digests for one in digest))]

    async def deliver(self, parcel: Parcel) -> None:
        self._choke([parcel])
        await super().deliver(parcel)

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        self.tries += 1
        self._choke(parcels)
        if self.refuses:
            raise self.refuses
        self.digests.append([one.message for one in parcels])

    def _choke(self, parcels: Sequence[Parcel]) -> None:
        if self.chokes_on in {one.message.about for one in parcels}:
            raise self.chokes_with


def ways(house: House, *channels: Channel, metrics: WorkerMetrics | None = None) -> Outlets:
    return Outlets(house.worker, metrics or WorkerMetrics(new_registry()), always(channels))


async def tickets(house: House, channel: str = "rt", count: int = 1, messages: int = 1) -> list[UUID]:
    """Posted a moment ago, each ticket with messages numbered from 1."""
    practice_id = (await enrol(house, f"Cabinet {new_id(datetime.now(UTC))}")).practice.practice_id
    ticket_ids = [await open_ticket(house, practice_id) for _ in range(count)]
    told = [Addressed(channel, message(practice_id, one, n + 1)) for one in ticket_ids for n in range(messages)]
    async with house.worker.acquire() as conn:
        await post(conn, told, datetime.now(UTC))
    return ticket_ids


async def notices(house: House, count: int, kinds: Sequence[NoticeKind] = (NoticeKind.RAISED,)) -> list[UUID]:
    """Of so many incidents."""
    practice_id = (await enrol(house, f"Cabinet {new_id(datetime.now(UTC))}")).practice.practice_id
    incidents = [new_id(datetime.now(UTC)) for _ in range(count)]
    told = [Addressed("marie", notice(practice_id, one, kind)) for one in incidents for kind in kinds]
    async with house.worker.acquire() as conn:
        await post(conn, told, datetime.now(UTC))
    return incidents


async def aged(house: House, by: timedelta) -> None:
    """As if it had been posted so long ago, and every wait were over."""
    await house.owner.execute(
        "UPDATE outbox SET created_at = created_at - $1::interval, not_before = not_before - $1::interval,"
        " tried_at = tried_at - $1::interval",
        by,
    )
    await house.owner.execute("DELETE FROM channel_pace")


async def judged_provider(house: House) -> list[dict[str, object]]:
    await oversee(house.worker, datetime.now(UTC))
    return await rows(
        house, "SELECT subject, state, facts ->> 'count' AS count FROM incident WHERE rule = 'undelivered'"
    )
