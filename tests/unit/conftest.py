"""What is dear to make, and made once for the tests of this folder that ask for it."""

from pathlib import Path

import pytest

from collector.agent.looking import look


@pytest.fixture(scope="session")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent's state that remembers what this machine misses; asking apt again would take each test a second."""
    state = tmp_path_factory.mktemp("looked")
    look(state, ())
    return state
