"""5,000 practices miss a backup in the same second: each has its ticket once, and nobody's phone rings 5,000 times."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from collector.model.book import TICKETS, Book
from collector.model.channels import MailChannel
from collector.model.escalation import Action, EscalationPolicy, Step
from collector.model.policy import DEFAULT_GRACE
from collector.store.configuration import newest_version
from collector.store.connect import connect
from collector.store.escalation import put_book
from tests.bench.counting import Conditions, Counting, counting, worker
from tests.bench.figure import Figure, Target
from tests.bench.ground import Ground, console
from tests.bench.pages import measure_pages
from tests.bench.ticket_latency import arrived, seconds_to
from tests.bench.watched import Watched, database_of
from tests.integration.post_office import PostOffice, post_office

LEAD = timedelta(seconds=60)  # in which the fleet is written and the worker comes up
STORM = Watched(practices=5_000, endpoints=1, jobs=1, ran=timedelta(days=1) + DEFAULT_GRACE - LEAD)
WITHIN_S = 60.0  # source: what is promised of a storm
PATIENCE_S = 300.0
PAGER = "pager"
# A thousand to a digest (collector/delivery/drain.py), and a few that come before the others are decided.
HANDFUL = 20

_DUE_AT = "SELECT max(evaluate_at) FROM due"
_UNTOLD = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND channel = $1"
_TOLD = "SELECT count(*) FROM outbox WHERE channel = $1"


def measure_storm(ground: Ground) -> list[Figure]:
    with TemporaryDirectory() as logs, database_of(ground.services, "bench_storm", STORM, LEAD) as url:
        return asyncio.run(_storm(ground, url, Path(logs)))


async def _storm(ground: Ground, url: str, logs: Path) -> list[Figure]:
    receiver = Counting()
    async with post_office() as pager, counting(receiver) as receiver_url:
        falls_due = await _page_for_each(url, pager)
        async with worker("worker", logs, ground.services, url, receiver_url) as ours:
            await asyncio.sleep(seconds_to(falls_due))
            conditions = Conditions(ground.services, ours)
            await arrived(receiver, STORM.practices, PATIENCE_S)
            last = max(one.at for one in receiver.opened)
            console.print(f"  {conditions}")
            pages = await _all_paged(url, pager)
        looked_at = await measure_pages(url, logs)
    if receiver.doubled or len(receiver.arrived) != STORM.practices:
        raise RuntimeError(
            f"{len(receiver.arrived)} events of {STORM.practices} tickets, {len(receiver.doubled)} twice"
        )
    console.print(f"  {len(receiver.arrived)} tickets in {receiver.deliveries} deliveries; {pages} pages")
    return [
        Figure("storm_5000_s", (last - falls_due).total_seconds(), "s", Target("at most", WITHIN_S)),
        Figure("storm_5000_pages", pages, "pages", Target("at most", HANDFUL)),
        *looked_at,
    ]


async def _page_for_each(url: str, pager: PostOffice) -> datetime:
    """By mail, as a gateway for short messages takes it. When the storm begins."""
    steps = (
        Step(after=timedelta(0), action=Action.TICKET, to=(TICKETS,)),
        Step(after=timedelta(0), action=Action.PAGE, to=(PAGER,)),
    )
    phone = MailChannel(
        kind="mail", host="127.0.0.1", port=pager.port, security="none", sender="vigie@bench.example",
        to="pager@bench.example",
    )  # fmt: skip
    policy = EscalationPolicy(name="storm", steps=steps)
    book = Book(policies={policy.name: policy}, default=policy.name, channels={PAGER: phone})
    conn = await connect(url)
    try:
        await put_book(conn, await newest_version(conn), book)
        due_at: datetime = await conn.fetchval(_DUE_AT)
    finally:
        await conn.close()
    return due_at


async def _all_paged(url: str, pager: PostOffice) -> int:
    """How many mails it took until nothing is left to tell, and everything was."""
    conn = await connect(url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await conn.fetchval(_UNTOLD, PAGER):  # noqa: ASYNC110 - another process tells
                await asyncio.sleep(0.2)
        if (told := await conn.fetchval(_TOLD, PAGER)) != STORM.practices:
            raise RuntimeError(f"{told} notices for {STORM.practices} practices")
    finally:
        await conn.close()
    return len(pager.kept)
