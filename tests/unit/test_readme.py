"""What the README names is what the code has."""

import re
from pathlib import Path

from collector.config import PREFIX, Settings
from collector.rules.registry import RULES

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
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`?make (\w+)", README)) <= targets


def test_every_path_it_names_exists() -> None:
    root = Path(__file__).parents[2]
    made = {"build/bench.json", "build/vigie-agent.pyz"}
    named = set(re.findall(r"`((?:collector|deploy|dashboards|tests|build)/[\w./@-]+)`", README)) - made
    assert named, "the README names files"
    assert not [path for path in named if not (root / path).exists()]
