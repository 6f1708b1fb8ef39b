"""What several runs of tests share of a machine: its packages."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.acceptance import debian_packages


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs, and only who may install waits for others")
def test_nobody_looks_for_a_program_while_another_may_have_unpacked_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, looks = tmp_path / "turn", []

    def look(_: Path) -> bool:
        looks.append("free" if _is_free(turn) else "held")
        return True

    monkeypatch.setattr(debian_packages, "_TURN", turn)
    monkeypatch.setattr(Path, "exists", look)
    debian_packages.install(Path("/usr/bin/true"), ["coreutils"])
    assert looks == ["held"]


def _is_free(turn: Path) -> bool:
    with turn.open("w") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
