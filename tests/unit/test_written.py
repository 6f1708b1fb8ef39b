"""What people read of tickets and notices: complete, in their language, and written whatever a template does."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.delivery.sandbox import LONGEST, OURS
from collector.delivery.written import MOST_LINES, write_digest, write_notice, write_ticket
from collector.escalation.holds import EXPIRED, LET_GO, SNOOZE, _ended
from collector.escalation.incidents import CALM, FOUND_AGAIN, NOBODY_LEFT, QUIET
from collector.escalation.tickets import ONE_OF_MANY
from collector.model.channels import Language
from collector.model.finding import Severity
from collector.model.message import Notice, NoticeKind, TicketEvent
from collector.rules.registry import RULES
from collector.texts.words import TEXTS, read_words, words_in
from tests.factories import HOUR, NOW
from tests.unit.writing import LANGUAGES, TICKET, line, notice, over, pen, ticket


def test_a_ticket_says_who_what_since_when_and_what_to_do() -> None:
    told = ticket(line(), over(rule="rpo_breached", reason="exceeded"), customer="C-17", notes=("a note",))
    written = write_ticket(told, pen())
    assert (
        written.subject
        == "[Vigie 64A1C0AA] Cabinet Dupont\u00a0: Sauvegarde manquée\u00a0: daily sur SRV-01".replace("\u00a0", " ")
    )
    for said in (
        "La sauvegarde n’a pas eu lieu à l’heure prévue.",
        "samedi 21 novembre 2026 à 19:00 (Europe/Paris)",
        words_in("fr").advice("backup_missed"),
        "Dernière sauvegarde réussie trop ancienne",
        "C-17",
        "a note",
        f"https://vigie.example/noc/incidents/{told.incidents[0].incident_id}",
    ):
        assert said in written.body


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (TicketEvent.OPENED, "needs a look"),
        (TicketEvent.APPENDED, "More is known"),
        (TicketEvent.RESOLVED, "is over"),
        (TicketEvent.REOPENED, "is back"),
    ],
)
def test_each_event_says_what_happened_under_the_same_subject(event: TicketEvent, said: str) -> None:
    written = write_ticket(ticket(event=event), pen("en"))
    assert said in written.body
    assert written.subject == write_ticket(ticket(), pen("en")).subject


def test_a_ticket_that_went_into_another_names_it() -> None:
    written = write_ticket(ticket(event=TicketEvent.RESOLVED, merged_into=TICKET), pen("en"))
    assert "went into ticket 64A1C0AA" in written.body
    assert "is over" not in written.body


@pytest.mark.parametrize("resolution", ["closed by paul: looked fine to me", "retired: replaced by a new one"])
def test_what_did_not_recover_is_not_said_to_be_over(resolution: str) -> None:
    closed = over(resolution=resolution)
    texts = [
        write_ticket(ticket(closed, over(resolution="recovered"), event=TicketEvent.RESOLVED), pen("en")).body,
        write_notice(notice(NoticeKind.RESOLVED, incident=closed), pen("en")).body,
    ]
    for text in texts:
        assert resolution in text
        assert "Closed" in text
        assert "All of this is over" not in text
    digest = write_digest([notice(NoticeKind.RESOLVED, incident=closed)], pen("en")).body
    assert ("Closed: " in digest, "Over: " in digest) == (True, False)


def test_a_title_is_said_without_what_its_incident_does_not_tell() -> None:
    assert words_in("en").title("backup_missed", "not_run", {}) == "Backup missed: "
    assert words_in("en").title("endpoint_alert", "malware", {"endpoint": "PC"}) == " on PC"


def test_the_subject_stays_when_what_is_worse_joins_and_what_was_first_changes() -> None:
    first = line(reason="never_reported")
    worse = line(rule="ransomware_signature", reason="at_once", opened_at=NOW + HOUR)
    subjects = {
        write_ticket(ticket(*lines), pen()).subject
        for lines in ((first,), (worse, first), (first.model_copy(update={"reason": "not_run"}), worse))
    }
    assert len(subjects) == 1


@pytest.mark.parametrize(("count", "more"), [(MOST_LINES, None), (MOST_LINES + 1, "and 1 more")])
def test_a_long_ticket_tells_the_worst_and_counts_the_rest(count: int, more: str | None) -> None:
    lines = [line(severity=Severity.WARNING) for _ in range(count - 1)]
    written = write_ticket(ticket(*lines, line(rule="endpoint_alert", facts={"alert": "Worst"})), pen("en"))
    assert written.body.index("Worst") < written.body.index("Backup missed: daily on SRV-01\n  The backup")
    assert ("more" in written.body.split("Practice:")[0]) == bool(more)
    assert not more or more in written.body


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_names_practice_and_trouble(kind: NoticeKind, language: Language) -> None:
    written = write_notice(notice(kind, times=3), pen(language))
    assert "Cabinet Dupont" in written.subject
    assert "daily" in written.subject
    assert (" 3" in written.body) == (kind is NoticeKind.REPEATED)


@pytest.mark.parametrize(("count", "more"), [(MOST_LINES, False), (MOST_LINES + 1, True)])
def test_a_digest_counts_what_it_does_not_tell(count: int, more: bool) -> None:
    written = write_digest([notice() for _ in range(count)], pen("en"))
    assert written.subject == f"[Vigie] {count} messages about 1 practice"
    assert ("and 1 more" in written.body) is more


def test_a_digest_tells_the_worst_that_lasts_first_and_what_is_over_last() -> None:
    def one(name: str, severity: Severity, kind: NoticeKind = NoticeKind.RAISED) -> Notice:
        return notice(kind, incident=line(severity=severity, facts={"job": name}))

    seldom = [one(f"warning {n}", Severity.WARNING) for n in range(MOST_LINES)]
    critical, raised = one("critical", Severity.CRITICAL), one("over", Severity.CRITICAL)
    resolved = raised.model_copy(update={"kind": NoticeKind.RESOLVED})
    written = write_digest([raised, *seldom[:2], resolved, critical], pen("en")).body
    told = [written.index(text) for text in ("critical", "warning 0", "warning 1", "missed: over", "Over: ")]
    assert told == sorted(told)
    many = write_digest([*seldom, critical], pen("en")).body
    assert ("missed: critical" in many, "and 1 more" in many) == (True, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_have_a_title_and_an_advice_for_every_rule(language: Language) -> None:
    words = words_in(language)
    for rule in [*(one.name for one in RULES), "campaign", "own_outage", "channel_test"]:
        assert {f"title.{rule}", f"advice.{rule}"} <= words.by_key.keys(), rule


def test_both_languages_say_the_same_things_with_the_same_blanks() -> None:
    blank = re.compile(r"{(\w+)}")
    french, english = (read_words(TEXTS / f"{language}.toml") for language in LANGUAGES)
    assert {key: set(blank.findall(text)) for key, text in french.items()} == {
        key: set(blank.findall(text)) for key, text in english.items()
    }


def test_french_punctuation_keeps_its_unbreakable_spaces() -> None:
    wrong = re.compile(r" [:;?!»]|« |[^\s\u00a0\u202f][;?!]|'|\.\.\.")
    assert not {key: text for key, text in read_words(TEXTS / "fr.toml").items() if wrong.search(text)}


def test_a_reason_and_a_rule_without_words_are_never_shown_as_codes() -> None:
    words = words_in("fr")
    assert words.sentence("disk_on_fire", "very_hot") == words.by_key["reason.other"]
    assert words.advice("disk_on_fire") == words.by_key["advice.other"]


def notes_of_history() -> list[str]:
    """What history says and a ticket repeats, as the code that writes it says it."""
    ended = [_ended(held_by) for held_by in (SNOOZE, "silence:x", "practice_silent")]
    flapping = "raised 4 times within 1 day, 0:00:00: stays open until it has been quiet for 2:00:00"
    still = "found still, after it was closed by rt:marie: replaced\nthe disk: twice"
    seldom = [QUIET, FOUND_AGAIN, CALM, NOBODY_LEFT, ONE_OF_MANY, "joined by Cabinet Ici, +3"]
    return [*ended, EXPIRED, LET_GO, flapping, still, *seldom]


@pytest.mark.parametrize("note", notes_of_history())
def test_what_history_says_is_said_in_the_readers_language(note: str) -> None:
    french = words_in("fr").note(note)
    assert french != note
    assert words_in("en").note(note) == note.replace("practice_silent", "Practice silent")
    assert ("Cabinet silencieux" in french) == ("practice_silent" in note)
    for kept in ("rt:marie", "replaced\nthe disk: twice", "4", "2:00:00", "Cabinet Ici, +3"):
        assert (kept in french) == (kept in note)
    assert french in write_ticket(ticket(notes=(note,)), pen()).body


def test_a_note_that_is_none_of_ours_stays_as_it_is() -> None:
    assert words_in("fr").note("the snooze has ended, more or less") == "the snooze has ended, more or less"


def test_ours_take_the_longest_ticket_there_is() -> None:
    lines = [line(facts={"job": "j" * 200, "endpoint": "e" * 200}) for _ in range(200)]
    told = ticket(*lines, *(over() for _ in range(200)), notes=("n" * 200,) * 5)
    failed: list[str] = []
    for language in LANGUAGES:
        assert len(write_ticket(told, pen(language, failed=failed.append)).body) < LONGEST
    assert failed == []


@given(st.text(max_size=50), st.text(max_size=50))
def test_what_practices_call_themselves_breaks_no_subject(practice: str, job: str) -> None:
    told = ticket(line(facts={"job": job, "endpoint": "{{ 7 * 7 }}"}), practice=practice)
    written = write_ticket(told, pen())
    assert len(written.subject.splitlines()) == 1
    assert "{{ 7 * 7 }}" in written.body


def test_every_template_is_there_in_both_languages() -> None:
    names = [{path.name for path in (OURS / language).iterdir()} for language in LANGUAGES]
    assert names[0] == names[1] == {"ticket.txt", "notice.txt", "digest.txt"}


def test_times_are_told_in_the_zone_of_the_pen() -> None:
    summer = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert "Thursday 2 July 2026 at 00:30" in pen("en").when(summer)
    assert "19:00" in pen("en").when(NOW)
    assert timedelta(0) == summer.utcoffset()
