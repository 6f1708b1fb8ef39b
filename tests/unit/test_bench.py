"""The benches say what they measure, and do not believe their client."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.bench import ground
from tests.bench.ground import Collector, Ground, check_stored

if TYPE_CHECKING:
    import subprocess

BENCH = Path(ground.__file__).parent


def test_the_readme_explains_each_figure_and_no_other() -> None:
    named = {one for file in BENCH.glob("*.py") for one in re.findall(r'Figure\(\s*"(\w+)"', file.read_text())}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (BENCH / "README.md").read_text(), re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert explained == named


@pytest.mark.parametrize(
    ("stores", "stored", "believed"),
    [
        (True, 999, False),
        (True, 1_000, True),
        (True, 1_128, True),
        (True, 1_129, False),
        (False, 0, True),
        (False, 1, False),
    ],
)
def test_what_the_client_counted_must_be_in_the_database(
    monkeypatch: pytest.MonkeyPatch, stores: bool, stored: int, believed: bool
) -> None:
    async def count(*_: object) -> int:
        return stored

    monkeypatch.setattr(ground, "_stored", count)
    monkeypatch.setattr(ground, "UNDER_WAY_S", 0)
    collector = Collector("", cast("subprocess.Popen[bytes]", None), stores)
    try:
        check_stored(cast("Ground", None), collector, datetime.now(UTC), counted=1_000, unfinished=128)
        seen = True
    except RuntimeError:
        seen = False
    assert seen is believed
