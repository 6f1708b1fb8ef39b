"""What the README says of scenarios is so: its commands run as printed, its example holds, its table is the code's."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.cli.commands import commands
from collector.scenario.happenings import VERBS
from collector.scenario.play import play
from collector.scenario.reading import read_scenarios

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().partition("## Test your rules\n")[2].partition("\n## ")[0]


def test_the_commands_that_need_no_database_run_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.findall(r"^vigie (rules test [^#\n]*)", SECTION, re.MULTILINE)
    assert shown
    for command in shown:
        told = CliRunner().invoke(commands(), shlex.split(command))
        assert told.exit_code == 0, told.output
        assert "all hold" in told.stdout


def test_the_example_holds_and_raises_something(tmp_path: Path) -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    (tmp_path / "rules.yaml").write_text("defaults: {}\n")
    (tmp_path / "one.yaml").write_text(example)
    [story] = read_scenarios(tmp_path / "one.yaml")
    outcome = play(story)
    assert not outcome.failed
    assert [one.rule for one in outcome.incidents] == ["backup_missed"]


def test_the_table_names_every_event_and_nothing_else() -> None:
    rows = re.findall(r"^\| `(\w+): [^|]*\| (.*?) \|$", SECTION, re.MULTILINE)
    assert {verb for verb, _ in rows} == set(VERBS)


def test_every_key_of_an_event_is_named() -> None:
    """Beside those that all have, which the text below the table tells of."""
    common = {"at", "every", "times", "arrives", "endpoint"}
    for verb, kind in VERBS.items():
        [row] = re.findall(rf"^\| `{verb}: .*$", SECTION, re.MULTILINE)
        missing = {key for key in kind.model_fields if key not in {verb, *common} and f"`{key}`" not in row}
        assert not missing, f"{verb}: {missing}"
    assert all(f"`{key}`" in SECTION or f"`{key}:" in SECTION for key in common - {"times"})
