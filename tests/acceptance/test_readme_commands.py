"""Every command that the README shows, run as it is printed, in its order, against real processes."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.demo.receiver import SECRET_VARIABLE
from deploy.demo.stack import free_ports, running
from deploy.local import Services
from tests.acceptance.conftest import eventually
from tests.conftest import Database, Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# Run by others: the demo by test_demo.py, the tests by this very run.
ELSEWHERE = ("make demo", "make test")
PROCESSES = {"vigie collector": 8710, "vigie worker": 8730, "vigie api": 8720}
HOSTS = {"https://vigie.example": 8710, "https://tickets.example": 8740}


def sections() -> dict[str, str]:
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL))


def commands(section: str) -> Iterator[str]:
    """The commands of a section's blocks, comments dropped and continued lines joined."""
    for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
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
    """Where commands run: a folder of its own, the README's hosts and ports put on the loopback."""

    folder: Path
    environment: Mapping[str, str]
    ports: Mapping[int, int]

    def here(self, command: str) -> str:
        for host, port in HOSTS.items():
            command = command.replace(host, f"http://127.0.0.1:{self.ports[port]}")
        return command

    async def run(self, command: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run, ["bash", "-euc", self.here(command)], cwd=self.folder, env=dict(self.environment),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return str(done.stdout)


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
    (tmp_path / "build").mkdir()
    try:
        yield Shell(tmp_path, {"PATH": path, "HOME": str(tmp_path)} | values, ports)
    finally:
        await database.owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_every_command_does_what_it_says(shell: Shell) -> None:
    found = sections()
    async with running_for_real(shell, list(commands(found["Run it for real"]))) as deployed:
        told = [await deployed.run(command) for command in commands(found["Watch a practice"])]
        key = re.search(r"vgp_([0-9a-f]+)_[0-9a-f]+", told[0])
        assert key, told[0]
        (shell.folder / "practice.key").write_text(key[0])
        assert "missed 2:00:00 after that" in told[1]
        assert re.fullmatch(r"vgo_\w+\n", told[3])

        for command in commands(found["Send heartbeats"]):
            await deployed.run(_from_the_checkout(command))

        async def machines() -> int | None:
            page = await _status_page(deployed, told[0])
            return page.count("NAS") or None

        await eventually(machines, "the machine that curl reported")
        for command in commands(found["Let go"]):
            await deployed.run(command.replace("0123456789abcdef", key[1]))


def _from_the_checkout(command: str) -> str:
    """`python -m` and the heartbeat's time as on the day the README is read."""
    now = "$(date --iso-8601=seconds)"
    fresh = re.sub(r"2026-11-21T\d\d:\d\d:00\+01:00", f"'{now}'", command)
    return f"export PYTHONPATH={ROOT}; {fresh}"


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
    deployed = Shell(shell.folder, environment, shell.ports)
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
