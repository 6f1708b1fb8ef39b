"""An incident's facts and history in a reader's words: instants in their zone, sizes and lengths by their units."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.numbers import format_decimal
from markupsafe import Markup, escape

from api.language import Texts, locale_of
from api.moments import Moments
from collector.escalation.deeds import CLOSED_THERE, REOPENED_THERE
from collector.model.campaign import CAMPAIGN
from collector.model.incident import IncidentChange
from collector.store.timeline import Entry
from collector.texts.words import noted

# Of use to programs alone.
_UNSAID = frozenset({"practice_ids", "tickets", "job", "endpoint"})
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_UNTIL = re.compile(rf"until ({_INSTANT.pattern})(?:: (.*))?", re.DOTALL)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_BYTES = frozenset({"bytes", "usual_bytes"})
_SECONDS = frozenset({"seconds", "usual_seconds", "usually_s", "off_s", "interval_s"})
_PRACTICE = Markup('<a href="/noc?practice={id}">{name}</a>')
# Where it is Vigie that speaks; elsewhere people do, but for a ticket that was closed or opened without a word.
_OURS = frozenset(
    {
        IncidentChange.RETURNED, IncidentChange.HELD, IncidentChange.TOLD, IncidentChange.FLAPPING,
        IncidentChange.RESOLVED,
    }
)  # fmt: skip
_WORDLESS = frozenset({CLOSED_THERE, REOPENED_THERE})


@dataclass(frozen=True)
class Line:
    """One line of an incident's history: when, who, what happened, and what was said, by a person or by us."""

    at: datetime
    actor: str
    what: Markup
    said: Markup


@dataclass(frozen=True)
class Telling:
    """How one page tells: its language, and its instants."""

    texts: Texts
    moments: Moments

    def facts(self, facts: Mapping[str, str]) -> list[tuple[Markup, Markup]]:
        """Each with its name; one that we have no name for goes by its own."""
        return [(self._name(key), self._value(key, facts)) for key in facts if key not in _UNSAID]

    def line(self, rule: str, entry: Entry) -> Line:
        return Line(entry.at, entry.actor, self.texts(f"what.{entry.what.value}"), self._said(rule, entry))

    def _name(self, key: str) -> Markup:
        named = f"fact.{key}"
        return self.texts(named) if named in self.texts.by_key else escape(key.replace("_", " "))

    def _value(self, key: str, facts: Mapping[str, str]) -> Markup:
        value = facts[key]
        if key == "practices":
            return _linked(value, facts.get("practice_ids", ""))
        if key == "raised_by":
            return Markup(", ").join(self._known(f"trace.{one}", one) for one in value.split(", "))
        if key in _BYTES and value.isdecimal():
            return escape(_size(int(value), self.texts))
        if key in _SECONDS and value.isdecimal():
            return escape(self.moments.length(int(value)))
        return self._dated(value)

    def _said(self, rule: str, entry: Entry) -> Markup:
        match entry.what:
            case IncidentChange.OPENED | IncidentChange.REOPENED:
                code, _, more = entry.said.partition(": ")
                return Markup(" ").join([self.texts.reason(f"{rule}.{code}"), *self._more(more)])
            case IncidentChange.SEVERITY:
                return self._known(f"severity.{entry.said}", entry.said)
            case IncidentChange.ASSIGNED if not entry.said:
                return self.texts("said.nobody")
            case IncidentChange.ACKNOWLEDGED | IncidentChange.SNOOZED:
                return self._until(entry.said)
            case IncidentChange.JOINED if entry.said.startswith(f"{CAMPAIGN}:"):
                return self.texts.reason(".".join(entry.said.split(":")[:2]))
            case IncidentChange.HELD if f"rule.{entry.said}" in self.texts.by_key:
                return self.texts.rule(entry.said)
        return self._note(entry.said) if entry.what in _OURS or entry.said in _WORDLESS else self._dated(entry.said)

    def _note(self, said: str) -> Markup:
        """What Vigie says by itself; rules by their names, and the words of people in it as they were said."""
        key, blanks = noted(said)
        if key is None:
            return self._dated(said)
        return self.texts(
            key, **{name: self.texts.rule(word) if name == "rule" else word for name, word in blanks.items()}
        )

    def _more(self, more: str) -> Iterator[Markup]:
        if more:
            yield Markup("({})").format(self._note(more))

    def _until(self, said: str) -> Markup:
        found = _UNTIL.fullmatch(said)
        if found is None:
            return self._dated(said)
        until = self.texts("said.until", at=self.moments.on(datetime.fromisoformat(found[1])))
        return until + Markup(" ") + escape(found[2]) if found[2] else until

    def _known(self, key: str, said: str) -> Markup:
        return self.texts(key) if key in self.texts.by_key else self._dated(said)

    def _dated(self, said: str) -> Markup:
        """Text with the instants in it as the reader's clock says them."""
        told = Markup()
        last = 0
        for found in _INSTANT.finditer(said):
            told += escape(said[last : found.start()]) + self.moments.on(datetime.fromisoformat(found[0]))
            last = found.end()
        return told + escape(said[last:])


def _linked(practices: str, practice_ids: str) -> Markup:
    """Each practice leads to where it stands on the NOC page; names without their ids stay names."""
    names, ids = practices.split("\n"), practice_ids.split(",")
    if len(names) != len(ids):
        return escape(practices)
    return Markup("\n").join(_PRACTICE.format(id=one, name=name) for one, name in zip(ids, names, strict=True))


def _size(count: int, texts: Texts) -> str:
    size, unit = float(count), 0
    while size >= 1_000 and unit < len(_UNITS) - 1:  # decimal, as backup tools and disks count
        size, unit = size / 1_000, unit + 1
    return f"{format_decimal(round(size, 1), locale=locale_of(texts.language))} {_UNITS[unit]}"
