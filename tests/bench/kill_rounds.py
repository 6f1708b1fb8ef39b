"""`make kill-rounds`: kill -9 of a random process under load, again and again; what was acknowledged is there once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random

import asyncpg
import httpx
from rich.console import Console

from collector.administer import Deed, add_ping, enrol_practice
from collector.store.connect import AWAY, StoreAwayError, connect
from collector.store.migrate import apply_migrations, prepare
from deploy.local import Services
from tests.acceptance.process import Process
from tests.bench.figure import Figure, Target, write_figures
from tests.bench.kill_check import Found, check, check_durable, count_waiting
from tests.bench.kill_command import play
from tests.bench.kill_load import TIMEOUT_S, Account, Agent, Script

AGENTS = 28
SCRIPTS = 4
PRACTICES = 4
UNDER_LOAD_S = (0.3, 2.5)
HEAL_S = 60.0
REST_S = 90.0
# What was acknowledged may have arrived before the round began, by as long as an answer may take.
LOOK_BACK = timedelta(seconds=60)
# Nobody is told to come later for sending too much: that is measured elsewhere.
SETTINGS = {"PRACTICE_RATE": "1e6", "PRACTICE_BURST": "1e9"}

_INTAKE_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'vigie_intake'"

Say = Callable[[str], None]


class Victim(StrEnum):
    COLLECTOR = "collector"
    POSTGRESQL = "PostgreSQL"
    BACKEND = "one backend of PostgreSQL"
    REDIS = "Redis"
    WORKER = "worker"


@dataclass(frozen=True)
class Field:
    """Everything that can be killed, and the load that goes on meanwhile."""

    services: Services
    collector: Process
    worker: Process
    account: Account

    @property
    def database_url(self) -> str:
        return self.services.database_url


@dataclass
class Outcome:
    """What all rounds found."""

    killed: list[Victim] = field(default_factory=list)
    healed_s: list[float] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    account: Account = field(default_factory=Account)

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be, in words."""
        found = self.found
        named = {"lost": found.lost, "doubled": found.doubled, "stored by half": found.halves}
        said = [f"{what}: {', '.join(map(str, list(keys)[:5]))}" for what, keys in named.items() if keys]
        return [*said, *self.account.contradicted, *self.account.faults]


async def run_rounds(services: Services, logs: Path, rounds: int, seed: int, say: Say) -> Outcome:
    """All rounds under one load, then the whole account once more when everything has come to rest."""
    random = Random(seed)  # noqa: S311 - a run can be repeated
    outcome = Outcome()
    await asyncio.to_thread(apply_migrations, services.database_url)
    await prepare(services.database_url)
    await check_durable(services.database_url)
    async with _field(services, logs, outcome.account) as here, _load(here, random) as load:
        for number, victim in enumerate(_victims(rounds, random), 1):
            await _round(here, victim, random, outcome)
            say(_line(number, rounds, outcome))
        await load()
        await _rest(here)
        everything = (*outcome.account.acknowledged, *outcome.account.pinged)
        outcome.found |= await check(here.database_url, outcome.account, everything)
    return outcome


def _victims(rounds: int, random: Random) -> list[Victim]:
    """Each as often as any other, in no order."""
    order: list[Victim] = []
    while len(order) < rounds:
        order += random.sample(list(Victim), len(Victim))
    return order[:rounds]


async def _round(here: Field, victim: Victim, random: Random, outcome: Outcome) -> None:
    began = datetime.now(UTC)
    await asyncio.sleep(random.uniform(*UNDER_LOAD_S))
    killed_at = time.monotonic()
    await _kill(here, victim, random)
    await _until_well(here, time.monotonic())
    outcome.killed.append(victim)
    outcome.healed_s.append(time.monotonic() - killed_at)
    outcome.found |= await check(here.database_url, here.account, here.account.take_unchecked(), began - LOOK_BACK)


async def _kill(here: Field, victim: Victim, random: Random) -> None:
    """Kill it without a word, and start it again."""
    match victim:
        case Victim.COLLECTOR | Victim.WORKER:
            process = here.collector if victim is Victim.COLLECTOR else here.worker
            process.kill()
            await process.start()
        case Victim.POSTGRESQL | Victim.REDIS:
            server = here.services.postgres if victim is Victim.POSTGRESQL else here.services.redis
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        case Victim.BACKEND:
            os.kill(random.choice(await _backends(here.database_url)), signal.SIGKILL)


async def _backends(database_url: str) -> list[int]:
    conn = await connect(database_url)
    try:
        return [row["pid"] for row in await conn.fetch(_INTAKE_BACKENDS)]
    finally:
        await conn.close()


async def _until_well(here: Field, since: float) -> None:
    """What was sent from now on is acknowledged, and the database says so to us too."""
    async with asyncio.timeout(HEAL_S):
        while here.account.alive_at < since or not await _answers(here.database_url):
            for process in (here.collector, here.worker):
                assert process.lives, f"it died by itself:\n{process.last_words}"
            await asyncio.sleep(0.02)


async def _answers(database_url: str) -> bool:
    try:
        await count_waiting(database_url)
    except (*AWAY, StoreAwayError, asyncpg.PostgresError):
        return False
    return True


async def _rest(here: Field) -> None:
    """Until the worker has folded everything."""
    async with asyncio.timeout(REST_S):
        while await count_waiting(here.database_url):  # noqa: ASYNC110 - another process works
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _field(services: Services, logs: Path, account: Account) -> AsyncIterator[Field]:
    url = services.database_url
    async with (
        Process("collector", logs, url, **SETTINGS) as collector,
        Process("worker", logs, url, REDIS_URL=services.redis_url) as worker,
    ):
        yield Field(services, collector, worker, account)


@asynccontextmanager
async def _load(here: Field, random: Random) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Agents and scripts at work; what is yielded lets each bring its last report to an answer."""
    enough = asyncio.Event()
    keys = await _enrol(here.database_url)
    limits = httpx.Limits(max_connections=AGENTS + SCRIPTS)
    async with httpx.AsyncClient(base_url=here.collector.url, timeout=TIMEOUT_S, limits=limits) as http:
        working = asyncio.gather(*(one.report(enough) for one in _clients(http, keys, random, here.account)))

        async def finish() -> None:
            enough.set()
            await working

        try:
            yield finish
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@dataclass(frozen=True)
class _Keys:
    practice: str
    job: str


def _clients(http: httpx.AsyncClient, keys: Sequence[_Keys], random: Random, account: Account) -> list[Agent | Script]:
    own = [Random(random.random()) for _ in range(AGENTS + SCRIPTS)]  # noqa: S311 - a run can be repeated
    agents = [Agent(http, keys[n % PRACTICES].practice, own[n], account) for n in range(AGENTS)]
    return [*agents, *(Script(http, keys[n % PRACTICES].job, own[AGENTS + n], account) for n in range(SCRIPTS))]


async def _enrol(database_url: str) -> list[_Keys]:
    deed = Deed("kill rounds", datetime.now(UTC))
    conn = await connect(database_url)
    try:
        practices = [await enrol_practice(conn, f"Cabinet {n}", "Europe/Paris", deed) for n in range(PRACTICES)]
        jobs = [await add_ping(conn, one.practice, None, "nightly", deed) for one in practices]
    finally:
        await conn.close()
    return [_Keys(str(one.key), str(job)) for one, job in zip(practices, jobs, strict=True)]


def _line(number: int, rounds: int, outcome: Outcome) -> str:
    account, found = outcome.account, outcome.found
    return (
        f"round {number:>2} of {rounds}: killed {outcome.killed[-1]}, well again after {outcome.healed_s[-1]:.1f} s; "
        f"{len(account.acknowledged):,} heartbeats and {len(account.pinged):,} pings acknowledged, "
        f"{account.resent:,} sent again, {account.refused:,} told to wait; "
        f"lost {len(found.lost)}, doubled {len(found.doubled)}, stored by half {len(found.halves)}"
    )


def figures(outcome: Outcome) -> list[Figure]:
    wrong = outcome.found.lost | outcome.found.halves
    return [
        Figure("intake_kill_rounds", len(outcome.killed), "rounds", Target("at least", 50)),
        Figure("intake_kill_acknowledged", len(outcome.account.acknowledged), "heartbeats"),
        Figure("intake_kill_pings", len(outcome.account.pinged), "pings"),
        Figure("intake_kill_lost", len(wrong) + len(outcome.account.contradicted), "heartbeats", Target("at most", 0)),
        Figure("intake_kill_doubled", len(outcome.found.doubled), "heartbeats", Target("at most", 0)),
        Figure("intake_kill_longest_heal_s", max(outcome.healed_s, default=0), "s"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    console = Console(highlight=False, soft_wrap=True)
    outcome = play("tests.bench.kill_rounds", __doc__, run_rounds, console, arguments)
    write_figures(figures(outcome))
    for wrong in outcome.wrong:
        console.print(wrong)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
