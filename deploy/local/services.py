"""A real database and a real Redis for demo, tests and benchmarks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.local.account import Account, server_account
from deploy.local.errors import UnavailableError
from deploy.local.home import Say, home_below
from deploy.local.postgresql import running_postgresql
from deploy.local.programs import (
    debian_redis_programs,
    timescaledb_programs,
    wheel_postgresql_programs,
    wheel_redis_programs,
)
from deploy.local.redis import running_redis
from deploy.local.run import claimed_run
from deploy.local.server import Server


class Flavour(StrEnum):
    """Kinds of database, the preferred one first."""

    TIMESCALEDB = "timescaledb"  # Debian's packages
    POSTGRESQL = "postgresql"  # wheels


FINDERS = {
    Flavour.TIMESCALEDB: (timescaledb_programs, debian_redis_programs),
    Flavour.POSTGRESQL: (wheel_postgresql_programs, wheel_redis_programs),
}


@dataclass(frozen=True)
class Services:
    """Addresses of both, and handles of those that were started here."""

    flavour: Flavour | None  # of the database started here
    database_url: str
    redis_url: str
    started_postgres: Server | None = None
    started_redis: Server | None = None

    @property
    def postgres(self) -> Server:
        return _ours(self.started_postgres, "PostgreSQL")

    @property
    def redis(self) -> Server:
        return _ours(self.started_redis, "Redis")


def _ours(server: Server | None, name: str) -> Server:
    if server is None:
        raise UnavailableError(f"{name} was not started here, so it is not ours to stop; start without its URL.")
    return server


@contextmanager
def local_services(
    flavour: Flavour | None = None,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    say: Say = print,
    root: Path = Path(".vigie"),
) -> Iterator[Services]:
    """Start what has no address yet; stop it and remove its data at the end.

    Without a wanted flavour TimescaleDB is taken, or plain PostgreSQL where that cannot be had.
    """
    if database_url and redis_url:
        yield Services(None, database_url, redis_url)
        return
    home, account = home_below(root, say), server_account()
    sources = _choose_sources(flavour, home, say, database_url, redis_url)
    preload = sources.flavour is Flavour.TIMESCALEDB
    with (
        claimed_run(home, account) as run,
        _redis(sources.redis, run / "redis", account) as (redis, redis_at),
        _postgresql(sources.postgresql, run / "postgresql", account, timescaledb=preload) as (postgres, database_at),
    ):
        yield Services(sources.flavour if postgres else None, database_at, redis_at, postgres, redis)


@dataclass(frozen=True)
class Sources:
    """Where each comes from: the URL of one that runs, or a folder of programs to start it with."""

    flavour: Flavour
    postgresql: str | Path
    redis: str | Path


def _choose_sources(
    flavour: Flavour | None, home: Path, say: Say, database_url: str | None, redis_url: str | None
) -> Sources:
    """The wanted flavour or none; without a wish, the first that can be had."""
    reasons = []
    for candidate in [flavour] if flavour else list(Flavour):
        find_postgresql, find_redis = FINDERS[candidate]
        try:
            return Sources(candidate, database_url or find_postgresql(home, say), redis_url or find_redis(home, say))
        except UnavailableError as reason:
            say(f"Servers of the flavour {candidate} cannot be had: {reason}")
            reasons.append(str(reason))
    raise UnavailableError(
        f"No local servers: {' '.join(reasons)} Set VIGIE_DATABASE_URL and VIGIE_REDIS_URL to your own."
    )


@contextmanager
def _redis(source: str | Path, folder: Path, account: Account) -> Iterator[tuple[Server | None, str]]:
    if isinstance(source, str):
        yield None, source
        return
    with running_redis(source, folder, account) as started:
        yield started


@contextmanager
def _postgresql(
    source: str | Path, folder: Path, account: Account, *, timescaledb: bool
) -> Iterator[tuple[Server | None, str]]:
    if isinstance(source, str):
        yield None, source
        return
    with running_postgresql(source, folder, account, timescaledb=timescaledb) as started:
        yield started
