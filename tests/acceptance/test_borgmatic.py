"""The real borgmatic with the real borg against a real collector: pings that it makes for Healthchecks, unmodified."""

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.acceptance.backup_machine import FILE, PATIENT, BackupMachine
from tests.acceptance.conftest import Provider, eventually, vigie

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PRACTICE = "Cabinet Pessac"
JOB = "practice-42-nas"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SCRIPT_KEY = re.compile(r"vgs_\w+")


@pytest.fixture
def machine(borg: Path, borgmatic: Path, tmp_path: Path) -> BackupMachine:
    machine = BackupMachine(borg, borgmatic, tmp_path / "machine")
    machine.fill()
    return machine


def _configured(machine: BackupMachine, healthchecks: Mapping[str, object], **more: object) -> str:
    """JSON is YAML. The list of files goes into the log, as many have it."""
    return json.dumps({
        "source_directories": [str(machine.files)],
        "repositories": [{"path": str(machine.repository)}],
        "keep_daily": 7,
        "statistics": "standard",
        "list_details": True,
        "healthchecks": dict(healthchecks),
    } | more)  # fmt: skip


async def _backs_up(machine: BackupMachine, configuration: str, *arguments: str, well: bool = True) -> str:
    done = await asyncio.to_thread(machine.run, configuration, *arguments)
    told = done.stdout + done.stderr
    assert (done.returncode == 0) is well, told
    assert "Healthchecks error" not in told
    return told


async def _ping_url(provider: Provider) -> str:
    """Of one job of an enrolled practice, at this collector."""
    told = UUID.search(await vigie(provider, "ping", "add", PRACTICE, JOB))
    assert told
    return f"{provider.stack.collector_url}/ping/{told[0]}"


async def test_a_good_run_is_measured_and_only_its_figures_are_kept(provider: Provider, machine: BackupMachine) -> None:
    enrolled = await provider.enrol(PRACTICE)
    await provider.schedule(enrolled, JOB, every=DAY, grace=HOUR)
    configuration = _configured(machine, {"ping_url": await _ping_url(provider), "send_logs": True})
    await asyncio.to_thread(machine.create_repository, configuration)
    told = await _backs_up(machine, configuration)
    assert FILE in told, "the log that went with the pings names files"

    job = await _job(provider, "ok", "success")
    assert "borg" in job["tool"]
    last = await _last_run(provider)
    assert last["started_at"] < last["finished_at"], "the start was measured"
    assert last["bytes_total"] >= len("x-ray")
    assert last["files_total"] >= 1
    await _nothing_told_of(provider, PATIENT, str(machine.folder), "Creating archive")


async def test_a_failed_run_is_a_ticket_that_the_next_good_one_closes(
    provider: Provider, machine: BackupMachine
) -> None:
    enrolled = await provider.enrol(PRACTICE)
    await provider.schedule(enrolled, JOB, every=DAY, grace=HOUR)
    configuration = _configured(machine, {"ping_url": await _ping_url(provider), "send_logs": True})

    await _backs_up(machine, configuration, well=False)
    await provider.ticket("open")
    [incident] = await provider.read("/v1/incidents?state=open")
    assert incident["rule"] == "backup_failed"
    await _job(provider, "critical", "failed")
    await _nothing_told_of(provider, str(machine.repository), "does not exist")

    await asyncio.to_thread(machine.create_repository, configuration)
    await _backs_up(machine, configuration)
    closed = await provider.ticket("resolved")
    assert closed["events"] == ["ticket.opened", "ticket.resolved"]
    await _job(provider, "ok", "success")


async def test_a_job_that_borgmatic_makes_itself_is_grey_until_it_is_scheduled(
    provider: Provider, machine: BackupMachine
) -> None:
    await provider.enrol(PRACTICE)
    key = SCRIPT_KEY.search(await vigie(provider, "key", "add", PRACTICE, "--script"))
    assert key
    url = f"{provider.stack.collector_url}/ping/{key[0]}/{JOB}"
    configuration = _configured(machine, {"ping_url": url, "send_logs": True, "create_slug": True})
    await asyncio.to_thread(machine.create_repository, configuration)
    assert await _probe(url) == (404, "not found")
    await _backs_up(machine, configuration)
    assert await _probe(url) == (200, "OK")

    job = await _job(provider, "unknown", "success")
    assert (job["job"], job["reason"]) == (JOB, "never_scheduled")

    await vigie(provider, "job", "set", PRACTICE, JOB, "--every", "24h")
    assert (await _job(provider, "ok", "success"))["due_at"] is not None
    await _backs_up(machine, configuration)
    await vigie(provider, "job", "set", PRACTICE, JOB, "--every", "2s", "--grace", "1s")
    await provider.ticket("open")
    [incident] = await provider.read("/v1/incidents?state=open")
    assert incident["rule"] == "backup_missed"


async def test_a_dry_run_pings_nothing(provider: Provider, machine: BackupMachine) -> None:
    await provider.enrol(PRACTICE)
    configuration = _configured(machine, {"ping_url": await _ping_url(provider), "send_logs": True})
    await asyncio.to_thread(machine.create_repository, configuration)
    told = await _backs_up(machine, configuration, "--dry-run", "--verbosity", "1", "create")
    assert "dry run; not actually pinging" in told
    assert not await _rows(provider, "SELECT kind FROM vigie.section")


async def _probe(url: str) -> tuple[int, str]:
    """What a log line is answered: it changes nothing."""
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{url}/log")
    return response.status_code, response.text


async def _job(provider: Provider, state: str, last_status: str) -> dict[str, Any]:
    """The only job, once it stands so and its last run ended so."""

    async def look() -> dict[str, Any] | None:
        jobs = await _rows(provider, "SELECT * FROM vigie.job_now")
        assert len(jobs) <= 1, "whatever a client pings is one job"
        return next((job for job in jobs if (job["state"], job["last_status"]) == (state, last_status)), None)

    return await eventually(look, f"a job that is {state} after a {last_status}")


async def _last_run(provider: Provider) -> dict[str, Any]:
    [row] = await _rows(provider, "SELECT body FROM vigie.snapshot")
    [job] = json.loads(row["body"])["jobs"].values()
    run: dict[str, Any] = job["last_run"]
    return run


async def _nothing_told_of(provider: Provider, *secrets: str) -> None:
    """Neither a row of any table nor a line of any log of ours holds one of these."""
    conn = await asyncpg.connect(provider.stack.database_url)
    try:
        tables = await conn.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'vigie'"
        )
        kept = [row[0] for (table,) in tables for row in await conn.fetch(f"SELECT t::text FROM {table} AS t")]  # noqa: S608
    finally:
        await conn.close()
    kept += [log.read_text() for log in provider.stack.logs.glob("*.log")]
    assert any(JOB in text for text in kept), "there is something to look at"
    assert not [(secret, text) for secret in secrets for text in kept if secret in text]


async def _rows(provider: Provider, query: str) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(provider.stack.database_url)
    try:
        return [dict(row) for row in await conn.fetch(query)]
    finally:
        await conn.close()
