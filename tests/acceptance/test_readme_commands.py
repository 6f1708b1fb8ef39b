"""Every command that the README shows, run as it is printed, in its order, against real processes."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request

from deploy.demo.receiver import SECRET_VARIABLE
from deploy.demo.stack import free_ports, running
from deploy.local import Services
from tests.acceptance.backup_machine import BackupMachine
from tests.acceptance.conftest import eventually
from tests.conftest import Database, Server
from tests.integration.house import message
from tests.integration.receivers import served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# Run by others: the demo by test_demo.py, the tests by this very run.
ELSEWHERE = ("make demo", "make test")
RUN_HERE = (
    *("Run it for real", "Watch a practice", "Configure it", "Say who is told", "Reach people and tools"),
    *("Sending heartbeats", "Tickets", "Keep quiet for a while", "Let go"),
)
RUN_ELSEWHERE = {
    "Test your rules": "tests/unit/test_readme_scenarios.py",
    "Test who is told": "tests/unit/test_escalation_scenario_files.py",
    "What it detects": "tests/unit/test_simulate_command.py",  # smaller
}
PROCESSES = {"vigie collector": 8710, "vigie worker": 8730, "vigie api": 8720}
HOSTS = {"https://collect.example": 8710, "https://tickets.example": 8740}
PING_ID = re.compile(r"(?<=/ping/)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def section(title: str) -> str:
    found: dict[str, str] = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL))
    return found[title]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[str]:
    """The commands of a section's blocks, comments dropped and continued lines joined."""
    for block in blocks(text, "sh"):
        joined = re.sub(r"\\\n\s*", "", block)
        yield from _whole(re.sub(r"\s+# .*$", "", joined, flags=re.MULTILINE).splitlines())


def _whole(lines: list[str]) -> Iterator[str]:
    """A quoted argument may go on over lines."""
    held = ""
    for line in lines:
        held = f"{held}\n{line}" if held else line
        if held.count("'") % 2 == 0:
            yield held
            held = ""


@dataclass(frozen=True)
class Shell:
    """Where commands run: a folder of its own; the README's hosts, ports and keys are those of this deployment."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    keys: dict[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        for host, port in HOSTS.items():
            text = text.replace(host, f"http://127.0.0.1:{self.ports[port]}")
        for printed, real in self.keys.items():
            text = text.replace(printed, real)
        return text

    async def run(self, command: str) -> str:
        told = await self._done(["bash", "-euc", self.here(command)], self.environment)
        if command.startswith("vigie ping add"):
            self._learn(told)
        return told

    async def run_by_cron(self, line: str, assigned: list[str]) -> None:
        """As crontab(5) says: /bin/sh, a short PATH, the assignments above the line, `%` a newline."""
        command = self.here(line.split(maxsplit=5)[5])
        assert "%" not in command
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        for one in assigned:
            name, value = one.split("=", 1)
            environment[name] = self.here(value.strip('"'))
        await self._done(["/bin/sh", "-c", command], environment)

    async def _done(self, command: list[str], environment: Mapping[str, str]) -> str:
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=self.folder, env=dict(environment), input="y\n", capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return str(done.stdout)

    def _learn(self, told: str) -> None:
        """The first URL that is printed is the first that the README shows, and so on."""
        real = PING_ID.search(told)
        assert real, told
        self.keys[next(shown for shown in PING_ID.findall(README) if shown not in self.keys)] = real[0]

    async def job(self, name: str, status: str) -> dict[str, Any]:
        """What is known of a job, once its last run ended so."""

        async def look() -> dict[str, Any] | None:
            conn = await asyncpg.connect(self.environment["VIGIE_DATABASE_URL"])
            try:
                row = await conn.fetchrow("SELECT * FROM vigie.job_now WHERE job = $1", name)
            finally:
                await conn.close()
            return dict(row) if row and row["last_status"] == status else None

        return await eventually(look, f"a run of {name} that ended as a {status}")


def test_the_first_commands_are_the_two() -> None:
    [first, *_] = README.split("\n## ")
    assert list(commands(first)) == list(ELSEWHERE)


@pytest.fixture
async def shell(services: Services, server: Server, database: Database, tmp_path: Path) -> AsyncIterator[Shell]:
    """An empty database of its own: the README migrates it."""
    empty = database.url + "_readme"
    name = empty.rpartition("/")[2]
    await database.owner.execute(f"CREATE DATABASE {name}")
    ports = dict(zip((*PROCESSES.values(), 8740), free_ports(0, 0, 0, 0), strict=True))
    values = {
        "VIGIE_DATABASE_URL": empty,
        "VIGIE_REDIS_URL": services.redis_url,
        "VIGIE_COLLECTOR_PORT": str(ports[8710]),
        "VIGIE_API_PORT": str(ports[8720]),
        "VIGIE_WORKER_PORT": str(ports[8730]),
    }
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    try:
        yield Shell(tmp_path, {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | values, ports)
    finally:
        await database.owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def deployed(shell: Shell) -> AsyncIterator[Shell]:
    async with running_for_real(shell, list(commands(section("Run it for real")))) as deployed:
        yield deployed


def test_the_commands_of_every_section_are_run_here_or_by_the_tests_that_are_named() -> None:
    titles = re.findall(r"^## (.+)$", README, re.MULTILINE)
    shown = {title for title in titles if list(commands(section(title)))}
    assert shown == {*RUN_HERE, *RUN_ELSEWHERE}
    assert all((ROOT / file).exists() for file in RUN_ELSEWHERE.values())


async def test_every_command_does_what_it_says(deployed: Shell) -> None:
    told = [await deployed.run(command) for command in commands(section("Watch a practice"))]
    key = re.search(r"vgp_([0-9a-f]+)_[0-9a-f]+", told[0])
    assert key, told[0]
    (deployed.folder / "practice.key").write_text(key[0])
    assert "missed 2:00:00 after that" in told[1]
    assert re.fullmatch(r"vgo_\w+\n", told[3])

    deployed.keys["0123456789abcdef"] = key[1]
    for command in commands(section("Sending heartbeats")):
        await deployed.run(_of_today(command))

    async def machines() -> int | None:
        page = await _status_page(deployed, told[0])
        return page.count("NAS") or None

    await eventually(machines, "the machine that curl reported")
    assert (await deployed.job("accounting", "success"))["state"] == "unknown", "nobody has scheduled it"
    await deployed.job("nas-photos", "success")
    await _cron_tells_how_the_run_ended(deployed)
    for command in commands(section("Let go")):
        await deployed.run(command)


async def test_the_configuration_shown_is_put_in_force(deployed: Shell) -> None:
    deployed.keys["deploy/examples"] = str(ROOT / "deploy" / "examples")
    deployed.keys["2026-11-21T02:00"] = "$(date +%FT%T.%6N%:z)"
    checked, planned, applied, moved_in, explained, past = [
        await deployed.run(command) for command in commands(section("Configure it"))
    ]
    assert "no mistake" in checked
    assert ("+ Cabinet Mérignac" in planned, "is in force" in planned) == (True, False)
    assert ("is in force" in applied, "is in force" in moved_in) == (True, True)
    assert all("every imaging 92d, by group dental" in one for one in (explained, past))
    for keys in ("keys.csv", "keys-moved-in.csv"):
        assert (deployed.folder / keys).read_text().count("vgp_") >= 2


async def test_who_is_told_is_said_and_tried_as_shown(deployed: Shell) -> None:
    """With their secrets where the file says, and a server of ours in place of the README's ntfy."""
    (deployed.folder / "ben-sms").write_text("ntfys://ben")
    shell = replace(deployed, environment={**deployed.environment, "RT_TOKEN": "1-2-3", "ANNA_SMS": "ntfys://anna"})
    shell.keys["/run/secrets/ben-sms"] = str(deployed.folder / "ben-sms")
    [first] = blocks(section("Say who is told"), "yaml")
    (deployed.folder / "escalation.yaml").write_text(shell.here(first))
    checked, applied, in_force, on_call, by_file = [
        await shell.run(command) for command in commands(section("Say who is told"))
    ]
    assert checked == "no mistake in escalation.yaml\n"
    assert "is in force" in applied
    assert "policy standard: ticket; page on-call after 15m, again every 15m, only after hours" in in_force
    assert re.search(r"on-call +(anna|ben) +Mon 28 Dec", on_call)
    assert "on-call" in by_file
    await _a_room_is_tried(shell, first)


async def _a_room_is_tried(shell: Shell, policy: str) -> None:
    told: list[dict[str, Any]] = []

    async def take(request: Request) -> None:
        told.append(await request.json())

    [channels] = blocks(section("Reach people and tools"), "yaml")
    [ways] = re.findall(r"^`(anna: [^`]*)`", section("Reach people and tools"), re.MULTILINE)
    both = policy.replace("channels:\n", channels).replace("anna: anna-sms", ways)
    (shell.folder / "escalation.yaml").write_text(shell.here(both))
    await shell.run("TEAM_ROOM=set vigie apply escalation.yaml --yes")
    ntfy = FastAPI(openapi_url=None)
    ntfy.add_api_route("/", take, methods=["POST"], response_model=None)
    async with served(ntfy) as url:
        shell.keys["ntfys://ntfy.example.org"] = url.replace("http://", "ntfy://")
        tried, listed = [await shell.run(command) for command in commands(section("Reach people and tools"))]
    assert ("room works" in tried, [one["topic"] for one in told]) == (True, ["backups", "backups"])
    assert "environment variable TEAM_ROOM is not set" in listed


async def test_silences_are_added_as_shown(deployed: Shell) -> None:
    for command in commands(section("Watch a practice")):
        await deployed.run(command)
    tried, added, weekly, listed = [await deployed.run(one) for one in commands(section("Keep quiet for a while"))]
    assert "server move" not in tried
    assert (added.count("server move"), weekly.count("updates")) == (0, 0)
    assert (listed.count("server move"), listed.count("updates at weekends")) == (1, 1)


async def test_what_was_given_up_is_dealt_with_as_shown(deployed: Shell) -> None:
    await deployed.run('vigie practice add "Cabinet Pessac"')
    shown = UUID("7f0c6d1e-3b0a-4a57-9c56-0d6f4e1c2b3a")
    await _given_up(deployed, tickets=uuid4(), glpi=shown, desk=uuid4())
    stands, dead, retried, *dropped = [await deployed.run(command) for command in commands(section("Tickets"))]
    assert (stands.count("answered 410"), dead.count("answered 410")) == (3, 3)
    assert retried == "1 message is tried again\n"
    assert dropped == ["dropped: A ticket\n"] * 2


async def _given_up(shell: Shell, **messages: UUID) -> None:
    """One by each of these channels."""
    conn = await asyncpg.connect(shell.environment["VIGIE_DATABASE_URL"])
    try:
        practice_id = await conn.fetchval("SELECT practice_id FROM vigie.practice WHERE kind = 'practice'")
        for channel, outbox_id in messages.items():
            told = message(practice_id, uuid4(), 1)
            await conn.execute(_DEAD, practice_id, outbox_id, channel, told.about, told.model_dump_json())
    finally:
        await conn.close()


_DEAD = """
    INSERT INTO vigie.outbox (practice_id, outbox_id, channel, about, sequence, payload, created_at, not_before,
        dead_at, last_error)
    VALUES ($1, $2, $3, $4, 1, $5::text::jsonb, now(), now(), now(), 'answered 410')
"""


async def _cron_tells_how_the_run_ended(deployed: Shell) -> None:
    [crontab] = blocks(section("Sending heartbeats"), "crontab")
    *assigned, line = crontab.splitlines()
    job = deployed.folder / "dump-accounting"
    deployed.keys["/usr/local/bin/dump-accounting"] = str(job)
    for exit_code, status in ((3, "failed"), (0, "success")):
        job.write_text(f"#!/bin/sh\nexit {exit_code}\n")
        job.chmod(0o755)
        await deployed.run_by_cron(line, assigned)
        await deployed.job("accounting", status)


async def test_borgmatic_with_the_configuration_shown_reports_its_run(
    deployed: Shell, borg: Path, borgmatic: Path, tmp_path: Path
) -> None:
    machine = BackupMachine(borg, borgmatic, tmp_path / "machine")
    machine.fill()
    for command in [*commands(section("Watch a practice")), *commands(section("Sending heartbeats"))]:
        if command.startswith(("vigie practice add", "vigie ping add")):
            await deployed.run(command)
    [shown] = blocks(section("Sending heartbeats"), "yaml")
    for printed, real in (("/srv/practice", machine.files), ("/mnt/nas/practice.borg", machine.repository)):
        assert printed in shown
        deployed.keys[printed] = str(real)
    configuration = deployed.here(shown)
    await asyncio.to_thread(machine.create_repository, configuration)
    done = await asyncio.to_thread(machine.run, configuration)
    assert (done.returncode, "error" in done.stderr) == (0, False), done.stdout + done.stderr
    assert (await deployed.job("documents", "success"))["bytes_total"], "of the figures in its log"


def _of_today(command: str) -> str:
    """The heartbeat's time as on the day the README is read."""
    return re.sub(r"2026-11-21T\d\d:\d\d:00\+01:00", "'$(date --iso-8601=seconds)'", command)


async def _status_page(shell: Shell, told: str) -> str:
    link = re.search(r"/status/\S+", told)
    assert link
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{shell.ports[8720]}") as client:
        return (await client.get(link[0])).raise_for_status().text


@asynccontextmanager
async def running_for_real(shell: Shell, listed: list[str]) -> AsyncIterator[Shell]:
    """The section's exports, its migration, and each process it starts, until ready."""
    exports = dict(line.removeprefix("export ").split("=", 1) for line in listed if line.startswith("export "))
    assert set(exports) >= {"VIGIE_DATABASE_URL", "VIGIE_REDIS_URL"}
    environment = {name: shell.here(value) for name, value in exports.items()} | dict(shell.environment)
    deployed = replace(shell, environment=environment)
    receiver = [sys.executable, "-m", "deploy.demo.receiver", str(shell.ports[8740])]
    secret = {SECRET_VARIABLE: exports["VIGIE_TICKET_WEBHOOK_SECRET"]}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("receiver", receiver, secret, shell.folder))
        assert "applied: 0001" in await deployed.run(listed[len(exports)])
        for command in listed[len(exports) + 1 :]:
            name = command.replace(" ", "-")
            await stack.enter_async_context(running(name, command.split(), environment, shell.folder))
            await _ready(shell.ports[PROCESSES[command]], shell.folder / f"{name}.log")
        yield deployed


async def _ready(port: int, log: Path) -> None:
    async def ready() -> bool | None:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success or None
        except httpx.HTTPError:
            return None

    await eventually(ready, f"{log.stem} ready")
