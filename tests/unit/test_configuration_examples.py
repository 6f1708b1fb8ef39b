"""What is shown as an example is what the commands take, and the schemas beside the code are the models'."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from collector.configuration.escalation.form import EscalationForm
from collector.configuration.escalation.plan import idle_names, unknown_labels
from collector.configuration.faults import FaultyError
from collector.configuration.read import read_files, unknown_names
from collector.configuration.schemas import FORMS, schema_of, schema_text
from collector.escalation.policies import unheard
from collector.model.channels import PEOPLE_KINDS
from collector.model.escalation import Action

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLEET, RULES, ESCALATION = FORMS


def _plain(text: str) -> object:
    """As an editor reads it: no dates, no minutes since midnight."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes strings alone


@pytest.mark.parametrize("names", [("fleet.yaml", "rules.yaml"), ("practices.csv",)])
def test_the_examples_have_no_mistake(names: tuple[str, ...]) -> None:
    read = read_files([(name, (EXAMPLES / name).read_text(encoding="utf-8")) for name in names])
    jobs = {one.practice.name: frozenset(job.name for job in one.practice.jobs) for one in read.practices}
    assert jobs
    assert not list(unknown_names(read, jobs))


def test_the_example_of_escalation_has_no_mistake_and_fits_the_example_of_a_fleet() -> None:
    names = ("fleet.yaml", "escalation.yaml")
    read = read_files([(name, (EXAMPLES / name).read_text(encoding="utf-8")) for name in names])
    assert read.book is not None
    assert not list(unknown_labels(read.book, [one.practice.labels for one in read.practices]))
    assert not list(idle_names(read.book))
    assert not list(unheard(read.book))


def _shown(section: str) -> list[tuple[str, str]]:
    text = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```(yaml|csv)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_a_channel_of_each_kind_for_people_is_shown() -> None:
    [(_, text)] = _shown("Reach people and tools")
    book = read_files([("shown.yaml", text)]).book
    assert book is not None
    assert {spec.kind for spec in book.channels.values()} == PEOPLE_KINDS


def test_a_first_escalation_policy_is_shown_in_fifteen_lines() -> None:
    [(_, text)] = _shown("Say who is told")
    assert len(text.splitlines()) <= 15
    book = read_files([("shown.yaml", text)]).book
    assert book is not None
    assert [step.action for step in book.policies[book.default].steps] == [Action.TICKET, Action.PAGE]
    assert not list(idle_names(book))


def test_what_the_readme_shows_has_no_mistake() -> None:
    shown = _shown("Configure it")
    assert {kind for kind, _ in shown} == {"yaml", "csv"}
    for kind, text in shown:
        assert read_files([(f"shown.{kind}", text)])


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.name)
def test_the_committed_schema_is_the_models(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == schema_text(FORMS[file])
    Draft202012Validator.check_schema(schema_of(FORMS[file]))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (FLEET, "practices: [{name: A, jobs: [{name: daily, evry: 24h}]}]"),
        (FLEET, "practices: [{name: A, jobs: [{name: daily, every: 24 hours}]}]"),
        (FLEET, "practices: [{name: A, calendar: {open: {mon-fry: 08:00-12:00}}}]"),
        (FLEET, "practices: [{name: A, calendar: {open: {mon-fri: 8-12}}}]"),
        (FLEET, "practices: [{}]"),
        (RULES, "defaults: {backup_mised: {}}"),
        (RULES, "defaults: {backup_late: {after: 14 days}}"),
        (RULES, "defaults: {backup_late: {severity: critcal}}"),
        (RULES, "groups: [{match: {}}]"),
        (ESCALATION, "channels: {a: {kind: aprise, url: {env: A}}}"),
        (ESCALATION, "channels: {a: {kind: apprise, url: secret}}"),
        (ESCALATION, "channels: {a: {kind: apprise, uri: {env: A}, url: {env: A}}}"),
        (ESCALATION, "rotas: {a: {people: anna, handover: 8}}"),
        (ESCALATION, "rotas: {a: {people: []}}"),
        (ESCALATION, "policies: {a: [tickt]}"),
        (ESCALATION, "policies: {a: [{page: anna, after: 15}]}"),
        (ESCALATION, "routes: [{policy: a, severity: criticl}]"),
    ],
)
def test_an_editor_sees_what_the_commands_refuse(file: Path, text: str) -> None:
    assert not Draft202012Validator(schema_of(FORMS[file])).is_valid(_plain(text))
    with pytest.raises(FaultyError):
        read_files([(file.name.replace(".schema.json", ".yaml"), text)])


@pytest.mark.parametrize(
    ("name", "file"), [("fleet.yaml", FLEET), ("rules.yaml", RULES), ("escalation.yaml", ESCALATION)]
)
def test_an_editor_finds_nothing_wrong_with_the_examples(name: str, file: Path) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    read = yaml.load(re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", r"'\g<0>'", text), Loader=yaml.SafeLoader)
    assert not [error.message for error in Draft202012Validator(schema_of(FORMS[file])).iter_errors(read)]
    assert text.startswith("# yaml-language-server: $schema=")
    assert (EXAMPLES / text.partition("$schema=")[2].split("\n")[0]).resolve() == file


def test_an_editor_takes_what_may_be_written_shorter() -> None:
    text = "{people: {a: sms, b: [sms, mail]}, teams: {t: a}, policies: {p: [ticket, {page: a}, {page: [a, b]}]}}"
    assert Draft202012Validator(schema_of(EscalationForm)).is_valid(_plain(text))


def test_every_part_of_a_schema_that_people_fill_in_is_described() -> None:
    settings = json.loads(RULES.read_text(encoding="utf-8"))["$defs"]
    rules = settings["RuleSettings"]["properties"]
    undescribed = [rule for rule in rules if "description" not in settings[rules[rule]["$ref"].rpartition("/")[2]]]
    assert not undescribed
