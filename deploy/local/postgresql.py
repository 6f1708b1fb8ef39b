"""A PostgreSQL of our own: its cluster, its settings, its address."""

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.account import Account
from deploy.local.command import BARE_ENVIRONMENT, output_of
from deploy.local.server import Server, free_port

OWNER = "vigie"  # superuser: it has to CREATE EXTENSION timescaledb
DATABASE = "vigie"

# fsync, synchronous_commit and full_page_writes stay as they are: what is tested and measured here is durable.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
max_wal_size = 1GB
max_locks_per_transaction = 256
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""

# No background workers: a database's scheduler stays connected to it, and CREATE DATABASE ... TEMPLATE refuses a
# template that is in use. The Apache edition has no policies that they would run.
TIMESCALEDB_SETTINGS = """
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 0
"""


@contextmanager
def running_postgresql(
    programs: Path, folder: Path, account: Account, *, timescaledb: bool
) -> Iterator[tuple[Server, str]]:
    """A new cluster in `folder` with an empty database; its server and URL."""
    data, port, password = folder / "data", free_port(), secrets.token_hex(16)
    _create_cluster(programs, data, account, password)
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS.format(port=port) + (TIMESCALEDB_SETTINGS if timescaledb else ""))
    server = Server(
        [programs / "postgres", "-D", data], folder, account, lambda pid: _answers(data, pid), signal.SIGINT
    )
    with server:
        _create_database(programs, port, password)
        yield server, f"postgresql://{OWNER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _create_cluster(programs: Path, data: Path, account: Account, password: str) -> None:
    secret = data.with_name("password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    account.own(secret)
    output_of(
        [
            programs / "initdb", "-D", data, "--username", OWNER, "--pwfile", secret, "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            "--no-sync",
        ],
        cwd=Path("/"), account=account, environment=BARE_ENVIRONMENT,
    )  # fmt: skip
    secret.unlink()


def _create_database(programs: Path, port: int, password: str) -> None:
    output_of(
        [programs / "createdb", "--host", "127.0.0.1", "--port", str(port), "--username", OWNER, DATABASE],
        cwd=Path("/"), environment={**BARE_ENVIRONMENT, "PGPASSWORD": password},
    )  # fmt: skip


def _answers(data: Path, pid: int) -> bool:
    """Read the state that the server itself publishes; pg_ctl --wait looks at the same two lines."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and int(lines[0]) == pid and lines[7].strip() == "ready"
