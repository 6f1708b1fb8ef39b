"""What a command loads: itself, and not all the others."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli import words
from collector.cli.commands import PLACES, commands

PROGRAM = """
import sys
from collector.cli import main
try:
    main()
finally:
    sys.stdout.write(" ".join(sys.modules))
"""


def _loaded_by(*words: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, *words]
    return set(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())


def test_a_command_does_not_wait_for_the_others_to_be_loaded() -> None:
    others = {"fastapi", "collector.apply", "collector.rules"}
    assert _loaded_by("practice", "--help").isdisjoint(others)
    assert _loaded_by("--help") >= others, "it names them all"


def test_a_group_and_all_of_its_commands_stand_in_the_one_file_that_is_loaded_for_it() -> None:
    for file in Path(words.__file__).parent.glob("*.py"):
        ours = {attribute for place, attribute in PLACES.values() if place == file.stem} | {"own"}
        added_to = set(re.findall(r"^@?(\w+)\.command\(", file.read_text(), re.MULTILINE))
        assert added_to <= ours, file.name


@pytest.mark.parametrize("name", [*PLACES, "collector", "worker", "api", "migrate", "agent"])
def test_each_stands_where_it_is_looked_for(name: str) -> None:
    told = CliRunner().invoke(commands(), [name, "--help"])
    assert (told.exit_code, "No such command" in told.output) == (0, False)


def test_for_one_that_is_mistyped_any_other_may_be_suggested() -> None:
    told = CliRunner().invoke(commands(), ["silense"])
    assert (told.exit_code, "Did you mean 'silence'" in told.output) == (2, True)
