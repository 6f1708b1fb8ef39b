"""Where it is kept what ticket systems call our tickets."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from collector.delivery.tickets import Remote
from collector.model.message import TicketMessage
from collector.store.connect import Pool
from collector.store.ticket_remotes import (
    KeptRemote,
    ask_for_remote,
    forget_ask,
    forget_doubt,
    keep_remote,
    load_remote,
)


class StoredRemotes:
    """In the database: each word in a transaction of its own, right when it is known."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, practice_id: UUID, ticket_id: UUID) -> KeptRemote | None:
        async with self._pool.acquire() as conn:
            return await load_remote(conn, practice_id, ticket_id)

    async def ask(self, message: TicketMessage, channel: str, at: datetime) -> None:
        async with self._pool.acquire() as conn:
            await ask_for_remote(conn, message.practice_id, message.ticket_id, channel, at)

    async def not_made(self, message: TicketMessage) -> None:
        async with self._pool.acquire() as conn:
            await forget_ask(conn, message.practice_id, message.ticket_id)

    async def keep(self, message: TicketMessage, channel: str, remote: Remote, at: datetime) -> None:
        async with self._pool.acquire() as conn:
            await keep_remote(conn, message.practice_id, message.ticket_id, channel, *remote, at)

    async def looked(self, message: TicketMessage) -> None:
        async with self._pool.acquire() as conn:
            await forget_doubt(conn, message.practice_id, message.ticket_id)


class RememberedRemotes:
    """For as long as a test of a channel takes: its ticket is none of ours."""

    def __init__(self) -> None:
        self._kept: dict[UUID, KeptRemote] = {}

    async def load(self, _: UUID, ticket_id: UUID) -> KeptRemote | None:
        return self._kept.get(ticket_id)

    async def ask(self, message: TicketMessage, channel: str, at: datetime) -> None:
        before = self._kept.get(message.ticket_id)
        asks = before.asks + 1 if before and before.remote_id is None else 1
        replaced = (before.remote_id or before.replaced) if before else None
        self._put(KeptRemote(message.practice_id, message.ticket_id, channel, None, None, at, asks, replaced))

    async def not_made(self, message: TicketMessage) -> None:
        before = self._kept[message.ticket_id]
        self._put(replace(before, asks=before.asks - 1))

    async def keep(self, message: TicketMessage, channel: str, remote: Remote, at: datetime) -> None:
        blank = KeptRemote(message.practice_id, message.ticket_id, channel, None, None, at)
        before = self._kept.get(message.ticket_id, blank)
        self._put(replace(before, remote_id=remote.remote_id, url=remote.url))

    async def looked(self, message: TicketMessage) -> None:
        self._put(replace(self._kept[message.ticket_id], asks=1))

    def _put(self, kept: KeptRemote) -> None:
        self._kept[kept.ticket_id] = kept
