"""The committed dashboard is the generated one, says what it shows, and means what the rest of the house means."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from collector.model.finding import Severity, State
from collector.model.rule_settings import PatchesOverdue
from collector.store.listening import TOLERATED
from dashboards import generate, queries
from dashboards.fleet import UID
from dashboards.meaning import GREEN, SCAN_STALE, SEVERITIES, STATES
from dashboards.postgres import DATASOURCE_TYPE
from dashboards.sdk import JSONEncoder, model
from tests.unit.test_dashboards_macros import dashboard, panels

PROVISIONING = Path(__file__).parents[2] / "deploy/grafana/provisioning"


def test_committed_dashboard_is_the_generated_one() -> None:
    assert generate.FLEET.read_text(encoding="utf-8") == generate.render()


def test_generator_repeats_itself_in_another_process() -> None:
    program = "from dashboards.generate import render; print(render(), end='')"
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, encoding="utf-8")
    assert again.stdout == generate.render()


def test_check_fails_when_the_committed_file_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    generate.main()
    monkeypatch.setattr(generate, "FLEET", tmp_path / "fleet.json")
    for stale in (None, generate.render() + "\n"):
        if stale:
            generate.FLEET.write_text(stale, encoding="utf-8")
        with pytest.raises(SystemExit) as exit_:
            generate.main()
        assert exit_.value.code not in (0, None)


def test_grafana_s_model_reads_it_without_loss() -> None:
    read = model.Dashboard.from_json(dashboard())
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == dashboard()


def test_every_panel_says_what_it_answers_its_unit_and_what_no_data_means() -> None:
    for panel in panels().values():
        defaults = panel["fieldConfig"]["defaults"]
        assert all([panel["title"], panel["description"], defaults["unit"], defaults["noValue"]]), panel["title"]


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    everything = dashboard()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    for one, other in combinations((panel["gridPos"] for panel in everything), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


def test_every_state_and_severity_has_a_word_and_a_colour_and_unknown_is_never_green() -> None:
    assert set(STATES) == set(State)
    assert set(Severity) <= set(STATES) | set(SEVERITIES)
    assert [state for state, (_, color) in STATES.items() if color == GREEN] == [State.OK]


def test_bounds_taken_from_the_rules_are_still_theirs() -> None:
    assert PatchesOverdue().stale == SCAN_STALE
    assert f"INTERVAL '{int(TOLERATED.total_seconds())} seconds'" in queries.LISTENING_GAPS


def test_links_lead_to_this_dashboard() -> None:
    links = [
        link["url"]
        for panel in panels().values()
        for override in panel["fieldConfig"]["overrides"]
        for known in override["properties"]
        if known["id"] == "links"
        for link in known["value"]
    ]
    assert links
    assert all(url.startswith(f"/d/{UID}?") for url in links)
    assert dashboard()["uid"] == UID


def test_provisioned_data_source_is_of_the_type_that_the_dashboard_asks_for() -> None:
    lines = (PROVISIONING / "datasources/vigie.yaml").read_text().splitlines()
    assert f"type: {DATASOURCE_TYPE}" in {line.strip() for line in lines}
    used = {word.removeprefix("$") for line in lines for word in line.split() if word.startswith("$VIGIE_GRAFANA_")}
    named = {line.split()[1] for line in lines if line.startswith("#   ")}
    assert used == named
