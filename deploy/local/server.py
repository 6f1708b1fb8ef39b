"""A running server process, and what tests do to it."""

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from deploy.local.account import Account
from deploy.local.command import BARE_ENVIRONMENT
from deploy.local.errors import UnavailableError

START_TIMEOUT = 60.0  # seconds; crash recovery of a test database on a busy machine included
STOP_TIMEOUT = 20.0  # seconds until a server that ignores its signal is killed

# Below Linux's ephemeral range (32768 and up): a client that tries again while the server is away could be
# given the server's own port there, and then keep it.
PORTS = range(20000, 32000)


def free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0 and _can_bind(port):
                return port


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Server:
    """One server on one port and one data folder, through stops, kills and new starts."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        folder: Path,
        account: Account,
        answers: Callable[[int], bool],
        stop_signal: signal.Signals,
    ) -> None:
        self._argv = argv
        self._account = account
        self._answers = answers
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Start, and return when it answers. In a session of its own: Ctrl-C is for its clients first."""
        if self._process and self._process.poll() is None:
            return
        deadline = time.monotonic() + START_TIMEOUT
        self._spawn()
        while not self._answers(self.pid):
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self._name} does not answer: {self._last_words()}")
            if self._running().poll() is not None:
                self._spawn_again(deadline)
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it cleanly; a server that is away already stays so."""
        if self._process is None:
            return
        self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Let it die without a word (SIGKILL), as a crash or the out-of-memory killer would."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, cwd="/", env=BARE_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, umask=0o077, **self._account.popen,
            )  # fmt: skip

    def _spawn_again(self, deadline: float) -> None:
        """A killed PostgreSQL's backends hold its memory for a moment, and a new one refuses to start until then."""
        words = self._last_words()
        if "still in use" not in words or time.monotonic() > deadline:
            self._process = None
            raise UnavailableError(f"{self._name} does not start: {words}")
        time.sleep(0.1)
        self._spawn()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise UnavailableError(f"{self._name} is not running; start it first.")
        return self._process

    @property
    def _name(self) -> str:
        return Path(self._argv[0]).name

    def _last_words(self) -> str:
        return " ".join(self.log.read_text(errors="replace").splitlines()[-3:])
