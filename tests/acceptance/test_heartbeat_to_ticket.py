"""The whole way in real processes: from a heartbeat over HTTP to a ticket over HTTP, and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
import pytest

from deploy.local import Services
from tests.acceptance.conftest import Machine, Provider, eventually, ran

SECOND = timedelta(seconds=1)
# What follows a deadline: the tick, the judging, the delivery.
ON_TIME = timedelta(seconds=3)


async def test_a_missed_backup_becomes_a_ticket_and_its_success_closes_it(provider: Provider) -> None:
    machine = await provider.machine("Cabinet Pessac")
    await provider.schedule(machine.enrolled, "daily", every=2 * SECOND, grace=SECOND)
    assert (await machine.report(ran("daily"))).status_code == 202

    opened = await provider.ticket("open")
    assert opened["title"] == "Backup missed: daily on SRV-01"
    incident = (await provider.read("/v1/incidents?state=open"))[0]
    assert (incident["rule"], incident["reason"]) == ("backup_missed", "not_run")
    assert _instant(incident["opened_at"]) - _instant(incident["since"]) < ON_TIME
    practice = (await provider.read("/v1/practices"))[0]
    assert (practice["name"], practice["state"]) == ("Cabinet Pessac", "critical")

    await provider.schedule(machine.enrolled, "daily", every=timedelta(hours=1), grace=SECOND)
    await machine.report(ran("daily"))
    closed = await provider.ticket("resolved")
    assert closed["events"] == ["ticket.opened", "ticket.resolved"]
    assert closed["sequences"] == [1, 2]
    assert (await provider.read("/v1/practices"))[0]["state"] == "ok"


async def test_a_failed_backup_and_its_relapse_are_one_ticket(provider: Provider) -> None:
    machine = await provider.machine("Cabinet Mérignac")
    await provider.schedule(machine.enrolled, "daily", every=timedelta(hours=1), grace=SECOND)
    await machine.report(ran("daily", "failed"))
    await provider.ticket("open")
    await machine.report(ran("daily"))
    await provider.ticket("resolved")
    await machine.report(ran("daily", "failed"))
    reopened = await provider.ticket("open")
    assert reopened["events"] == ["ticket.opened", "ticket.resolved", "ticket.reopened"]


async def test_a_dead_server_with_three_late_jobs_is_one_ticket(provider: Provider) -> None:
    jobs = ("database", "documents", "imaging")
    machine = await provider.machine("Centre d'imagerie Talence", interval_s=1)
    for job in jobs:
        await provider.schedule(machine.enrolled, job, every=4 * SECOND, grace=2 * SECOND)
    await machine.report(*(ran(job) for job in jobs))

    async def four_incidents() -> list[str] | None:
        rules = sorted(one["rule"] for one in await provider.read("/v1/incidents?state=open"))
        return rules if len(rules) == 4 else None

    assert await eventually(four_incidents, "the server and its three jobs") == [
        "backup_missed", "backup_missed", "backup_missed", "heartbeat_missing",
    ]  # fmt: skip
    await provider.ticket("open")
    tickets = await provider.read("/v1/tickets")
    assert [one["root"] for one in tickets] == [f"endpoint:{machine.endpoint_id}"]

    for job in jobs:
        await provider.schedule(machine.enrolled, job, every=timedelta(hours=1), grace=SECOND)
    await machine.report(*(ran(job) for job in jobs))
    closed = await provider.ticket("resolved")
    assert closed["events"][0] == "ticket.opened"
    assert closed["events"][-1] == "ticket.resolved"
    assert closed["sequences"] == list(range(1, len(closed["events"]) + 1))


async def test_tickets_go_out_while_redis_is_dead_and_ticks_return_with_it(
    provider: Provider, services: Services
) -> None:
    if services.started_redis is None:
        pytest.skip("Redis is not ours to kill: VIGIE_REDIS_URL names another's")
    machine = await provider.machine("Cabinet Bègles")
    await provider.schedule(machine.enrolled, "daily", every=2 * SECOND, grace=SECOND)
    await machine.report(ran("daily"))
    async with _dead(services):
        await provider.ticket("open")
        await _heal(provider, machine)
        await provider.ticket("resolved")
    swept_alone = await _sweeps(provider, "itself")
    assert swept_alone > 0
    ticked = await _sweeps(provider, "tick")

    async def ticks_again() -> bool | None:
        return (await _sweeps(provider, "tick")) > ticked or None

    await eventually(ticks_again, "ticks from the new Redis")


@asynccontextmanager
async def _dead(services: Services) -> AsyncIterator[None]:
    await asyncio.to_thread(services.redis.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(services.redis.start)


async def _heal(provider: Provider, machine: Machine) -> None:
    await provider.schedule(machine.enrolled, "daily", every=timedelta(hours=1), grace=SECOND)
    await machine.report(ran("daily"))


async def _sweeps(provider: Provider, by: str) -> float:
    async with httpx.AsyncClient(base_url=provider.stack.worker_url) as client:
        lines = (await client.get("/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith(f'vigie_worker_sweeps_total{{by="{by}"}}')]
    return float(found[0].split()[-1]) if found else 0.0


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
