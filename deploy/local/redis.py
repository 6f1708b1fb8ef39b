"""A Redis of our own: its settings and its address."""

import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.account import Account
from deploy.local.server import Server, free_port

# One snapshot rule makes Redis save when it is stopped cleanly; a killed one comes back with its last snapshot.
# The title stays the command line, by which leftovers are recognized.
SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
save 3600 1
appendonly no
daemonize no
set-proc-title no
"""


@contextmanager
def running_redis(programs: Path, folder: Path, account: Account) -> Iterator[tuple[Server, str]]:
    """A Redis with its data in `folder`; its server and URL."""
    port, password = free_port(), secrets.token_hex(16)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(SETTINGS.format(port=port, password=password, folder=folder))
    account.own(settings)
    server = Server(
        [programs / "redis-server", settings], folder, account, lambda _: _answers(port, password), signal.SIGTERM
    )
    with server:
        yield server, f"redis://:{password}@127.0.0.1:{port}/0"


def _answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            with connection.makefile("rb") as replies:
                return b"+PONG" in replies.read()
    except OSError:
        return False
