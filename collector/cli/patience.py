"""How long a client may take to begin a request: uvicorn itself waits for ever."""

from asyncio import TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# As long as a body may pause (collector/intake/body.py).
HEAD_S = 10.0


class PatientProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; a connection whose head does not come to its end in time is closed."""

    late: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def on_message_begin(self) -> None:
        self._expect_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._forgive()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forgive()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(HEAD_S, self.transport.close)

    def _forgive(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None
