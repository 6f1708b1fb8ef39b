"""What is dear to make, and made once for the tests of this folder that ask for it."""

from pathlib import Path
from shutil import which

import pytest

from collector.agent.looking import look
from deploy.local import UnavailableError, fetch_program


@pytest.fixture(scope="session")
def restic() -> Path:
    """The machine's own, else Debian's without installing it."""
    installed = which("restic")
    if installed:
        return Path(installed)
    try:
        return fetch_program("restic")
    except UnavailableError as error:
        pytest.skip(f"no restic here: {error}")


@pytest.fixture(scope="session")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent's state that remembers what this machine misses; asking apt again would take each test a second."""
    state = tmp_path_factory.mktemp("looked")
    look(state, ())
    return state
