"""The servers that everything else is tested on: they start, survive faults, and leave nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from deploy.local import Flavour, Services, UnavailableError, fetch_program, local_services
from deploy.local.apt import RELEASE
from deploy.local.home import claim_folder, home_below
from deploy.local.tree import tree_of

CHECKOUT = Path(__file__).parents[2]
ROOT = CHECKOUT / ".vigie"

KILLED_STARTER = """
import os, signal
from deploy.local import local_services
with local_services(root=__import__("pathlib").Path(os.environ["VIGIE_ROOT"]), say=lambda line: None) as services:
    print(services.postgres.pid, services.redis.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def quiet(line: str) -> None: ...


def started(flavour: Flavour) -> Iterator[Services]:
    try:
        with local_services(flavour, root=ROOT, say=quiet) as services:
            yield services
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    yield from started(Flavour.TIMESCALEDB)


@pytest.fixture
def wheels() -> Iterator[Services]:
    yield from started(Flavour.POSTGRESQL)


def runs_of(services: Services) -> list[Path]:
    return [services.postgres.log.parent.parent, services.redis.log.parent.parent]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def orphans_of_a_killed_starter() -> list[int]:
    environment = {**os.environ, "VIGIE_ROOT": str(ROOT)}
    starter = subprocess.run(
        [sys.executable, "-c", KILLED_STARTER], cwd=CHECKOUT, env=environment, capture_output=True, check=False
    )
    assert starter.returncode == -signal.SIGKILL, starter.stderr
    return [int(pid) for pid in starter.stdout.split()]


async def answer(database_url: str, question: str) -> object:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def ping(redis_url: str) -> bool:
    with redis.Redis.from_url(redis_url) as client:
        return bool(client.ping())


async def test_timescaledb_makes_hypertables(services: Services) -> None:
    connection = await asyncpg.connect(services.database_url)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        await connection.execute("CREATE TABLE sample (at timestamptz NOT NULL, value int)")
        await connection.execute("SELECT create_hypertable('sample', by_range('at'))")
        await connection.execute("INSERT INTO sample VALUES ('2025-01-01', 1), ('2025-03-01', 2)")
        assert await connection.fetchval("SELECT count(*) FROM show_chunks('sample')") == 2
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "on"), ("synchronous_commit", "on"), ("jit", "off"), ("TimeZone", "UTC"), ("max_connections", "200")],
)
async def test_settings_are_those_we_measure_with(services: Services, setting: str, value: str) -> None:
    assert await answer(services.database_url, f"SHOW {setting}") == value  # a test's own constant


async def test_databases_are_copied_from_a_template_with_the_extension(services: Services) -> None:
    await answer(services.database_url, "CREATE DATABASE pattern")
    pattern_url = services.database_url.removesuffix("/vigie") + "/pattern"
    await answer(pattern_url, "CREATE EXTENSION timescaledb")
    for copy in range(3):
        await answer(services.database_url, f"CREATE DATABASE copy{copy} TEMPLATE pattern")
    workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type ILIKE 'timescaledb%'"
    assert await answer(services.database_url, workers) == 0


async def test_neighbours_without_the_password_are_refused(services: Services) -> None:
    address = services.database_url.split("@")[1]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://vigie:guess@{address}")
    with pytest.raises(redis.AuthenticationError):
        ping("redis://" + services.redis_url.split("@")[1])


async def test_killed_postgresql_comes_back_with_its_data(services: Services) -> None:
    await answer(services.database_url, "CREATE TABLE kept AS SELECT 7 AS value")
    connection = await asyncpg.connect(services.database_url)  # its backend outlives the killed server for a moment
    services.postgres.kill()
    services.postgres.start()
    connection.terminate()
    assert await answer(services.database_url, "SELECT value FROM kept") == 7


def test_stopped_redis_comes_back_with_its_data(services: Services) -> None:
    with redis.Redis.from_url(services.redis_url) as client:
        client.set("kept", "7")
        services.redis.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        services.redis.start()
        assert client.get("kept") == b"7"


def test_killed_redis_comes_back(services: Services) -> None:
    services.redis.kill()
    services.redis.start()
    assert ping(services.redis_url)


async def test_wheels_answer_beside_timescaledb(services: Services, wheels: Services) -> None:
    assert wheels.flavour is Flavour.POSTGRESQL
    assert str(await answer(wheels.database_url, "SHOW server_version")).startswith("18.")
    assert str(await answer(services.database_url, "SHOW server_version")).startswith("17.")
    assert ping(wheels.redis_url)


def test_clean_stop_leaves_neither_process_nor_folder() -> None:
    with local_services(root=ROOT, say=quiet) as services:
        pids, runs = [services.postgres.pid, services.redis.pid], runs_of(services)
        assert all(alive(pid) for pid in pids)
    assert not any(alive(pid) for pid in pids)
    assert not any(run.exists() for run in runs)


def test_given_addresses_start_nothing(tmp_path: Path) -> None:
    untouched = tmp_path / "untouched"
    with local_services(database_url="postgresql://elsewhere", redis_url="redis://elsewhere", root=untouched) as given:
        assert (given.database_url, given.redis_url) == ("postgresql://elsewhere", "redis://elsewhere")
        with pytest.raises(UnavailableError, match="not started here"):
            given.postgres.kill()
    assert not untouched.exists()


def test_only_what_has_no_address_is_started(services: Services) -> None:
    with local_services(database_url=services.database_url, root=ROOT, say=quiet) as second:
        assert second.redis.pid != services.redis.pid
        assert second.database_url == services.database_url


async def test_leftovers_of_a_killed_starter_are_cleared_and_live_ones_left(services: Services) -> None:
    orphans = orphans_of_a_killed_starter()
    assert all(alive(pid) for pid in orphans)
    with local_services(database_url=services.database_url, root=ROOT, say=quiet):
        assert not any(alive(pid) for pid in orphans)
    assert await answer(services.database_url, "SELECT 1") == 1
    assert ping(services.redis_url)


def test_interrupt_of_the_process_group_stops_both() -> None:
    """Ctrl-C reaches everything in the terminal's foreground group."""
    starter = subprocess.Popen(
        [sys.executable, "-m", "deploy.local"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, process_group=0
    )
    with starter:
        assert starter.stdout
        while "Ctrl-C" not in starter.stdout.readline():
            assert starter.poll() is None
        os.killpg(starter.pid, signal.SIGINT)
        assert starter.wait(30) == 0


@pytest.fixture
def home() -> Iterator[Path]:
    home = home_below(ROOT, quiet)
    yield home
    for name in ("lz4", "no-such-program"):
        for tree in (home / "programs").glob(f"{name}-*"):
            shutil.rmtree(tree)


def test_half_finished_fetch_is_redone(home: Path, services: Services) -> None:
    def interrupted(tree: Path) -> None:
        (tree / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tree_of(home, "lz4", [RELEASE, "lz4"], interrupted)
    program = fetch_program("lz4", root=ROOT, say=quiet)
    assert program.is_relative_to(home)
    assert not (program.parents[2] / "half").exists()
    assert b"lz4" in subprocess.run([program, "-V"], capture_output=True, check=True).stdout


def test_missing_program_names_the_way_out(home: Path, services: Services) -> None:
    with pytest.raises(UnavailableError, match=r"no-such-program .* on the PATH"):
        fetch_program("no-such-program", root=ROOT, say=quiet)


def test_finished_fetch_is_not_repeated(tmp_path: Path) -> None:
    built: list[Path] = []
    trees = {tree_of(tmp_path, "anything", ["recipe"], built.append) for _ in range(2)}
    assert built == list(trees)
    assert tree_of(tmp_path, "anything", ["another recipe"], built.append) not in trees


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run under another account")
def test_closed_checkout_is_left_for_a_folder_servers_can_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    said: list[str] = []
    outside = home_below(tmp_path / ".vigie", said.append)
    try:
        assert len(said) == 1
        assert outside.parent == Path("/var/tmp")
        assert (tmp_path / ".vigie" / "services-0").resolve() == outside
        assert home_below(tmp_path / ".vigie", quiet) == outside
    finally:
        outside.rmdir()


def test_foreign_folder_outside_the_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trap").symlink_to(tmp_path)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for prepared in ("trap", "open"):
        with pytest.raises(UnavailableError, match="somebody else"):
            claim_folder(tmp_path / prepared)
