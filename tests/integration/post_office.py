"""A mail server of aiosmtpd's that keeps what it takes, and answers as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "vigie", "un secret"
TAKEN = "250 OK"


@dataclass
class PostOffice:
    """`answers` to each mail in turn, then all are taken; None hangs up once the mail is kept."""

    port: int = 0
    answers: list[str | None] = field(default_factory=list)
    recipient: str = TAKEN
    kept: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if self.recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else TAKEN
        if answer is None or answer == TAKEN:
            self.kept.append(message_from_bytes(envelope.original_content or b"", policy=default))
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
            self.encrypted.append(session.ssl is not None)
        if answer is None:
            cast("asyncio.Transport", server.transport).abort()
        return answer or TAKEN


def _knows(_: SMTP, __: Session, ___: Envelope, ____: str, given: object) -> AuthResult:
    known = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == known, handled=False)


@asynccontextmanager
async def post_office(
    *, tls: ssl.SSLContext | None = None, from_the_first_byte: bool = False, sign_in: bool = False
) -> AsyncIterator[PostOffice]:
    office = PostOffice()

    def session() -> SMTP:
        return SMTP(
            office,
            tls_context=None if from_the_first_byte else tls,
            require_starttls=tls is not None and not from_the_first_byte,
            authenticator=_knows if sign_in else None,
            auth_required=sign_in,
            auth_require_tls=not from_the_first_byte,
            hostname="post.example",
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if from_the_first_byte else None)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        await server.wait_closed()
