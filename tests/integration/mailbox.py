"""A mailbox over loopback on a real house, and what tests send to it."""

import asyncio
import json
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry

from collector import administer
from collector.administer import Deed, Enrolled
from collector.intake.admission import Admission
from collector.intake.group_commit import GroupCommit
from collector.intake.hearing import Hearing
from collector.intake.keys import Keyring
from collector.intake.mail import MailDoor
from collector.intake.smtp import Mailbox, taking_mail
from collector.metrics import IntakeMetrics
from collector.model.mail import MailRules
from collector.store.connect import Pool
from tests.factories import NOW
from tests.integration.house import PATIENCE_S, House, rows

NAS = "nas@cabinet.example"
DOMAIN = "mail.example"
DEED = Deed("test", NOW)
Said = TypeVar("Said")
Reply = tuple[int, bytes]


@dataclass
class Letters:
    """A mailbox that is open, and what was counted."""

    port: int
    registry: CollectorRegistry

    def counted(self, outcome: str) -> float:
        return self.registry.get_sample_value("vigie_intake_mails_total", {"outcome": outcome}) or 0

    async def talk(self, do: Callable[[smtplib.SMTP], Said]) -> Said:
        """One session, in a thread of its own."""

        def session() -> Said:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE_S) as client:
                return do(client)

        return await asyncio.to_thread(session)

    async def send(self, to: str, raw: bytes, sender: str = NAS) -> Reply:
        return await self.talk(lambda client: deliver(client, to, raw, sender))


def deliver(client: smtplib.SMTP, to: str, raw: bytes, sender: str = NAS) -> Reply:
    """The first refusal, or the last word."""
    client.ehlo_or_helo_if_needed()
    for code, said in (client.mail(sender), client.rcpt(to)):
        if code != 250:
            return code, said
    return client.data(raw)


@asynccontextmanager
async def mailbox(
    house: House,
    *,
    pool: Pool | None = None,
    queue: int = 100,
    admission: Admission | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Letters]:
    registry = CollectorRegistry()
    metrics = IntakeMetrics(registry)
    commit = GroupCommit(pool or house.intake, metrics, queue)
    keyring = Keyring(house.intake, Hearing(house.database.url))
    door = MailDoor(keyring, admission or Admission(1_000, 1_000), commit, metrics, DOMAIN)
    committing = asyncio.create_task(commit.run())
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        async with taking_mail(Mailbox(listening, tls), door):
            yield Letters(listening.getsockname()[1], registry)
    finally:
        committing.cancel()
        await asyncio.wait([committing])


async def address(house: House, enrolled: Enrolled, job: str = "daily", endpoint_id: UUID | None = None) -> str:
    async with house.owner.acquire() as conn:
        rules = MailRules(senders=(NAS,))
        key = await administer.add_mail_address(conn, enrolled.practice, endpoint_id, job, rules, DEED)
    return f"{key}@{DOMAIN}"


def mail(subject: str, body: str = "", **headers: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return bytes(message)


async def runs(house: House) -> list[dict[str, object]]:
    stored = await rows(house, "SELECT body FROM section WHERE kind = 'mail' ORDER BY received_at")
    return [json.loads(row["body"])[0] for row in stored]
