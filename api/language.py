"""The words of the pages in each language, and which one a reader wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from babel import Locale
from markupsafe import Markup, escape

from collector.texts.words import read_words, words_in

TEXTS = Path(__file__).parent / "texts"
_UNKNOWN_REASON = "reason.other"


class Language(StrEnum):
    FR = "fr"
    EN = "en"


# Where neither the reader nor the browser asks for one.
NOC_LANGUAGE = Language.EN
STATUS_LANGUAGE = Language.FR


@dataclass(frozen=True)
class Texts:
    """Called with a key and the words to fill in, which are escaped."""

    language: Language
    by_key: Mapping[str, Markup]

    def __call__(self, key: str, **words: object) -> Markup:
        text = self.by_key[key]
        return text.format(**words) if words else text

    def count(self, key: str, number: int) -> Markup:
        """The text for a number of things, by the language's own plural."""
        plural = locale_of(self.language).plural_form(number)
        return self(f"{key}.{'one' if plural == 'one' else 'other'}", n=number)

    def reason(self, code: str) -> Markup:
        """A reason code in words; one that we have no words for is never shown as a code."""
        key = f"reason.{code}"
        return self(key if key in self.by_key else _UNKNOWN_REASON)

    def rule(self, name: str) -> Markup:
        """What kind of trouble a rule finds; one that we have no words for goes by its name."""
        key = f"rule.{name}"
        return self(key) if key in self.by_key else escape(name)


@cache
def locale_of(language: Language) -> Locale:
    """Made once: a page asks hundreds of times."""
    return Locale(language)


def load_texts() -> dict[Language, Texts]:
    return {language: Texts(language, _marked_up(read_texts(language))) for language in Language}


def _marked_up(texts: Mapping[str, str]) -> dict[str, Markup]:
    return {key: Markup(text) for key, text in texts.items()}  # noqa: S704 - our own; what fills them is escaped


def read_texts(language: Language) -> dict[str, str]:
    """Those of the pages, and what messages say of rules, reasons and history too."""
    shared = words_in(language.value).by_key
    also = {key: text for key, text in shared.items() if key.startswith(("rule.", "reason.", "note."))}
    return also | read_words(TEXTS / f"{language}.toml")


def wanted_language(asked: str | None, accepted: str, otherwise: Language) -> Language:
    """The language asked for by hand, else the first of the browser's that we speak."""
    spoken = {language.value: language for language in Language}
    if asked in spoken:
        return spoken[asked]
    preferred = (tag.partition("-")[0].lower() for tag in _by_preference(accepted))
    return next((spoken[tag] for tag in preferred if tag in spoken), otherwise)


def _by_preference(accepted: str) -> list[str]:
    """The tags of an Accept-Language header, most wanted first (RFC 9110, 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, weight = part.partition(";")
        quality = _quality(weight)
        if quality > 0:
            weighed.append((quality, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda one: -one[0])]


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
