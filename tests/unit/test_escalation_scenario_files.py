"""What a provider writes in a story of escalation: how mistakes are told, and what is of one that does not hold."""

import json
import re
import shlex
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from collector.cli.commands import commands
from collector.configuration.faults import FaultyError
from collector.model.rule_settings import RuleSettings
from collector.rules.registry import RULES
from collector.scenario.escalation.happenings import VERBS
from collector.scenario.escalation.play import play
from collector.scenario.escalation.reading import read_scenarios
from collector.scenario.escalation.silences import SAME_PERSON
from collector.silences import SilenceRefusal

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().partition("## Test who is told\n")[2].partition("\n## ")[0]

GOOD = """
    escalation:
      channels:
        sms: {kind: apprise, url: {env: ANNA_SMS}}
      people: {anna: sms}
      policies:
        standard: [ticket, {page: anna, after: 15m}]
    start: 2026-01-12 22:00
    scenarios:
      - name: Anna is paged
        events:
          - {found: backup_missed, at: 0s, job: daily}
          - {silence: move, at: 1h, until: 2h, by: anna}
        expect:
          - at: 15m
            tickets: [opened]
            pages: [{to: sms, of: backup_missed, at: 15m}]
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text))
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(commands(), ["escalation", "test", *words])


def test_one_that_holds_is_told_and_ends_with_nothing_wrong(tmp_path: Path) -> None:
    told = run(str(written(tmp_path, GOOD)))
    assert (told.exit_code, told.stderr) == (0, "")
    assert "ok    Anna is paged" in told.stdout
    assert "1 scenario: all hold" in told.stdout


def test_what_was_sent_is_told_of_one_that_holds_too(tmp_path: Path) -> None:
    told = run(str(written(tmp_path, GOOD)), "--trace")
    assert "what was sent" in told.stdout
    assert "tickets: opened, tickets, backup_missed, critical, 0s (Mon 2026-01-12 22:00:00 CET)" in told.stdout
    assert "pages: sms (anna), backup_missed, critical, 15m (Mon 2026-01-12 22:15:00 CET)" in told.stdout


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("[]", "+ unexpected  pages sms (anna), backup_missed, critical, 15m"),
        ("[sms, sms]", "- missing     pages sms"),
        ("[{to: sms, person: ben}]", "person is anna, not ben"),
        ("[{to: sms, times: 2}]", "times is 1, not 2"),
        ("[{to: sms, severity: warning}]", "severity is critical, not warning"),
        ("[{to: sms, at: 14m}]", "sent 15m (Mon 2026-01-12 22:15:00 CET), not 14m"),
        ("[sms]\n            held: {backup_missed: snooze}", "- missing     held backup_missed: snooze"),
        ("[sms]\n            walks: {backup_missed: gold}", "~ different   walks backup_missed: standard, not gold"),
        ("[sms]\n            refused: [needs_two]", "- missing     refused needs_two"),
        ("[sms]\n            notices: [sms]", "- missing     notices sms"),
    ],
)
def test_what_does_not_hold_is_told_with_what_was_expected_and_sent(tmp_path: Path, expected: str, told: str) -> None:
    result = run(str(written(tmp_path, GOOD.replace("[{to: sms, of: backup_missed, at: 15m}]", expected))))
    assert result.exit_code == 1
    assert "FAIL  Anna is paged" in result.stdout
    assert told in result.stdout


@pytest.mark.parametrize(
    ("since", "to", "told"),
    [
        ("found: backup_missed, at", "found: backup_misd, at", ["did you mean backup_missed?"]),
        ("{found: backup_missed", "{fund: backup_missed", ["say what happens by one of", "did you mean found?"]),
        (
            "found: backup_missed, at: 0s, job: daily",
            "gone: backup_mised, at: 0s",
            ["no incident here is called 'backup_mised'"],
        ),
        ("found: backup_missed, at", "found: campaign, at", ["no rule here is called 'campaign'"]),
        ("{silence: move, at: 1h, until: 2h, by: anna}", "{found: backup_missed, at: 1h, job: nas}", ["called: and"]),
        ("found: backup_missed, at: 0s", "found: backup_missed, at: soon", ["'soon' is no instant"]),
        ("found: backup_missed, at: 0s", "found: backup_missed, at: -1h", ["this lies before the start"]),
        ("found: backup_missed, at: 0s", "found: backup_missed, at: 0s, times: 3", ["every: 24h"]),
        ("until: 2h, by: anna", "until: 30m, by: anna", ["this lies before its event"]),
        ("until: 2h, by: anna", "until: 2h, by: anna, approved_by: anna", ["by somebody else than who asked"]),
        ("until: 2h, by: anna", "until: 400d, by: anna", ["a silence lasts at most 366 days"]),
        ("tickets: [opened]", "tickets: [open]", ["'open' is none of opened", "did you mean opened?"]),
        ("pages: [{to: sms", "pages: [{to: smss", ["no channel here is called 'smss'", "did you mean sms?"]),
        ("of: backup_missed, at: 15m}", "of: backup_misd, at: 15m}", ["no incident here is called 'backup_misd'"]),
        ("policies:", "polices:", ["unknown key 'polices'", "did you mean policies?"]),
        ("{page: anna, after", "{page: anne, after", ["anne", "did you mean anna?"]),
        ("start: 2026-01-12 22:00", "start: tomorrow", ["'tomorrow' is no instant"]),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_suggestion(tmp_path: Path, since: str, to: str, told: list[str]) -> None:
    """The file is GOOD but for one word; its line is the one that is told."""
    path = written(tmp_path, GOOD.replace(since, to))
    with pytest.raises(FaultyError) as refused:
        read_scenarios(path)
    said = str(refused.value)
    assert all(word in said for word in told), said
    line = next(number for number, one in enumerate(path.read_text().splitlines(), 1) if to in one)
    assert f"one.yaml:{line}:" in said, said


def test_what_goes_to_a_channel_is_never_told_to_be_a_mail_address(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD.replace("pages: [{to: sms", "pages: [{to: ''"))
    with pytest.raises(FaultyError) as refused:
        read_scenarios(path)
    assert re.search(r"pages\[0\]\.to: must not be empty$", str(refused.value), re.MULTILINE)


def test_a_story_of_nothing_in_particular_is_refused(tmp_path: Path) -> None:
    text = GOOD[GOOD.index("    start:") :]
    with pytest.raises(FaultyError, match="say what is tested: escalation_file"):
        read_scenarios(written(tmp_path, text))


def test_a_file_that_says_nothing_about_escalation_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "practices: []", "fleet.yaml")
    text = "escalation_file: fleet.yaml\n" + dedent(GOOD[GOOD.index("    start:") :])
    with pytest.raises(FaultyError, match=r"fleet\.yaml: this says nothing about escalation"):
        read_scenarios(written(tmp_path, text))


def test_mistakes_end_with_two(tmp_path: Path) -> None:
    told = run(str(written(tmp_path, GOOD.replace("polic", "polik"))))
    assert told.exit_code == 2
    assert "one.yaml:" in told.stderr


def test_programs_read_the_same_as_json(tmp_path: Path) -> None:
    result = run(str(written(tmp_path, GOOD.replace("to: sms, of", "to: sms, times: 3, of"))), "--json")
    [told] = json.loads(result.stdout)
    assert (result.exit_code, told["holds"], told["scenario"]) == (1, False, "Anna is paged")
    assert [(one["what"], one["list"]) for one in told["wrong"]] == [("different", "pages")]


def test_the_rules_that_a_story_may_name_are_the_houses() -> None:
    assert {rule.name for rule in RULES} < set(RuleSettings.model_fields)


def test_a_refusal_is_called_what_the_house_calls_it() -> None:
    assert SilenceRefusal.SAME_PERSON.value == SAME_PERSON


def test_the_readmes_commands_run_as_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.findall(r"^vigie (escalation test [^#\n]*)", SECTION, re.MULTILINE)
    assert shown
    for command in shown:
        told = CliRunner().invoke(commands(), shlex.split(command))
        assert told.exit_code == 0, told.output


def test_the_readmes_example_holds_for_its_first_policy(tmp_path: Path) -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    [policy] = re.findall(
        r"## Say who is told\n.*?^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "escalation.yaml").write_text(policy)
    (tmp_path / "one.yaml").write_text(example)
    for story in read_scenarios(tmp_path / "one.yaml"):
        outcome = play(story)
        assert not outcome.failed, list(outcome.history())
        assert outcome.messages


def test_the_readmes_table_names_every_verb_and_its_keys() -> None:
    rows = dict(re.findall(r"^\| `(\w+): [^|]*\| (.*?) \|$", SECTION, re.MULTILINE))
    assert set(rows) == set(VERBS)
    common = {"at", "by", "every", "times", "lasts", "called"}
    for verb, kind in VERBS.items():
        missing = {key for key in kind.model_fields if key not in {verb, *common} and f"`{key}`" not in rows[verb]}
        assert not missing, f"{verb}: {missing}"
    assert all(f"`{key}" in SECTION for key in common)
