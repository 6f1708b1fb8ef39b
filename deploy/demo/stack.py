"""Every process of a small deployment, started and stopped together."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.demo.receiver import SECRET_VARIABLE
from deploy.local.server import free_port

READY_S = 30.0
LISTENING = "listening"
STOP_S = 10.0


class StackError(Exception):
    """A process did not come up; the message carries the end of its log."""


@dataclass(frozen=True)
class Stack:
    """Where everything answers."""

    database_url: str
    collector_url: str
    api_url: str
    worker_url: str
    receiver_url: str
    logs: Path


@asynccontextmanager
async def running_stack(
    database_url: str, redis_url: str | None, logs: Path, ports: Sequence[int] = (0, 0, 0, 0)
) -> AsyncIterator[Stack]:
    """Collector, api, worker and a ticket receiver on a migrated database, on the loopback.

    They take the given ports where these are free, else any.
    """
    collector, api, worker, receiver = free_ports(*ports)
    secret = f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
    environment = {
        "VIGIE_DATABASE_URL": database_url,
        "VIGIE_COLLECTOR_PORT": str(collector),
        "VIGIE_API_PORT": str(api),
        "VIGIE_WORKER_PORT": str(worker),
        "VIGIE_PUBLIC_URL": f"http://127.0.0.1:{api}",
        "VIGIE_TICKET_WEBHOOK_URL": f"http://127.0.0.1:{receiver}/webhook",
        "VIGIE_TICKET_WEBHOOK_SECRET": secret,
    } | ({"VIGIE_REDIS_URL": redis_url} if redis_url else {})
    vigie = [str(Path(sys.executable).parent / "vigie")]
    async with AsyncExitStack() as stack:
        for name, command, more, port, probe in (
            ("receiver", [sys.executable, "-m", "deploy.demo.receiver", str(receiver)], {SECRET_VARIABLE: secret},
             receiver, "/tickets"),
            ("collector", [*vigie, "collector"], environment, collector, "/readyz"),
            ("worker", [*vigie, "worker"], environment, worker, "/readyz"),
            ("api", [*vigie, "api"], environment, api, "/readyz"),
        ):  # fmt: skip
            process = await stack.enter_async_context(running(name, command, more, logs))
            await _until_ready(process, f"http://127.0.0.1:{port}{probe}", logs / f"{name}.log")
        yield Stack(
            database_url=database_url,
            collector_url=f"http://127.0.0.1:{collector}",
            api_url=f"http://127.0.0.1:{api}",
            worker_url=f"http://127.0.0.1:{worker}",
            receiver_url=f"http://127.0.0.1:{receiver}",
            logs=logs,
        )


@asynccontextmanager
async def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path
) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A process in a session of its own, so that Ctrl-C reaches us alone and we stop it in our order."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("VIGIE_")}
    with (logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - started once, at rest
            command, env=clean | dict(environment), stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        await asyncio.to_thread(_stop, process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(READY_S), httpx.AsyncClient() as client:
            # Its own word first: another's process on that port would answer too.
            while not _listens(log) or not await _answers(client, url):
                _check_alive(process, log)
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise StackError(f"{log.stem} was not ready within {READY_S:g} s:\n{_end_of(log)}") from None


def _listens(log: Path) -> bool:
    return LISTENING in log.read_text(errors="replace")


def _check_alive(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise StackError(f"{log.stem} stopped with {process.returncode}:\n{_end_of(log)}")


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def free_ports(*wanted: int) -> list[int]:
    """The wanted ports where they are free, else any; all different."""
    held = [_held(port) for port in wanted]
    try:
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


def _held(port: int) -> socket.socket:
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", port or free_port()))
    except OSError:
        held.bind(("127.0.0.1", free_port()))
    return held
