"""`make kill-tickets`: kill -9 of workers, Redis and PostgreSQL while tickets go out; each is there once.

Half of the tickets go to a receiver that honours keys and now and then answers 500 to what it took; half to a stand-in
for Request Tracker that answers late, twice, never, or 500 after all.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random

import asyncpg
import httpx
from pydantic import AnyHttpUrl
from rich.console import Console

from collector.administer import Deed, enrol_practice
from collector.model.book import Book, Route
from collector.model.channels import RequestTrackerChannel, Secret, WebhookChannel
from collector.model.escalation import Action, EscalationPolicy, Step
from collector.model.finding import Severity
from collector.store.configuration import newest_version
from collector.store.connect import AWAY, StoreAwayError, connect
from collector.store.escalation import put_book
from collector.store.migrate import apply_migrations, prepare
from deploy.local import Services
from tests.acceptance.process import Process
from tests.bench.counting import Counting, counting
from tests.bench.figure import Figure, Target, write_figures
from tests.bench.kill_check import check_durable
from tests.bench.kill_command import play
from tests.bench.ticket_check import HOOK, TRACKER, Found, Held, check, held, left
from tests.bench.ticket_receivers import QUEUE, SETTLE, TIMEOUT, Tracker, Way, tracker_app
from tests.bench.ticket_trouble import SEVERITIES, Practice, Troubles
from tests.integration.receivers import SECRET, served

PRACTICES = 8
WORKERS = 2
UNDER_LOAD_S = (0.3, 2.5)
HOOK_FAILS = 0.1
# What a killed worker had claimed waits for its lease: the time-out and a margin (collector/delivery/drain.py); and a
# tracker that failed five times in a row rests for half a minute.
REST_S = 300.0

Say = Callable[[str], None]


class Victim(StrEnum):
    WORKER = "a worker"
    POSTGRESQL = "PostgreSQL"
    REDIS = "Redis"


@dataclass
class Outcome:
    """What all rounds found; both receivers, and what our database held, for whoever looks closer."""

    hook: Counting
    tracker: Tracker
    killed: list[Victim] = field(default_factory=list)
    troubles: Troubles = field(default_factory=Troubles)
    held: Held | None = None
    found: Found | None = None

    def check(self, kept: Held) -> Found:
        return check(kept, self.troubles.owed, self.hook, self.tracker)

    @property
    def line(self) -> str:
        found = self.found or Found(0, 0, frozenset(), frozenset())
        return (
            f"rounds {len(self.killed)}, sent {found.sent}, received {found.received}, lost {len(found.lost)}, "
            f"doubled {len(found.doubled)}"
        )


@dataclass(frozen=True)
class _Field:
    services: Services
    workers: Sequence[Process]
    collector: Process


async def run_rounds(services: Services, logs: Path, rounds: int, seed: int, say: Say) -> Outcome:
    """All rounds under one load; then all comes to rest, and is held against what the receivers have."""
    random = Random(seed)  # noqa: S311 - a run can be repeated
    outcome = Outcome(
        Counting(status=lambda: 500 if random.random() < HOOK_FAILS else 204),
        Tracker(Random(seed)),  # noqa: S311
    )
    await asyncio.to_thread(apply_migrations, services.database_url)
    await prepare(services.database_url)
    await check_durable(services.database_url)
    async with _field(services, logs, outcome) as here, _load(here, random, outcome.troubles) as finish:
        for number, victim in enumerate(_victims(rounds, random), 1):
            await asyncio.sleep(random.uniform(*UNDER_LOAD_S))
            await _kill(here, victim, random)
            outcome.killed.append(victim)
            say(_line(number, rounds, outcome))
        await finish()
        await _rest(services.database_url)
    outcome.held = await held(services.database_url)
    outcome.found = outcome.check(outcome.held)
    return outcome


def _victims(rounds: int, random: Random) -> list[Victim]:
    """Each as often as any other, in no order."""
    order: list[Victim] = []
    while len(order) < rounds:
        order += random.sample(list(Victim), len(Victim))
    return order[:rounds]


async def _kill(here: _Field, victim: Victim, random: Random) -> None:
    """Kill it without a word, and start it again."""
    if victim is Victim.WORKER:
        process = random.choice(here.workers)
        process.kill()
        await process.start()
    else:
        server = here.services.postgres if victim is Victim.POSTGRESQL else here.services.redis
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    for process in (*here.workers, here.collector):
        assert process.lives, f"it died by itself:\n{process.last_words}"


async def _rest(database_url: str) -> None:
    """Until everything is judged and sent."""
    async with asyncio.timeout(REST_S):
        while await _left(database_url):  # noqa: ASYNC110 - other processes work
            await asyncio.sleep(0.2)


async def _left(database_url: str) -> bool:
    try:
        return await left(database_url) > 0
    except (*AWAY, StoreAwayError, asyncpg.PostgresError):
        return True


@asynccontextmanager
async def _field(services: Services, logs: Path, outcome: Outcome) -> AsyncIterator[_Field]:
    url = services.database_url
    async with AsyncExitStack() as stack:
        hook_url = await stack.enter_async_context(counting(outcome.hook))
        tracker_url = await stack.enter_async_context(served(tracker_app(outcome.tracker)))
        collector = await stack.enter_async_context(
            Process("collector", logs, url, PRACTICE_RATE="1e6", PRACTICE_BURST="1e9")
        )
        await _configure(url, _book(hook_url, tracker_url, logs))
        workers = [
            Process("worker", logs, url, log=f"worker-{n}", REDIS_URL=services.redis_url) for n in range(WORKERS)
        ]
        for one in workers:
            await stack.enter_async_context(one)
        yield _Field(services, workers, collector)


def _book(hook_url: str, tracker_url: str, logs: Path) -> Book:
    """What is critical goes to one ticket system, all else to the other."""
    (logs / "secret").write_text(SECRET)
    (logs / "token").write_text("token")
    policies = [
        EscalationPolicy(name=name, steps=(Step(after=timedelta(0), action=Action.TICKET, to=(name,)),))
        for name in (HOOK, TRACKER)
    ]
    return Book(
        policies={one.name: one for one in policies},
        routes=(Route(name="critical", policy=HOOK, severities=frozenset({Severity.CRITICAL})),),
        default=TRACKER,
        tickets=HOOK,
        channels={
            HOOK: WebhookChannel(kind="webhook", url=AnyHttpUrl(hook_url), secret=Secret(file=logs / "secret")),
            TRACKER: RequestTrackerChannel(
                kind="request_tracker", url=AnyHttpUrl(tracker_url), token=Secret(file=logs / "token"), queue=QUEUE,
                timeout=TIMEOUT, settle=SETTLE, poll=None,
            ),
        },
    )  # fmt: skip


_VERSION = "INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, 'kill rounds', 'book')"


async def _configure(database_url: str, book: Book) -> None:
    conn = await connect(database_url)
    try:
        await conn.execute(_VERSION, datetime.now(UTC))
        await put_book(conn, await newest_version(conn), book)
    finally:
        await conn.close()


@asynccontextmanager
async def _load(here: _Field, random: Random, troubles: Troubles) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Practices in trouble; what is yielded lets each bring its last one to its end."""
    enough = asyncio.Event()
    url = here.services.database_url
    keys = await _enrol(url)
    async with httpx.AsyncClient(base_url=here.collector.url, timeout=15.0) as http:
        practices = [
            Practice(http, key, url, SEVERITIES[n % 2], Random(random.random()), troubles)  # noqa: S311
            for n, key in enumerate(keys)
        ]
        working = asyncio.gather(*(one.suffer(enough) for one in practices))

        async def finish() -> None:
            enough.set()
            await working

        try:
            yield finish
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _enrol(database_url: str) -> list[str]:
    deed = Deed("kill rounds", datetime.now(UTC))
    conn = await connect(database_url)
    try:
        return [str((await enrol_practice(conn, f"Cabinet {n}", "Europe/Paris", deed)).key) for n in range(PRACTICES)]
    finally:
        await conn.close()


def _line(number: int, rounds: int, outcome: Outcome) -> str:
    ways = outcome.tracker.ways
    bad = sum(count for way, count in ways.items() if way is not Way.WELL)
    return (
        f"round {number:>2} of {rounds}: killed {outcome.killed[-1]}; {len(outcome.troubles.owed):,} alerts; "
        f"{len(outcome.hook.arrived):,} events at the hook in {outcome.hook.deliveries:,} deliveries; "
        f"{ways.total():,} creates at the tracker, {bad} of them answered badly"
    )


def figures(outcome: Outcome) -> list[Figure]:
    assert outcome.found
    return [
        Figure("kill_rounds", len(outcome.killed), "rounds", Target("at least", 50)),
        Figure("kill_rounds_sent", outcome.found.sent, "messages"),
        Figure("kill_rounds_received", outcome.found.received, "messages"),
        Figure("kill_rounds_lost", len(outcome.found.lost), "tickets or messages", Target("at most", 0)),
        Figure("kill_rounds_doubled", len(outcome.found.doubled), "tickets", Target("at most", 0)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    console = Console(highlight=False, soft_wrap=True)
    outcome = play("tests.bench.kill_tickets", __doc__, run_rounds, console, arguments)
    write_figures(figures(outcome))
    return _tell(console, outcome)


def _tell(console: Console, outcome: Outcome) -> int:
    found = outcome.found
    wrong = [*sorted(found.lost | found.doubled), *outcome.troubles.faults] if found else []
    for one in wrong[:20]:
        console.print(one)
    console.print(outcome.line)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
