"""Every word of the pages: in both languages, none missing, none left over, typography as the French write it."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

import api
import collector.rules
from api.language import Language, Texts, load_texts, read_texts, wanted_language
from api.loss import Extent
from api.pages import Kind, WayOut
from api.pulse import Lapse
from api.silence_contract import Day
from collector.escalation.deeds import Refusal
from collector.model import campaign
from collector.model.finding import Severity, State
from collector.model.heartbeat import AlertCategory, ProtectionMode, Role
from collector.model.incident import IncidentChange, TicketState
from collector.model.standing import Digit
from collector.model.undelivered import UNDELIVERED
from collector.rules.own_outage import Grey
from collector.rules.registry import RULES
from collector.rules.traces import Trace
from collector.silences import RULE_NAMES, SilenceRefusal
from collector.store.silences import Standing

RULES_FOLDER = Path(collector.rules.__path__[0])
API_FOLDER = Path(api.__path__[0])
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
# Keys that are put together from a name of the model, as prefix, names, suffixes.
COMPOSED: list[tuple[str, type[StrEnum], tuple[str, ...]]] = [
    ("state.", State, ("",)),
    ("reason.", Grey, ("",)),
    ("count.", State, (".one", ".other")),
    ("role.", Role, ("",)),
    ("protection.", ProtectionMode, ("",)),
    ("language.", Language, ("",)),
    ("lapse.", Lapse, ("",)),
    ("status.headline.", State, ("",)),
    ("status.loss_", Extent, ("",)),
    ("digit.", Digit, ("",)),
    ("problem.", Kind, (".title", ".lead", ".hint")),
    ("problem.", WayOut, ("",)),
    ("reason.endpoint_alert.", AlertCategory, ("",)),
    ("trace.", Trace, ("",)),
    ("reason.campaign.", campaign.Kind, ("",)),
    ("what.", IncidentChange, ("",)),
    ("severity.", Severity, ("",)),
    ("refusal.", Refusal, ("",)),
    ("day.", Day, ("",)),
    ("silence.", Standing, ("",)),
    ("incident.ticket_", TicketState, ("",)),
]
# What approving and ending a silence is refused for: the others are mistakes in its form.
SILENCE_REFUSALS = (SilenceRefusal.OVER, SilenceRefusal.SAME_PERSON, SilenceRefusal.NO_OPERATORS)
TEXT_FIELDS = ("practice", "endpoint", "labels", "reason", "starts")


def strings(node: ast.AST) -> Iterator[str]:
    return (one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def reasons_of_rule(name: str) -> set[str]:
    """What a rule's file gives as `reason=` or returns from its `_reason`."""
    tree = ast.parse((RULES_FOLDER / f"{name}.py").read_text())
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "reason"]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_reason"]
    returned = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Return)]
    return {reason for node in (*given, *returned) for reason in strings(node)}


def reasons_of_standing() -> set[str]:
    """What the standing says where no rule found anything: its strings that are shaped like a code."""
    tree = ast.parse((RULES_FOLDER / "standing.py").read_text())
    return {text for text in strings(tree) if CODE.fullmatch(text)}


def all_reasons() -> set[str]:
    ruled = {f"{rule.name}.{reason}" for rule in RULES for reason in reasons_of_rule(rule.name)}
    ours = {f"{campaign.OWN_OUTAGE}.{reason}" for reason in reasons_of_rule("shortfall")}
    ours |= {f"{UNDELIVERED}.{reason}" for reason in reasons_of_rule(UNDELIVERED)}
    return ruled | ours | reasons_of_standing()


@pytest.fixture(params=list(Language))
def texts(request: pytest.FixtureRequest) -> Texts:
    return load_texts()[request.param]


def test_the_enumeration_sees_every_rule_and_the_standing() -> None:
    assert all(reasons_of_rule(rule.name) for rule in RULES)
    assert {
        "backup_missed.still_running",
        "heartbeat_missing.silent",
        "never_scheduled",
        "endpoint_silent",
    } <= all_reasons()


def test_every_reason_of_the_rules_is_said_in_words(texts: Texts) -> None:
    assert not {reason for reason in all_reasons() if f"reason.{reason}" not in texts.by_key}


def test_a_reason_without_words_is_neutral_and_never_a_code(texts: Texts) -> None:
    assert texts.reason("disk_on_fire.very") == texts("reason.other")


def test_both_languages_have_the_same_keys_and_blanks() -> None:
    french, english = read_texts(Language.FR), read_texts(Language.EN)
    blank = re.compile(r"{(\w+)}")
    assert french.keys() == english.keys()
    assert {key: set(blank.findall(text)) for key, text in french.items()} == {
        key: set(blank.findall(text)) for key, text in english.items()
    }


def composed() -> set[str]:
    """Every key that code may put together, whether or not it has a text."""
    named = {prefix + name + end for prefix, names, suffixes in COMPOSED for name in names for end in suffixes}
    single = {"protection.none", "reason.other", "reason.channel_test.test"}
    return named | single | {f"reason.{reason}" for reason in all_reasons()} | put_together()


def put_together() -> set[str]:
    """Of a silence's form, and of an incident's facts and history."""
    refused = {f"silence_refusal.{one}" for one in SILENCE_REFUSALS}
    scopes = set(SilenceRefusal) - {SilenceRefusal.SAME_PERSON, SilenceRefusal.NO_OPERATORS}
    mistakes = {f"silence_fault.scope_{one}" for one in scopes} | {f"silence_fault.{one}" for one in mistakes_of_form()}
    fields = {f"silence_{kind}.{field}" for kind in ("field", "hint") for field in TEXT_FIELDS}
    facts = {key for key in read_texts(Language.EN) if key.startswith("fact.")}
    notes = {key for key in read_texts(Language.EN) if key.startswith("note.")}
    return refused | mistakes | fields | facts | notes | {f"rule.{name}" for name in RULE_NAMES}


def mistakes_of_form() -> set[str]:
    """What `composed` of the form finds wrong, as field and mistake."""
    source = (API_FOLDER / "silence_form.py").read_text("utf-8")
    plain = re.findall(r'faults\["(\w+)"\] = "(\w+)"|faults\.setdefault\("(\w+)", "(\w+)"\)', source)
    return {"_".join(filter(None, one)) for one in plain} | {"endpoint_several", "endpoint_unknown"}


def test_every_mistake_in_a_silences_form_is_said_in_words(texts: Texts) -> None:
    assert len(mistakes_of_form()) >= 10
    assert put_together() <= texts.by_key.keys()


@pytest.mark.parametrize(
    "name",
    [*Extent, *Lapse, *Kind, *WayOut, *Digit, *Refusal, *Day, *IncidentChange, *Severity, *Standing, *TicketState],
)
def test_what_a_page_says_by_name_has_its_words(name: StrEnum, texts: Texts) -> None:
    wanted = {
        prefix + name + end for prefix, names, suffixes in COMPOSED if isinstance(name, names) for end in suffixes
    }
    assert wanted
    assert wanted <= texts.by_key.keys()


def test_no_text_is_unused() -> None:
    sources = [*API_FOLDER.glob("*.py"), *(API_FOLDER / "templates").glob("*.html")]
    written = "\n".join(path.read_text("utf-8") for path in sources)
    made = composed()
    unused = {
        key
        for key in read_texts(Language.EN)
        if key not in made
        and not any(f"{quote}{key.removesuffix('.one').removesuffix('.other')}{quote}" in written for quote in "\"'")
    }
    assert not unused


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("state", [state.value for state in State]),
        ("role", [role.value for role in Role]),
        ("trace", [trace.value for trace in Trace]),
        ("protection", [*(mode.value for mode in ProtectionMode), "none"]),
        ("status.headline", [state.value for state in State if state is not State.RETIRED]),
    ],
)
def test_every_name_of_the_model_has_its_word_and_no_other(prefix: str, names: list[str], texts: Texts) -> None:
    found = {key.removeprefix(f"{prefix}.") for key in texts.by_key if key.startswith(f"{prefix}.")}
    assert found == set(names)


def test_french_punctuation_keeps_its_unbreakable_spaces() -> None:
    wrong = re.compile(r" [:;?!»]|« |[^\s\u00a0\u202f][;?!]|'|\.\.\.")
    assert not {key: text for key, text in read_texts(Language.FR).items() if wrong.search(text)}


def test_words_filled_in_are_escaped(texts: Texts) -> None:
    assert "<script>" not in texts("noc.signed_in", operator="<script>alert(1)</script>")


@pytest.mark.parametrize(
    ("number", "french", "english"),
    [(0, "0 critique", "0 critical"), (1, "1 critique", "1 critical"), (2, "2 critiques", "2 critical")],
)
def test_counts_follow_each_languages_plural(number: int, french: str, english: str) -> None:
    for language, expected in ((Language.FR, french), (Language.EN, english)):
        assert load_texts()[language].count("count.critical", number) == expected


@pytest.mark.parametrize(
    ("asked", "accepted", "wanted"),
    [
        ("en", "fr", Language.EN),
        ("de", "en", Language.EN),
        (None, "en-GB,en;q=0.9,fr;q=0.8", Language.EN),
        (None, "de, en;q=0.3, fr-CA;q=0.7", Language.FR),
        (None, "en;q=0, de", Language.FR),
        (None, "en;q=much", Language.FR),
        (None, "", Language.FR),
        (None, "*", Language.FR),
    ],
)
def test_the_hand_goes_before_the_browser_and_the_browser_before_the_default(
    asked: str | None, accepted: str, wanted: Language
) -> None:
    assert wanted_language(asked, accepted, Language.FR) is wanted
