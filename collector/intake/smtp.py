"""SMTP sessions within their limits, in the collector's own event loop."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import socket
from typing import AnyStr
from weakref import WeakSet

from aiosmtpd.smtp import SMTP

from collector.intake.mail import MailDoor
from collector.intake.strangers import neighbourhood

SIZE_LIMIT = 1024 * 1024
# A thousand by RFC 5321, section 4.5.3.1.6; products write a whole report of HTML on one.
LONGEST_LINE = 64 * 1024
MOST_SESSIONS = 50
# As many as a relay opens (Postfix, default_destination_concurrency_limit); nobody takes all the room.
MOST_OF_AN_ADDRESS = 20
# A command with all its data; a mail of the full size fits at 150 kbit/s.
COMMAND_S = 60.0
SESSION_S = 600.0
# Of each command in a session; a relay reuses one for some ten mails.
MOST_CALLS = 100
# aiosmtpd gathers a line without an end for as long as it comes, and keeps each line with seventy bytes beside it:
# what has no answer yet is counted here. A megabyte in base64 has fourteen thousand lines.
MOST_UNANSWERED = 2 * SIZE_LIMIT
MOST_LINES = 40_000

_TOO_MUCH = b"552 5.3.4 too much data; a mail may have %d bytes\r\n" % SIZE_LIMIT
_TOO_LONG = b"421 4.4.2 this session has lasted long enough; begin another\r\n"
_STOPPING = b"421 4.3.2 the collector stops; send it again\r\n"
_FULL = b"421 4.3.2 too many sessions; send it again\r\n"


class _Session(SMTP):
    """One connection. With STARTTLS it is made a second time, inside TLS."""

    line_length_limit = LONGEST_LINE

    def __init__(self, door: MailDoor, tls: ssl.SSLContext | None, open_: "WeakSet[_Session]") -> None:
        super().__init__(
            door,
            data_size_limit=SIZE_LIMIT,
            hostname=door.domain,
            ident="Vigie",
            tls_context=tls,
            timeout=COMMAND_S,
            command_call_limit=MOST_CALLS,
            loop=asyncio.get_running_loop(),
        )
        self._open = open_
        self._peer = ""
        self._unanswered = self._lines = 0
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._end is not None or self._handler_coroutine is None:
            return
        self._end = self.loop.call_later(SESSION_S, self.hang_up, _TOO_LONG)
        self._handler_coroutine.add_done_callback(_note_end)
        self._peer = neighbourhood(transport.get_extra_info("peername", ("",))[0])
        if sum(session._peer == self._peer for session in self._open) > MOST_OF_AN_ADDRESS:
            self.hang_up(_FULL)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._unanswered += len(data)
        self._lines += data.count(b"\n")
        if self._unanswered > MOST_UNANSWERED or self._lines > MOST_LINES:
            self.hang_up(_TOO_MUCH)
            return
        super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        self._unanswered = self._lines = 0
        await super().push(status)

    def hang_up(self, reply: bytes) -> None:
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(reply)
            self.transport.close()


class _Full(asyncio.Protocol):
    """A connection that there is no room for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what servers give
        transport.write(_FULL)
        transport.close()


def _note_end(session: "asyncio.Task[None]") -> None:
    """A connection that breaks ends its session with an error that is nobody's."""
    if not session.cancelled():
        session.exception()


@dataclass(frozen=True)
class Mailbox:
    """Where mail is taken; STARTTLS is offered where there is `tls`."""

    listening: socket
    tls: ssl.SSLContext | None = None


@asynccontextmanager
async def taking_mail(mailbox: Mailbox | None, door: MailDoor) -> AsyncIterator[None]:
    """Mail is taken until the block ends; a session that is under way then is told to come again."""
    if mailbox is None:
        yield
        return
    # It names recipients, and their addresses are keys.
    logging.getLogger("mail.log").disabled = True
    sessions: WeakSet[_Session] = WeakSet()

    def begin() -> asyncio.Protocol:
        if len(sessions) >= MOST_SESSIONS:
            return _Full()
        session = _Session(door, mailbox.tls, sessions)
        sessions.add(session)
        return session

    server = await asyncio.get_running_loop().create_server(begin, sock=mailbox.listening)
    try:
        yield
    finally:
        server.close()
        for session in list(sessions):
            session.hang_up(_STOPPING)
