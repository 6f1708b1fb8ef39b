"""What a provider writes in a scenario: how it is read, and what is told of a mistake or of one that does not hold."""

import json
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from collector.cli.commands import commands
from collector.configuration.faults import FaultyError
from collector.scenario.moment import Clock
from collector.scenario.play import play
from collector.scenario.reading import read_scenarios

PARIS = Clock(datetime(2026, 3, 27, 23, 0, tzinfo=UTC), ZoneInfo("Europe/Paris"))  # Saturday, 00:00 in Paris

GOOD = """
    only: [backup_missed]
    endpoints:
      - {name: SRV-01}
    practice:
      jobs:
        - {name: daily, endpoint: SRV-01, cron: "0 2 * * *", grace: 1h}
    events:
      - {heartbeats: SRV-01}
    scenarios:
      - name: Nothing comes
        expect:
          - at: 3h
            open: [{rule: backup_missed, job: daily, raised: 3h}]
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text))
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(commands(), ["rules", "test", *words])


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        ("0s", "2026-03-27 23:00:00"),
        ("26h30m", "2026-03-29 01:30:00"),
        ("-1d", "2026-03-26 23:00:00"),
        ("3h - 1s", "2026-03-28 01:59:59"),
        ("2d + 3h - 1s", "2026-03-30 01:59:59"),
        ("Sat 00:00", "2026-03-27 23:00:00"),
        ("Sat 02:00", "2026-03-28 01:00:00"),
        ("Sun 03:30", "2026-03-29 01:30:00"),  # the clocks have gone on at 02:00
        ("Mon 08:00:01", "2026-03-30 06:00:01"),
        ("Fri 23:00 + 7d", "2026-04-10 21:00:00"),
        ("2026-03-28 02:00", "2026-03-28 01:00:00"),
        ("2026-03-29 03:00", "2026-03-29 01:00:00"),
        ("2026-03-29", "2026-03-28 23:00:00"),
        ("2026-03-28T02:00:00+00:00", "2026-03-28 02:00:00"),
    ],
)
def test_an_instant_is_read(moment: str, utc: str) -> None:
    assert PARIS.read(moment) == datetime.fromisoformat(f"{utc}+00:00")


@pytest.mark.parametrize("moment", ["", "soon", "3", "Moon 02:00", "02:00", "2026-13-01 02:00", "3h - soon", "now"])
def test_what_is_no_instant_is_refused(moment: str) -> None:
    with pytest.raises(ValueError, match="write it as in"):
        PARIS.read(moment)


def test_a_weekday_at_the_very_start_is_the_start() -> None:
    assert PARIS.read("Sat 00:00") == PARIS.start


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("backup_missed, job", "backup_mised, job", ["there is no rule 'backup_mised'", "did you mean backup_missed?"]),
        ("only: [backup_missed]", "only: [backup_mised]", ["did you mean backup_missed?"]),
        ("endpoint: SRV-01", "endpoint: SRV-1", ["there is no endpoint 'SRV-1'", "did you mean SRV-01?"]),
        ("heartbeats: SRV-01", "heartbeat: SRV-01", ["say what happens by one of", "did you mean heartbeats?"]),
        ("heartbeats: SRV-01", "heartbeats: SRV-01, til: 3h", ["unknown key 'til'", "did you mean until?"]),
        ("heartbeats: SRV-01", "heartbeats: SRV-01, until: late", ["'late' is no instant"]),
        ("heartbeats: SRV-01", "backup: daily, at: 2h, status: faild", ["'faild' is none of", "did you mean failed?"]),
        ("heartbeats: SRV-01", "backup: daily, at: 2h, status: failed, times: 3", ["every: 24h"]),
        ("heartbeats: SRV-01", "backup: daily, at: 2h, status: failed, bytes_total: 8 gigs", ["'8 gigs' is no size"]),
        ('cron: "0 2 * * *"', 'cron: "0 2 30 2 *"', ["cron expression '0 2 30 2 *'", "'0 2 * * *'"]),
        ("grace: 1h", "grace: 1 hour", ["write it as 1h"]),
        ("at: 3h\n", "at: tomorrow\n", ["'tomorrow' is no instant"]),
        ("at: 3h\n", "at: -3h\n", ["this lies before the start"]),
        ("scenarios:", "scenario:", ["unknown key 'scenario'", "did you mean scenarios?"]),
        (
            "only: [backup_missed]",
            "rules: {backup_misd: {enabled: no}}",
            ["did you mean backup_missed?"],
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_suggestion(
    tmp_path: Path, wrong: str, right: str, told: list[str]
) -> None:
    """The file is GOOD but for one word; where its line is, the word is what stands there."""
    path = written(tmp_path, GOOD.replace(wrong, right))
    with pytest.raises(FaultyError) as refused:
        read_scenarios(path)
    said = str(refused.value)
    assert all(word in said for word in told), said
    line = next(number for number, one in enumerate(path.read_text().splitlines(), 1) if right.strip() in one)
    assert f"one.yaml:{line}:" in said, said


def test_mistakes_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("only:", "olny:"), "first.yaml")
    written(tmp_path, GOOD.replace("grace: 1h", "grace: soon"), "second.yaml")
    told = run(str(tmp_path))
    assert told.exit_code == 2
    assert "first.yaml" in told.stderr
    assert "second.yaml" in told.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = run(str(tmp_path / "none.yaml"))
    assert told.exit_code == 2
    assert "none.yaml: no such file" in told.stderr


def test_a_folder_without_a_scenario_proves_nothing(tmp_path: Path) -> None:
    told = run(str(tmp_path))
    assert told.exit_code == 2
    assert "there is no scenario" in told.stderr


def test_scenarios_that_hold_are_told_and_end_with_nothing_wrong(tmp_path: Path) -> None:
    told = run(str(written(tmp_path, GOOD)))
    assert (told.exit_code, told.stderr) == (0, "")
    assert "ok    Nothing comes" in told.stdout
    assert "1 scenario: all hold" in told.stdout


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("[]", "+ unexpected  backup_missed, daily on SRV-01, never_reported, critical, raised 3h"),
        ("[{rule: backup_missed, job: weekly}]", "- missing     backup_missed, weekly"),
        ("[{rule: backup_missed, job: daily, severity: warning}]", "severity is critical, not warning"),
        ("[{rule: backup_missed, job: daily, reason: not_run}]", "reason is never_reported, not not_run"),
        ("[{rule: backup_missed, job: daily, raised: 2h}]", "raised 3h (Mon 2026-01-12 03:00:00 CET), not 2h"),
        ("[{rule: backup_missed, job: daily, facts: {job: weekly}}]", "job is daily, not weekly"),
        (
            "[{rule: backup_missed, job: daily}, {rule: backup_missed, job: daily}]",
            "- missing     backup_missed",
        ),
    ],
)
def test_what_does_not_hold_is_told_with_what_was_expected_and_found(tmp_path: Path, expected: str, told: str) -> None:
    text = GOOD.replace("[{rule: backup_missed, job: daily, raised: 3h}]", expected)
    result = run(str(written(tmp_path, text)))
    assert result.exit_code == 1
    assert "FAIL  Nothing comes" in result.stdout
    assert "at 3h (Mon 2026-01-12 03:00:00 CET), line 13" in result.stdout
    assert told in result.stdout
    assert "1 scenario: 1 failed" in result.stdout


def test_programs_read_the_same_as_json(tmp_path: Path) -> None:
    result = run(str(written(tmp_path, GOOD.replace("job: daily, raised", "job: weekly, raised"))), "--json")
    [told] = json.loads(result.stdout)
    assert (result.exit_code, told["holds"], told["scenario"]) == (1, False, "Nothing comes")
    assert {one["what"] for one in told["wrong"]} == {"missing", "unexpected"}


def test_what_is_grey_or_spoken_for_is_not_open(tmp_path: Path) -> None:
    """Where it is expected as open, it is told where it is."""
    text = """
        only: [heartbeat_missing, practice_silent]
        endpoints: [{name: SRV-01}, {name: NAS-01, role: nas}]
        events: [{heartbeats: all, until: 1h}]
        scenarios:
          - name: Both are silent
            expect:
              - at: 2h
                open:
                  - {rule: practice_silent}
                  - {rule: heartbeat_missing, endpoint: SRV-01}
                  - {rule: heartbeat_missing, endpoint: NAS-01}
    """
    result = run(str(written(tmp_path, text)))
    assert "heartbeat_missing, SRV-01 (it is inhibited, practice_silent speaks for it)" in result.stdout


def test_a_file_of_rules_is_tried_with_the_groups_that_match(tmp_path: Path) -> None:
    rules = """
        defaults: {backup_missed: {severity: warning}}
        groups:
          - match: {contract: gold}
            rules: {backup_missed: {severity: critical}}
    """
    written(tmp_path, rules, "rules.yaml")
    text = GOOD.replace("only:", "rules_file: rules.yaml\n    only:")
    for labels, severity in (("{}", "warning"), ("{contract: gold}", "critical")):
        labelled = text.replace("      jobs:", f"      labels: {labels}\n      jobs:")
        [story] = read_scenarios(written(tmp_path, labelled))
        assert {one.severity.value for one in play(story).incidents} == {severity}


def test_a_mistake_in_the_file_of_rules_is_told_as_its_own(tmp_path: Path) -> None:
    written(tmp_path, "defaults: {backup_misd: {}}", "rules.yaml")
    with pytest.raises(FaultyError, match=r"rules\.yaml:1"):
        read_scenarios(written(tmp_path, GOOD.replace("only:", "rules_file: rules.yaml\n    only:")))


def test_a_file_of_rules_that_says_nothing_about_rules_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "practices: []", "fleet.yaml")
    with pytest.raises(FaultyError, match=r"fleet\.yaml: this says nothing about rules"):
        read_scenarios(written(tmp_path, GOOD.replace("only:", "rules_file: fleet.yaml\n    only:")))


def test_figures_take_turns_where_an_event_repeats(tmp_path: Path) -> None:
    event = "backup: daily, at: 2h, every: 24h, times: 3, status: [success, failed], bytes_total: [1GB, 2GiB]"
    [story] = read_scenarios(written(tmp_path, GOOD.replace("heartbeats: SRV-01", event)))
    runs = [run for heard in story.heard for report in heard.reports for run in report.sections.backups or ()]
    assert [(run.status.value, run.bytes_total) for run in runs] == [
        ("success", 10**9), ("failed", 2**31), ("success", 10**9),
    ]  # fmt: skip


def test_what_is_told_while_we_are_away_comes_in_its_order_once_we_are_back(tmp_path: Path) -> None:
    """A ping of that time is lost, and so is what a machine kept that died before it could send it."""
    text = """
        endpoints: [{name: SRV-01}, {name: SRV-02}]
        events:
          - {heartbeats: SRV-01}
          - {heartbeats: SRV-02, until: 90m}
          - {our_outage: 1h, at: 1h2m, catching_up: 10m}
          - {backup: first, endpoint: SRV-01, at: 1h12m, status: success}
          - {backup: second, endpoint: SRV-01, at: 1h32m, status: success}
          - {backup: lost, endpoint: SRV-02, at: 80m, status: success}
          - {ping: lost, at: 90m}
        scenarios:
          - {name: Away, expect: [{at: 3h}]}
    """
    [story] = read_scenarios(written(tmp_path, text))
    came = [
        (story.clock.write(heard.at).partition(" ")[0], run.job)
        for heard in story.heard
        for report in heard.reports
        for run in report.sections.backups or ()
    ]
    assert came == [("2h6m40s", "first"), ("2h10m", "second")]
    [life] = [one for one in story.lives.values() if one.spans[-1].up_to > story.clock.read("3h")]
    queued = {moment: life.sighting(story.clock.read(moment)) for moment in ("1h1m", "2h4m", "2h6m", "2h14m", "2h16m")}
    assert [one.queued if one else None for one in queued.values()] == [0, 0, 12, 12, 0]
    assert [one.received_at for one in queued.values() if one][1] == story.clock.read("1h")
