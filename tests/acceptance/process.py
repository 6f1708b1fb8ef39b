"""A process of ours that a test kills without a word and starts again at the same address."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from deploy.local.server import free_port

READY_S = 60.0
STOP_S = 15.0
VIGIE = str(Path(sys.executable).parent / "vigie")


class Process:
    """`vigie collector`, `vigie worker` or `vigie api` on a port of its own."""

    def __init__(self, name: str, logs: Path, database_url: str, *, log: str | None = None, **settings: str) -> None:
        # Below the ephemeral range: a client that tries again while this is away could be given the port.
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = logs / f"{log or name}.log"
        self._name = name
        self._settings = {"DATABASE_URL": database_url, f"{name.upper()}_PORT": str(self.port)} | settings
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:  # nobody else would stop it
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def highest_memory_mb(self) -> float:
        """Resident, by the kernel's own account."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    @property
    def cpu_s(self) -> float:
        """Processor time of this process since it was started last."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def start(self) -> None:
        """Start, and return when it answers at all."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - short
                [VIGIE, self._name], env=_environment(self._settings), stdout=log, stderr=log, start_new_session=True
            )
        async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
            while not await self._answers(client):
                assert self.lives, f"{self._name} stopped:\n{self.last_words}"
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/livez")).is_success
        except httpx.HTTPError:
            return False


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("VIGIE_")}
    return clean | {f"VIGIE_{name}": value for name, value in settings.items()}
