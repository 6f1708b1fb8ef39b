"""A small fleet, put down by its owner, and the api in front of it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr

from api.app import create_app
from collector.config import Settings
from collector.model.book import Book
from collector.model.credential import Credential, Holder
from collector.store.connect import Pool
from collector.store.escalation import put_book
from collector.store.operators import add_operator

NOW = datetime(2026, 1, 15, 21, 30, tzinfo=UTC)  # 22:30 in Paris
HOUR = timedelta(hours=1)

_Scope = MutableMapping[str, Any]


@dataclass
class Fleet:
    """Writes rows as the owner; everything it makes can be named again."""

    owner: Pool
    now: datetime = NOW
    operators: dict[str, str] = field(default_factory=dict)

    async def operator(self, name: str = "Alice Martin") -> str:
        credential = Credential.mint(Holder.OPERATOR)
        async with self.owner.acquire() as conn:
            await add_operator(conn, name, credential, at=self.now, actor="test")
        self.operators[name] = str(credential)
        return str(credential)

    async def listening(self, until: datetime | None = None) -> None:
        await self.owner.execute(
            "INSERT INTO listening VALUES ('here', $1, $2)", self.now - 24 * HOUR, until or self.now
        )

    async def practice(
        self,
        name: str,
        state: str | None = "ok",
        reason: str | None = None,
        *,
        since: timedelta = HOUR,
        good: timedelta | None = 20 * HOUR,
        jobs: int = 1,
        link: str | None = None,
    ) -> UUID:
        """With no state, one that was never judged."""
        practice_id: UUID = await self.owner.fetchval(
            "INSERT INTO practice (name, zone, created_at) VALUES ($1, 'Europe/Paris', $2) RETURNING practice_id",
            name, self.now - 48 * HOUR,
        )  # fmt: skip
        await self.owner.execute(
            "INSERT INTO status_link VALUES ($1, $2, $3)", practice_id, link or uuid4().hex, self.now
        )
        if state:
            await self.owner.execute(
                "INSERT INTO practice_now VALUES ($1, $2, $3, $4, 0, 1, $5, $6, $7)",
                practice_id, state, reason, self.now - since, jobs, self.now - good if good else None, self.now,
            )  # fmt: skip
        return practice_id

    async def endpoint(
        self,
        practice_id: UUID,
        name: str,
        state: str = "ok",
        reason: str | None = None,
        *,
        role: str = "server",
        seen: timedelta = timedelta(minutes=2),
        patches: int | None = 0,
        protection: str | None = "active",
    ) -> UUID:
        endpoint_id = uuid4()
        await self.owner.execute(
            """INSERT INTO endpoint_now
               VALUES ($1, $2, $3, $4, 'Windows Server 2022', '1.0', $5, $6, $7, $8, 0, $9, $10, $11)""",
            practice_id, endpoint_id, name, role, state, reason, self.now - 90 * 24 * HOUR, self.now - seen, patches,
            None if patches is None else self.now - 5 * HOUR, protection,
        )  # fmt: skip
        return endpoint_id

    async def job(
        self,
        practice_id: UUID,
        job: str,
        state: str = "ok",
        reason: str | None = None,
        *,
        endpoint: tuple[UUID, str] | None = None,
        good: timedelta | None = 20 * HOUR,
        due: timedelta | None = 4 * HOUR,
    ) -> str:
        endpoint_id, name = endpoint or (None, None)
        subject = f"job:{endpoint_id or '-'}:{job}"
        good_at = self.now - good if good else None
        due_at = self.now + due if due is not None else None
        await self.owner.execute(
            """INSERT INTO job_now
               VALUES ($1, $2, $3, $4, $5, 'restic', $6, $7, $8, $9, $8, 52000000000, $10, $11, 86400)""",
            practice_id, subject, endpoint_id, name, job, state, reason, good_at, "success" if good else None, due_at,
            due_at + HOUR if due_at else None,
        )  # fmt: skip
        return subject

    async def incident(
        self,
        practice_id: UUID,
        rule: str = "backup_missed",
        reason: str = "not_run",
        *,
        state: str = "open",
        severity: str = "critical",
        opened: timedelta = HOUR,
        job: str | None = "nightly",
        endpoint: str | None = None,
        ticket: UUID | None = None,
        by: str | None = None,
    ) -> UUID:
        incident_id = uuid4()
        facts = {name: value for name, value in (("job", job), ("endpoint", endpoint)) if value}
        at = self.now - opened
        resolved = (self.now, "recovered") if state == "resolved" else (None, None)
        acknowledged = (self.now - timedelta(minutes=12), by or "Bob") if state == "acknowledged" else (None, None)
        await self.owner.execute(
            """INSERT INTO incident (practice_id, incident_id, rule, subject, root, severity, reason, facts, state,
                since, opened_at, acknowledged_at, acknowledged_by, resolved_at, resolution, policy_version, escalation,
                walk, ticket_id)
               VALUES ($1, $2, $3, $4, $4, $5, $6, $7::jsonb, $8, $9, $9, $10, $11, $12, $13, 1,
               '{"name": "default", "steps": []}', jsonb_build_object('began_at', $9::timestamptz), $14)""",
            practice_id, incident_id, rule, f"job:-:{incident_id}", severity, reason, json.dumps(facts), state, at,
            *acknowledged, *resolved, ticket,
        )  # fmt: skip
        return incident_id

    async def ticket(
        self, practice_id: UUID, title: str = "Backup missed: nightly", *, opened: timedelta = HOUR, state: str = "open"
    ) -> UUID:
        ticket_id = uuid4()
        await self.owner.execute(
            "INSERT INTO ticket VALUES ($1, $2, $3, 'tickets', $4, 'critical', $5, $6, $7, 1)",
            practice_id, ticket_id, f"job:-:{ticket_id}", state, title, self.now - opened,
            self.now if state == "resolved" else None,
        )  # fmt: skip
        return ticket_id

    async def message(
        self, practice_id: UUID, ticket_id: UUID, sequence: int = 1, *, sent: bool = False, dead: bool = False,
        error: str | None = None,
    ) -> None:  # fmt: skip
        await self.owner.execute(
            """INSERT INTO outbox (practice_id, channel, about, sequence, payload, created_at, not_before, sent_at,
               dead_at, last_error) VALUES ($1, 'webhook', $2, $3, '{}', $4, $4, $5, $6, $7)""",
            practice_id, ticket_id, sequence, self.now, self.now if sent else None, self.now if dead else None, error,
        )  # fmt: skip

    async def book(self, book: Book) -> None:
        """Put an escalation in force."""
        async with self.owner.acquire() as conn, conn.transaction():
            version = await conn.fetchval(
                "INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, 'test', '') RETURNING version",
                self.now,
            )
            await put_book(conn, version, book)

    async def heartbeat(self, practice_id: UUID, endpoint_id: UUID, ago: timedelta) -> None:
        at = self.now - ago
        await self.owner.execute(
            "INSERT INTO heartbeat VALUES ($1, $2, $3, $4, 1, $3, 0, 60, 0, 0)", practice_id, endpoint_id, at, uuid4()
        )


def settings(url: str, **given: object) -> Settings:
    return Settings.model_validate({"database_url": SecretStr(url), "database_pool": 4, **given})


@asynccontextmanager
async def visitor(
    given: Settings,
    *,
    token: str | None = None,
    now: Callable[[], datetime] = lambda: NOW,
    language: str = "fr",
    faults_raise: bool = True,
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody in front of the running application, with or without a token.

    A fault of ours raises in the test, unless its answer is what the test is about.
    """
    app = create_app(given, now)
    headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with app.router.lifespan_context(app) as state:

        async def with_state(
            scope: _Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
        ) -> None:
            scope["state"] = dict(state or {})  # what a server does with the lifespan's state
            await app(scope, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=faults_raise)
        async with httpx.AsyncClient(transport=transport, base_url="http://vigie.test", headers=headers) as client:
            yield client
