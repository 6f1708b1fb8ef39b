"""`vigie oncall show` and `vigie escalation check`, on a file and without a database."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collector.cli.commands import commands

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "escalation.yaml"
NIGHT, DAY, HOLIDAY = "2026-01-06T22:00", "2026-01-06T12:00", "2026-05-01T12:00"
runner = CliRunner()


def vigie(*words: str) -> Result:
    return runner.invoke(commands(), list(words), env={"COLUMNS": "200"})


def show(*words: str) -> str:
    result = vigie("oncall", "show", "--file", str(EXAMPLE), *words)
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.stdout


def lines(*words: str) -> list[list[str]]:
    """Each line as its columns."""
    return [[part.strip() for part in line.split("  ") if part.strip()] for line in show(*words).splitlines()]


def test_a_night_is_told_with_who_comes_next() -> None:
    assert lines("--at", NIGHT) == [
        ["Tuesday 06 January 2026 22:00, Europe/Paris: after hours until Wed 07 Jan 08:30"],
        ["rota", "on call", "until", "by", "next"],
        ["on-call", "anna", "Wed 07 Jan 08:30", "anna-sms, anna-mail", "anna from Wed 07 Jan 18:30"],
        ["desk", "nobody", "Wed 07 Jan 08:30", "-", "anna from Wed 07 Jan 08:30"],
    ]


def test_one_rota_is_told_alone() -> None:
    title, _, *rows = lines("desk", "--at", DAY)
    assert title == ["Tuesday 06 January 2026 12:00, Europe/Paris: in hours until Tue 06 Jan 18:30"]
    assert rows == [["desk", "ben", "Tue 06 Jan 18:30", "ben-sms, ben-mail", "anna from Wed 07 Jan 08:30"]]


def test_a_holiday_is_after_hours_all_day() -> None:
    assert "after hours until Mon 04 May 08:30" in show("--at", HOLIDAY)


def test_an_override_is_told_with_when_it_ends() -> None:
    assert lines("on-call", "--at", "2026-12-25T12:00")[-1][1:3] == ["ben", "Sat 26 Dec 08:00"]


@pytest.mark.parametrize("at", ["2026-01-06T21:00Z", "2026-01-07T01:00"])
def test_what_is_shown_is_in_the_zone_that_was_asked_for(at: str) -> None:
    assert "Wednesday 07 January 2026 01:00, Indian/Reunion" in show("--at", at, "--zone", "Indian/Reunion")


def test_programs_are_told_the_same() -> None:
    told = json.loads(show("on-call", "--at", NIGHT, "--json"))
    assert told == {
        "at": "2026-01-06T22:00:00+01:00",
        "version": 0,
        "in_hours": False,
        "until": "2026-01-07T08:30:00+01:00",
        "rotas": [
            {
                "rota": "on-call",
                "person": "anna",
                "until": "2026-01-07T08:30:00+01:00",
                "page": ["anna-sms"],
                "notify": ["anna-mail"],
                "next": {"person": "anna", "since": "2026-01-07T18:30:00+01:00"},
            }
        ],
    }


def test_without_an_instant_it_is_now() -> None:
    assert {one["rota"] for one in json.loads(show("--json"))["rotas"]} == {"on-call", "desk"}


def test_who_has_no_rota_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "escalation.yaml").write_text("policies: {standard: [ticket]}")
    result = vigie("oncall", "show", "--file", str(tmp_path / "escalation.yaml"))
    assert "no rota is configured" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["on-cal"], "did you mean on-call?"),
        (["--at", "tonight"], "'tonight' is no instant; write it as in 2026-11-21T02:00"),
        (["--at", "0001-01-01T00:00"], "must lie between the years 1601 and 9000"),
        (["--at", "9999-12-31T23:59"], "must lie between the years 1601 and 9000"),
        (["--zone", "Paris"], "unknown time zone 'Paris'"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(words: list[str], said: str) -> None:
    result = vigie("oncall", "show", "--file", str(EXAMPLE), *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_a_check_finds_mistakes_without_a_database_and_notes_secrets_that_are_not_here(tmp_path: Path) -> None:
    file = tmp_path / "escalation.yaml"
    file.write_text("channels: {sms: {kind: apprise, url: {env: NOT_HERE}}}\npeople: {anna: sms}\n")
    result = vigie("escalation", "check", str(file))
    assert result.exit_code == 0
    assert "environment variable NOT_HERE is not set" in result.stdout
    assert "named by nothing: anna" in result.stdout
    file.write_text("people: {anna: sms}")
    result = vigie("escalation", "check", str(file))
    assert (result.exit_code, "'sms' is unknown" in result.stderr) == (1, True)
    assert "says nothing about escalation" in vigie("escalation", "check", str(EXAMPLE.parent / "rules.yaml")).stderr


def test_a_check_beside_a_fleet_knows_its_labels(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("practices: [{name: A, labels: {contract: silver}}]")
    said = vigie("escalation", "check", str(EXAMPLE), str(fleet)).stdout
    assert "no practice has the label contract=gold" in said
    assert "contract=gold" not in vigie("escalation", "check", str(EXAMPLE), str(EXAMPLE.parent / "fleet.yaml")).stdout
