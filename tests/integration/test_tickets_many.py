"""Many tickets, several workers, and a ticket system that answers badly: one ticket each, with all that was said."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import httpx

from collector.delivery.answers import Door
from collector.delivery.outlets import Outlets, always
from collector.delivery.remotes import StoredRemotes
from collector.delivery.tickets import Tickets
from collector.delivery.written import Pen, Templates, write_ticket
from collector.metrics import WorkerMetrics, new_registry
from collector.model.message import Addressed
from collector.store.outbox import post
from tests.integration.help_desk import Create, Desk, DeskSystem, desk_app
from tests.integration.house import PATIENCE_S, House, enrol, message, open_ticket, until
from tests.integration.receivers import served

TICKETS, MESSAGES, WORKERS = 25, 3, 3
BAD = [Create.FILED_AND_500, Create.LOST_AND_500, Create.TWICE_AND_500, Create.REFUSED, Create.HANGS, Create.WELL]


async def test_each_ticket_is_there_once_with_all_that_was_said(house: House) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    told = [
        Addressed("desk", message(practice_id, ticket_id, sequence))
        for ticket_id in [await open_ticket(house, practice_id) for _ in range(TICKETS)]
        for sequence in range(1, MESSAGES + 1)
    ]
    async with house.worker.acquire() as conn:
        await post(conn, told, datetime.now(UTC))
    draw = Random(5)  # noqa: S311 - the same faults each time
    desk = Desk(creates=[draw.choice(BAD) for _ in range(TICKETS)])
    async with served(desk_app(desk)) as url, httpx.AsyncClient() as client:
        await until(partial(_emptied, house, [_outlets(house, client, url) for _ in range(WORKERS)]), PATIENCE_S * 4)
    standing = [ticket for ticket in desk.tickets if ticket.linked_to is None]
    assert Counter(ticket.key for ticket in standing) == {str(one.message.about): 1 for one in told}
    assert {len(ticket.said) for ticket in standing} == {MESSAGES}
    assert all(ticket.open == (ticket.linked_to is None) for ticket in desk.tickets)


def _outlets(house: House, client: httpx.AsyncClient, url: str) -> Outlets:
    """A worker's way out, in a hurry."""
    timeout = timedelta(seconds=1)
    system = DeskSystem(Door(client, url, timeout))
    system.settle = timedelta(seconds=0.5)
    pen = Pen("fr", "Europe/Paris", "https://vigie.example", Templates())
    channel = Tickets("desk", system, StoredRemotes(house.worker), partial(write_ticket, pen=pen), timeout)
    return Outlets(house.worker, WorkerMetrics(new_registry()), always([channel]))


async def _emptied(house: House, workers: list[Outlets]) -> bool:
    await asyncio.gather(*(worker.deliver() for worker in workers))
    return not await house.owner.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
