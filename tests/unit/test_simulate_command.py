"""What `vigie simulate` says."""

import json

from typer.testing import CliRunner

from collector.cli.commands import commands
from collector.simulation.year.truth import Fault

SMALL = ("simulate", "--days", "16", "--practices", "2", "--seed", "3", "--processes", "1")


def test_json_is_a_list_of_all_faults() -> None:
    result = CliRunner().invoke(commands(), [*SMALL, "--score", "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [row["fault"] for row in rows] == [fault.value for fault in Fault]
    assert all(set(row) == {"fault", "injected", "found", "false", "delay_s_p50", "delay_s_max"} for row in rows)


def test_score_names_faults_and_hard_negatives_and_says_what_was_simulated() -> None:
    result = CliRunner().invoke(commands(), [*SMALL, "--score", "--noise", "2"])
    assert result.exit_code == 0
    assert "one night encryption" in result.stdout
    assert "imaging import" in result.stdout
    assert "seed 3, noise 2: 32 practice-days" in result.stdout


def test_without_score_it_only_says_what_was_simulated() -> None:
    result = CliRunner().invoke(commands(), SMALL)
    assert result.exit_code == 0
    assert "one night encryption" not in result.stdout
    assert "seed 3, noise 1: 32 practice-days" in result.stdout
