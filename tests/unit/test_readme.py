"""What the README names is what the code has."""

import re
from pathlib import Path

import pytest
import typer

from collector.cli.commands import commands
from collector.config import PREFIX, Settings
from collector.configuration.read import read_files
from collector.delivery.alertmanager import INTERVALS, alert_of
from collector.delivery.apprise_service import LONGEST_TITLE
from collector.delivery.inbound import Sealed, parse
from collector.delivery.pace import MOST_SINGLES, READABLE_RATE
from collector.delivery.trial import WHO, trial_notices, trial_tickets
from collector.delivery.written import Pen, Templates, write_ticket
from collector.intake.admission import TOKEN_BYTES
from collector.intake.app import SCRIPTS_BURST
from collector.intake.body import BATCH_ITEMS, SINGLE_LIMIT
from collector.intake.contract import LATEST_ACCEPTED
from collector.intake.incoming import BATCH_LIMIT
from collector.model.channels import WebhookChannel
from collector.model.happening import Deed
from collector.model.slug import LONGEST_SLUG
from collector.rules.registry import RULES
from collector.store.job_slugs import MOST_SLUGS
from collector.store.told import ToldIncident
from tests.factories import NOW

README = (Path(__file__).parents[2] / "README.md").read_text()


def settings_table() -> str:
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = (
            "required" if field.is_required() else "none" if field.default is None else f"`{_plain(field.default)}`"
        )
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows)


def _plain(default: object) -> str:
    seconds = getattr(default, "total_seconds", None)
    if seconds is None:
        return str(default)
    return f"PT{seconds() / 3600:g}H" if seconds() >= 3600 else f"PT{seconds():g}S"


def test_the_settings_table_is_the_settings() -> None:
    assert settings_table() in README


def test_the_rules_table_names_every_rule() -> None:
    named = re.findall(r"^\| `(\w+)` \|", README.partition("## What it detects")[2].partition("\n## ")[0], re.MULTILINE)
    assert named == [rule.name for rule in RULES]


def test_every_make_target_it_names_exists() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`?make ([\w-]+)", README)) <= targets


def test_every_path_it_names_exists() -> None:
    root = Path(__file__).parents[2]
    made = {"build/bench.json", "build/vigie-agent.pyz"}
    named = set(re.findall(r"`((?:collector|deploy|dashboards|tests|build)/[\w./@-]+)`", README)) - made
    assert named, "the README names files"
    assert not [path for path in named if not (root / path).exists()]


def _default(setting: str) -> object:
    return Settings.model_fields[setting].default


@pytest.mark.parametrize(
    "sentence",
    [
        f"Up to {BATCH_ITEMS:,} heartbeats go as a JSON array",
        f"{BATCH_LIMIT // 1024**2} MiB inflated, and {SINGLE_LIMIT // 1024} KiB for one heartbeat alone",
        f"older than {LATEST_ACCEPTED.days} days is refused as `too_old`",
        f"A practice may send {_default('practice_burst'):,} heartbeats at once",
        f"and {_default('practice_rate')} a second for long",
        f"counts once for every {TOKEN_BYTES // 1024} KiB",
        f"pings and mails are counted apart: {SCRIPTS_BURST:,} at once",
        f"over {LONGEST_SLUG} characters",
        f"the practice has {MOST_SLUGS} jobs",
        f"the first {_default('ping_body_limit'):,} bytes are looked at",
        f"a title of {LONGEST_TITLE} characters at most",
        f"No more than {READABLE_RATE} a minute come",
        f"more than {MOST_SINGLES} that wait together come as one",
        f"it ends by itself after {INTERVALS} intervals",
    ],
)
def test_the_limits_it_names_are_those_of_the_code(sentence: str) -> None:
    assert sentence in " ".join(README.split())


def _tickets(language: str) -> str:
    """The one block of that language in the section about tickets."""
    text = README.partition("\n## Tickets\n")[2].partition("\n## ")[0]
    [block] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_webhook_shown_is_one_and_so_is_what_comes_back_by_it() -> None:
    book = read_files([("shown.yaml", _tickets("yaml"))]).book
    assert book
    channel = book.channels[book.tickets]
    assert isinstance(channel, WebhookChannel)
    assert channel.inbound
    taken = parse(Sealed("1", "", "", _tickets("json").encode()), NOW)
    assert (taken.deed, taken.by, taken.said) == (Deed.CLOSED, "paul", "done")


def test_the_template_shown_is_taken(tmp_path: Path) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "ticket.txt").write_text(_tickets("jinja"))
    failed: list[str] = []
    (opened, _) = trial_tickets(NOW)
    written = write_ticket(opened, Pen("fr", "UTC", "https://vigie.example", Templates(tmp_path, failed.append)))
    assert (written.subject[0], written.subject[:6] != "[Vigie", failed) == ("[", True, [])
    assert "https://vigie.example/noc/incidents/" in written.body


def test_it_counts_the_services_that_apprise_knows() -> None:
    from apprise import Apprise

    services = Apprise().details()["schemas"]
    assert f"any of the {len(services)} services of" in README


def test_it_names_every_label_of_an_alert() -> None:
    (raised, _) = trial_notices(NOW)
    line = raised.incident.model_copy(update={"facts": {"endpoint": "SRV-01", "job": "daily"}})
    labels = alert_of(ToldIncident(WHO, line), NOW, Pen("en", "UTC", "https://vigie.example", Templates()))["labels"]
    assert isinstance(labels, dict)
    told = README.partition("`alertmanager` lights")[2].partition(". It is sent")[0]
    assert set(re.findall(r"`(\w+)`", told)) == labels.keys()


def test_every_command_it_names_exists_with_its_options() -> None:
    root = typer.main.get_command(commands())
    assert isinstance(root, typer.core.TyperGroup)
    named = re.findall(r"(?:^|`)vigie ([a-z]+)(?: ([a-z]+))?([^`\n#]*)", README, re.MULTILINE)
    assert ("key", "add", " --script") in named
    for group, name, rest in named:
        command = root.commands[group]
        if isinstance(command, typer.core.TyperGroup):
            command = command.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= known, f"vigie {group} {name}{rest}"
