"""The words of each language, read once."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collector.model.channels import Language

TEXTS = Path(__file__).parent
_BLANK = re.compile(r"\\{(\w+)\\}")  # as it stands in an escaped pattern


@dataclass(frozen=True)
class Words:
    """A code without words of its own is never shown: something neutral is said."""

    language: Language
    by_key: Mapping[str, str]

    def title(self, rule: str, reason: str, facts: Mapping[str, str]) -> str:
        """By the reason, where that has a title of its own, else by the rule; one without is called by its name."""
        endpoint = facts.get("endpoint")
        filled = defaultdict(str, {
            **facts,
            "kind": facts.get("of") or self.by_key.get(f"kind.{reason}", reason.replace("_", " ")),
            "job": facts.get("job", ""),
            "endpoint": endpoint or "",
            "on": self.by_key["title.on"].format(endpoint=endpoint) if endpoint else "",
        })  # fmt: skip
        by_rule = self.by_key.get(f"title.{rule}", f"{rule}{{on}}")
        return self.by_key.get(f"title.{rule}.{reason}", by_rule).format_map(filled)

    def sentence(self, rule: str, reason: str) -> str:
        return self._or_other("reason", f"{rule}.{reason}")

    def advice(self, rule: str) -> str:
        """What to do about it first."""
        return self._or_other("advice", rule)

    def note(self, said: str) -> str:
        """What history says in English, in this language; a note that is none of ours stays as it is."""
        key, blanks = noted(said)
        return self.by_key[key].format_map(self._named(blanks)) if key else said

    def _named(self, blanks: Mapping[str, str]) -> Mapping[str, str]:
        """Rules by what they are called."""
        return {name: self.by_key.get(f"rule.{one}", one) if name == "rule" else one for name, one in blanks.items()}

    def _or_other(self, table: str, name: str) -> str:
        return self.by_key.get(f"{table}.{name}", self.by_key[f"{table}.other"])


def noted(said: str) -> tuple[str | None, Mapping[str, str]]:
    """The key of what history says by itself, and what fills its blanks."""
    for key, pattern in _notes():
        if found := pattern.fullmatch(said):
            return key, found.groupdict()
    return None, {}


@cache
def _notes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each note of history with what fits its blanks."""
    english = {key: text for key, text in words_in("en").by_key.items() if key.startswith("note.")}
    return tuple((key, re.compile(_BLANK.sub(_anything, re.escape(text)), re.DOTALL)) for key, text in english.items())


def _anything(blank: re.Match[str]) -> str:
    return f"(?P<{blank[1]}>.*?)"


@cache
def words_in(language: Language) -> Words:
    return Words(language, read_words(TEXTS / f"{language}.toml"))


def read_words(file: Path) -> dict[str, str]:
    """Every text of a file under the path of its tables."""
    return dict(_flat(tomllib.loads(file.read_text("utf-8"))))


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, str(value)
