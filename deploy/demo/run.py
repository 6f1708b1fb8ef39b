"""`vigie demo`: services, processes, fleet and story, until Ctrl-C or for a while; stops all it started."""

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.status import Status

from collector.administer import NotDoneError, dismiss_operator, enrol_operator, retire_whole_practice
from collector.simulation.drive import Enrolment, Tally, drive
from collector.store.connect import Connection, StoreAwayError, connect
from collector.store.migrate import apply_migrations, prepare
from collector.store.practices import list_practices
from deploy.demo.fleet import Member, deed, enrol_fleet, hero
from deploy.demo.stack import Stack, StackError, running, running_stack
from deploy.demo.story import STORY, Scene, Step, tell
from deploy.local import UnavailableError, local_services

FOR_EVER = timedelta(days=1)
AGENT_INTERVAL_S = 15
INTERRUPTED = 130  # as a shell says it
PORTS = (8710, 8720, 8730, 8740)  # those of the README, where they are free

console = Console(highlight=False, soft_wrap=True)


def run_demo(for_: timedelta | None) -> int:
    """0: the whole story was seen, or Ctrl-C. 1: a step did not happen. 2: it could not start."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # also where a shell in the background had Ctrl-C ignored
        signal.signal(stop, signal.default_int_handler)
    try:
        with local_services(
            database_url=os.environ.get("VIGIE_DATABASE_URL"),
            redis_url=os.environ.get("VIGIE_REDIS_URL"),
            say=lambda line: console.print(line, style="dim", markup=False),
        ) as services:
            return asyncio.run(_play(services.database_url, services.redis_url, for_))
    except (UnavailableError, StackError, StoreAwayError, NotDoneError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    except KeyboardInterrupt:
        console.print("Stopped.")
        return INTERRUPTED if for_ else 0


async def _play(database_url: str, redis_url: str, for_: timedelta | None) -> int:
    await _prepare(database_url)
    with TemporaryDirectory(prefix="vigie-demo-") as folder:
        async with running_stack(database_url, redis_url, Path(folder), PORTS) as stack, _fleet(stack) as fleet:
            members, token, tally = fleet
            _print_addresses(stack, members, token)
            async with _scene(stack, members, token) as scene:
                return await _watch(scene, tally, for_)


async def _prepare(database_url: str) -> None:
    """The newest schema, and nobody's real practices in it: a demo must not raise alarms among them."""
    conn = await connect(database_url)
    await conn.close()
    await asyncio.to_thread(apply_migrations, database_url)
    await prepare(database_url)
    conn = await connect(database_url)
    try:
        if await list_practices(conn):
            raise NotDoneError("this database watches practices already; give the demo an empty one, or none")
    finally:
        await conn.close()


@asynccontextmanager
async def _fleet(stack: Stack) -> AsyncIterator[tuple[list[Member], str, Tally]]:
    """The fleet enrolled and reporting, this machine by the real agent; afterwards nothing of it is watched."""
    name = f"demo-{secrets.token_hex(3)}"
    async with _owner(stack) as conn:
        members = await enrol_fleet(conn)
        token = str(await enrol_operator(conn, name, deed()))
    tally = Tally()
    enrolments = [Enrolment(one.script, str(one.enrolled.key)) for one in members if one.script]
    driver = asyncio.create_task(drive(stack.collector_url, enrolments, datetime.now(UTC), FOR_EVER, tally))
    try:
        async with _this_machine(stack, members[-1]):
            yield members, token, tally
    finally:
        driver.cancel()
        async with _owner(stack) as conn:
            await dismiss_operator(conn, name, deed())
            for member in members:
                await retire_whole_practice(conn, member.enrolled.practice, "the demo is over", deed())


@asynccontextmanager
async def _owner(stack: Stack) -> AsyncIterator[Connection]:
    conn = await connect(stack.database_url)
    try:
        yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def _this_machine(stack: Stack, member: Member) -> AsyncIterator[None]:
    vigie = str(Path(sys.executable).parent / "vigie")
    command = [
        vigie, "agent", "run", "--server", stack.collector_url, "--state", str(stack.logs / "agent"),
        "--interval-s", str(AGENT_INTERVAL_S),
    ]  # fmt: skip
    async with running("agent", command, {"VIGIE_AGENT_KEY": str(member.enrolled.key)}, stack.logs):
        yield


@asynccontextmanager
async def _scene(stack: Stack, members: Sequence[Member], token: str) -> AsyncIterator[Scene]:
    story = hero(members).enrolled
    async with (
        httpx.AsyncClient(base_url=stack.api_url, headers={"authorization": f"Bearer {token}"}) as api,
        httpx.AsyncClient(base_url=stack.api_url, headers={"origin": stack.api_url}) as browser,
        httpx.AsyncClient(base_url=stack.receiver_url) as receiver,
    ):
        signed_in = await browser.post("/sign-in", data={"token": token})
        if not signed_in.has_redirect_location:
            raise StackError(f"the NOC page refused the sign-in: {signed_in.status_code}")
        yield Scene(
            api=api,
            browser=browser,
            receiver=receiver,
            practices=len(members),
            hero=story.practice.name,
            hero_id=str(story.practice.practice_id),
            link=story.link,
        )


async def _watch(scene: Scene, tally: Tally, for_: timedelta | None) -> int:
    """Tell the story; afterwards go on until Ctrl-C or the time is over."""
    began = time.monotonic()
    told: list[Step] = []

    def happened(step: Step, seen: str) -> None:
        told.append(step)
        console.print(f"[green]✓[/] {time.monotonic() - began:5.1f} s  {step.name}: ", end="")
        console.print(seen, style="dim", markup=False)

    try:
        async with asyncio.timeout(for_.total_seconds() if for_ else None):
            with console.status("") as status:
                progress = asyncio.create_task(_show_progress(status, tally, told, began))
                try:
                    await tell(scene, happened)
                except AssertionError as error:
                    console.print(f"[red]✗[/] {STORY[len(told)].name}: {error}")
                    return 1
                finally:
                    progress.cancel()
            console.print("The story is told. Ctrl-C stops everything." if for_ is None else "The story is told.")
            if for_ is None:
                await asyncio.Event().wait()
    except TimeoutError:
        console.print(f"[red]✗[/] not within {for_}: {STORY[len(told)].name}")
        return 1
    return 0


async def _show_progress(status: Status, tally: Tally, told: Sequence[Step], began: float) -> None:
    while True:
        waiting = STORY[min(len(told), len(STORY) - 1)].name
        status.update(f"{time.monotonic() - began:4.0f} s · {tally.accepted} heartbeats · waiting: {waiting}")
        await asyncio.sleep(0.5)


def _print_addresses(stack: Stack, members: Sequence[Member], token: str) -> None:
    story = hero(members).enrolled
    for what, where in (
        ("NOC page", f"{stack.api_url}/noc"),
        ("  sign in with", token),
        (f"status page of {story.practice.name}", f"{stack.api_url}/status/{story.link}"),
        ("ticket receiver", stack.receiver_url),
        ("API document", f"{stack.api_url}/openapi.json"),
        ("metrics", f"{stack.collector_url}/metrics  {stack.worker_url}/metrics  {stack.api_url}/metrics"),
    ):
        console.print(f"{what:32} ", style="bold", end="", markup=False)
        console.print(where, style="cyan", markup=False)
    console.print()
