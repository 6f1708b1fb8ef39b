"""How long a client may take over a request, and how much it may send of what never ends: uvicorn bounds neither."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As long as a body may pause (collector/intake/incoming.py).
HEAD_S = 10.0
# Longer than a body may take there, so that its door tells before the connection is closed. It holds as well for what
# is still sent behind an answer, and for bodies of routes that have no time-out of their own.
WHOLE_S = 75.0
# Bytes that are neither a whole head nor a piece of a body: they lie in memory.
MOST_UNHEARD = 64 * 1024


class PatientProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; a connection whose request does not come to its end in time is closed.

    A request that comes in one piece costs no timer.
    """

    _deadline: float | None = None
    _armed: float | None = None
    _late: TimerHandle | None = None
    _unheard = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.time() + HEAD_S
        self._arm()

    def data_received(self, data: bytes) -> None:
        self._unheard += len(data)
        super().data_received(data)
        if self._unheard > MOST_UNHEARD:
            self.transport.close()
        self._arm()

    def on_message_begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.time() + HEAD_S
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unheard = 0
        self._deadline = self.loop.time() + WHOLE_S
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unheard = 0
        self._deadline = None
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        self._arm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        if self._deadline == self._armed:
            return
        if self._late is not None:
            self._late.cancel()
        self._armed = self._deadline
        self._late = None if self._deadline is None else self.loop.call_at(self._deadline, self.transport.close)
