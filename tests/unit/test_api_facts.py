"""An incident's facts and history in words, in the reader's language, and what was said left as it was said."""

import re
from datetime import UTC, datetime

import pytest

from api.facts import Telling
from api.language import Language, load_texts
from api.moments import Moments
from collector.escalation.holds import LET_GO
from collector.model.incident import IncidentChange
from collector.store.timeline import Entry

NOW = datetime(2026, 1, 15, 21, 30, tzinfo=UTC)
TEXTS = load_texts()


def telling(language: Language = Language.EN) -> Telling:
    return Telling(TEXTS[language], Moments(language, "UTC", NOW))


def plain(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", markup))


def said(what: IncidentChange, words: str, language: Language = Language.EN) -> str:
    line = telling(language).line("backup_missed", Entry(NOW, what, words, "ada"))
    return f"{plain(line.what)} {plain(line.said)}".strip()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("due_at", "2026-01-15T02:00:00+00:00", ("Was due", "Thu 15 Jan 02:00")),
        ("bytes", "52000000000", ("Size", "52 GB")),
        ("bytes", "999", ("Size", "999 B")),
        ("bytes", "1500", ("Size", "1.5 kB")),
        ("usually_s", "5400", ("Usually takes", "2 hours")),
        ("message", "<b>no</b>", ("What the tool said", "&lt;b&gt;no&lt;/b&gt;")),
        ("critical", "2, the oldest since 2026-01-01T00:00:00+00:00",
         ("Critical updates missing", "2, the oldest since Thu 1 Jan 00:00")),
        ("raised_by", "other_job, protection_off",
         ("Recognised by", "another suspicious backup, protection switched off")),
        ("raised_by", "brand_new", ("Recognised by", "brand_new")),
        ("brand_new", "x", ("brand new", "x")),
        ("due_at", "soon", ("Was due", "soon")),
        ("bytes", "many", ("Size", "many")),
    ],
)  # fmt: skip
def test_a_fact_is_told_by_its_name_and_unit(key: str, value: str, told: tuple[str, str]) -> None:
    [(name, words)] = telling().facts({key: value})
    assert (plain(name), plain(words)) == told


def test_what_the_heading_says_or_programs_read_is_left_out() -> None:
    assert telling().facts({"job": "nightly", "endpoint": "SRV", "practice_ids": "1,2", "tickets": "parent"}) == []


def test_instants_are_of_the_page_so_that_a_script_can_tell_them_in_the_readers_zone() -> None:
    [(_, words)] = telling().facts({"due_at": "2026-01-15T02:00:00+01:00"})
    assert 'datetime="2026-01-15T01:00:00+00:00"' in words


@pytest.mark.parametrize(
    ("what", "words", "told"),
    [
        (IncidentChange.OPENED, "not_run", "Opened: The backup did not run when it was due."),
        (IncidentChange.REOPENED, "not_run: found still, after closed by ada",
         "Came back: The backup did not run when it was due. (found still, after closed by ada)"),
        (IncidentChange.ACKNOWLEDGED, "until 2026-01-16T21:30:00+00:00: on <my> way",
         "Acknowledged until Fri 16 Jan 21:30. on &lt;my&gt; way"),
        (IncidentChange.SNOOZED, "until 2026-01-16T21:30:00+00:00", "Snoozed until Fri 16 Jan 21:30."),
        (IncidentChange.SEVERITY, "critical", "Severity is now: Critical"),
        (IncidentChange.ASSIGNED, "Bob", "Given to: Bob"),
        (IncidentChange.ASSIGNED, "", "Given to: nobody in particular."),
        (IncidentChange.HELD, "practice_silent", "Notifies nobody: Practice silent"),
        (IncidentChange.HELD, "ada: server moves", "Notifies nobody: ada: server moves"),
        (IncidentChange.RETURNED, LET_GO, "Nobody holds it any more: let go of by hand"),
        (IncidentChange.JOINED, "campaign:ransomware",
         "Campaign: Files are being encrypted at several practices at once."),
        (IncidentChange.JOINED, "Cabinet B", "Campaign: Cabinet B"),
        (IncidentChange.RESOLVED, "recovered", "Resolved: recovered"),
        (IncidentChange.RESOLVED, "retired: replaced", "Resolved: retired: replaced"),
        (IncidentChange.RETURNED, "practice_silent speaks for it no longer",
         "Nobody holds it any more: Practice silent speaks for it no longer"),
        (IncidentChange.COMMENTED, "recovered?", "Comment: recovered?"),
    ],
)  # fmt: skip
def test_a_line_of_its_history_says_what_happened(what: IncidentChange, words: str, told: str) -> None:
    assert said(what, words) == told


@pytest.mark.parametrize(
    ("what", "words", "told"),
    [
        (IncidentChange.RESOLVED, "recovered", "Résolu : tout est rentré dans l’ordre"),
        (IncidentChange.RESOLVED, "closed by <ada>: disk", "Résolu : clos par &lt;ada&gt; : disk"),
        (IncidentChange.HELD, "snoozed by ada", "N’avertit personne : mis en veille par ada"),
        (IncidentChange.RETURNED, "practice_silent speaks for it no longer",
         "Plus rien ne le retient : Cabinet silencieux ne parle plus pour lui"),
        (IncidentChange.TOLD, "page: ada (sms)", "Averti : appel : ada (sms)"),
        (IncidentChange.COMMENTED, "the ticket was opened again", "Commentaire : le ticket a été rouvert"),
        (IncidentChange.COMMENTED, "closed by ada: disk", "Commentaire : closed by ada: disk"),
    ],
)  # fmt: skip
def test_what_we_say_reads_in_french_and_what_people_said_as_they_said_it(
    what: IncidentChange, words: str, told: str
) -> None:
    assert said(what, words, Language.FR) == told


@pytest.mark.parametrize("what", list(IncidentChange))
def test_every_happening_has_its_words_in_both_languages(what: IncidentChange) -> None:
    for language in Language:
        assert said(what, "whatever", language)
