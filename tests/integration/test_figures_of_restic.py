"""The figures of the restic of this machine, as JSON and as text."""

import os
import subprocess
from pathlib import Path

import pytest

from collector.intake.figures import read_figures


@pytest.mark.parametrize("format_", [["--json"], []], ids=["json", "text"])
def test_what_the_real_restic_says_is_read(restic: Path, tmp_path: Path, format_: list[str]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        (source / str(number)).write_bytes(os.urandom(10_000))
    _restic(restic, tmp_path, "init")
    first = read_figures(_restic(restic, tmp_path, "backup", *format_, str(source)))
    (source / "0").write_bytes(os.urandom(20_000))
    second = read_figures(_restic(restic, tmp_path, "backup", *format_, str(source)))
    assert first
    assert second
    assert (first.tool, first.files_total, first.files_changed) == ("restic", 3, 3)
    assert (second.files_total, second.files_changed) == (3, 1)
    # As text they are rounded to a thousandth of a KiB.
    assert first.bytes_total == pytest.approx(30_000, abs=1)
    assert second.bytes_total == pytest.approx(40_000, abs=1)
    assert first.bytes_added is not None
    assert second.bytes_added is not None
    assert 30_000 < first.bytes_added < 60_000
    assert 20_000 < second.bytes_added < 40_000


def _restic(restic: Path, folder: Path, *arguments: str) -> str:
    environment = {"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": str(folder / "repository"), "HOME": str(folder)}
    ran = subprocess.run([restic, *arguments], env=environment, capture_output=True, text=True, check=True)
    return ran.stdout
