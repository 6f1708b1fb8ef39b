"""What integration tests do to a running house: enrol, report, judge, look."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from collector.administer import Deed, Enrolled, enrol_practice, set_job
from collector.evaluate import judge_practices
from collector.intake.changes import Changes
from collector.judge import Verdict
from collector.model.escalation import Action
from collector.model.finding import Severity
from collector.model.heartbeat import Heartbeat
from collector.model.incident import IncidentState
from collector.model.message import IncidentLine, Notice, NoticeKind, TicketEvent, TicketMessage
from collector.model.policy import JobPolicy
from collector.model.snapshot import Gap
from collector.model.subject import Subject
from collector.store.connect import Pool, Role, open_pool
from collector.store.intake import Arrival, Identity, append
from tests.conftest import Database
from tests.factories import NOW, heartbeat, new_id

# How long a test waits for what must happen, before it says that it did not.
PATIENCE_S = 15.0


@dataclass(frozen=True)
class House:
    """A migrated database, and one pool for each role that a process may have."""

    database: Database
    intake: Pool
    worker: Pool
    api: Pool

    @property
    def owner(self) -> Pool:
        return self.database.owner

    def pool(self, role: Role) -> Pool:
        return {Role.INTAKE: self.intake, Role.WORKER: self.worker, Role.API: self.api}[role]


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[House]:
    url = database.url
    async with (
        open_pool(url, Role.INTAKE, 4) as intake,
        open_pool(url, Role.WORKER, 6) as worker,
        open_pool(url, Role.API, 2) as api,
    ):
        yield House(database, intake, worker, api)


async def enrol(house: House, name: str = "Cabinet Test", at: datetime = NOW) -> Enrolled:
    async with house.owner.acquire() as conn:
        return await enrol_practice(conn, name, "Europe/Paris", Deed("test", at))


async def schedule(house: House, enrolled: Enrolled, job: JobPolicy, at: datetime = NOW) -> None:
    async with house.owner.acquire() as conn:
        await set_job(conn, enrolled.practice, job, Deed("test", at))


def arrival(practice_id: UUID, beat: Heartbeat | None = None, received_at: datetime = NOW) -> Arrival:
    """As a collector that knows nothing yet would store it: every section, and a wake."""
    return Changes().compared(practice_id).arrival(beat or heartbeat(received_at), received_at)


async def store(house: House, *arrivals: Arrival) -> dict[Identity, datetime]:
    async with house.intake.acquire() as conn:
        return {one.identity: one.received_at for one in arrivals} | await append(conn, arrivals)


async def report(house: House, practice_id: UUID, at: datetime, **more: object) -> Heartbeat:
    """One heartbeat sent and committed at an instant."""
    beat = heartbeat(at, **more)  # type: ignore[arg-type]
    await store(house, arrival(practice_id, beat, at))
    return beat


async def judge(house: House, practice_id: UUID, now: datetime, gaps: tuple[Gap, ...] = ()) -> Verdict:
    [verdict] = await judge_practices(house.worker, [practice_id], gaps, now)
    return verdict


def message(practice_id: UUID, ticket_id: UUID, sequence: int, at: datetime = NOW) -> TicketMessage:
    return TicketMessage(
        event=TicketEvent.OPENED if sequence == 1 else TicketEvent.APPENDED,
        ticket_id=ticket_id, sequence=sequence, at=at, practice_id=practice_id, practice="Cabinet Test",
        root=Subject("endpoint:x"), severity=Severity.CRITICAL, title="A ticket", incidents=(),
    )  # fmt: skip


def notice(practice_id: UUID, incident_id: UUID, kind: NoticeKind, at: datetime = NOW) -> Notice:
    over = kind is NoticeKind.RESOLVED
    told = IncidentLine(
        incident_id=incident_id, rule="backup_missed", subject=Subject("job:-:daily"), severity=Severity.CRITICAL,
        reason="missed", state=IncidentState.RESOLVED if over else IncidentState.OPEN, since=at, opened_at=at,
        resolved_at=at if over else None, resolution="recovered" if over else None, facts={"job": "daily"},
    )  # fmt: skip
    return Notice(
        kind=kind, action=Action.PAGE, sequence=2 if over else 1, at=at, practice_id=practice_id,
        practice="Cabinet Test", title="Backup missed: daily", incident=told,
    )  # fmt: skip


_ADD_TICKET = """
    INSERT INTO ticket (practice_id, ticket_id, root, channel, state, severity, title, opened_at, sequence)
    VALUES ($1, $2, $4, 'tickets', 'open', 'critical', 'A ticket', $3, 1)
"""


async def open_ticket(house: House, practice_id: UUID, at: datetime = NOW) -> UUID:
    ticket_id = new_id(at)
    await house.owner.execute(_ADD_TICKET, practice_id, ticket_id, at, str(ticket_id))
    return ticket_id


async def rows(house: House, question: str, *arguments: object) -> list[dict[str, Any]]:
    return [dict(row) for row in await house.owner.fetch(question, *arguments)]


async def count(house: House, table: str) -> int:
    found: int = await house.owner.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name in a test
    return found


async def until(seen: Callable[[], Awaitable[object]], within: float = PATIENCE_S) -> None:
    """Look again until it is so; that it never is, is the failure."""
    async with asyncio.timeout(within):
        while not await seen():  # noqa: ASYNC110 - what is waited for lies in a database, or another process
            await asyncio.sleep(0.02)


async def waits_for_a_lock(house: House) -> bool:
    return bool(
        await house.owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
        )
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """An application within its lifespan, as a server would hold it; what is yielded speaks ASGI."""
    async with app.router.lifespan_context(app) as state:
        held: Mapping[str, Any] = state or {}

        async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(held)}, receive, send)

        yield asgi


def body_of(beat: Heartbeat, **changes: object) -> dict[str, Any]:
    """A heartbeat as an agent would write it."""
    written: dict[str, Any] = json.loads(beat.model_dump_json(exclude_none=True))
    return written | changes
