"""Mails: which words tell how a run went, who may write, and that no bytes are too broken to be read."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from random import Random

import pytest
from pydantic import ValidationError

from collector.intake.letter import MOST_LOOKED_AT, read_letter
from collector.model.heartbeat import RunStatus
from collector.model.mail import LookIn, MailRules

SUCCESS, WARNING, FAILED = RunStatus.SUCCESS, RunStatus.WARNING, RunStatus.FAILED
SENDERS = ("nas@cabinet.example",)
RULES = MailRules(senders=SENDERS)

SUBJECTS = [
    # as products write them
    ("[Success] Daily (3 objects)", SUCCESS),
    ("[Warning] Daily (3 objects) 1 warning", WARNING),
    ("[Failed] Daily (3 objects) 1 failed", FAILED),
    ("Backup report from srv [OK]", SUCCESS),
    ("Backup report from srv [ERROR]", FAILED),
    (":-D srv: Backup finished successfully.", SUCCESS),
    ("[borg] Backup succeed from srv onto vault", SUCCESS),
    ("La sauvegarde « Quotidienne » a réussi", SUCCESS),
    ("La sauvegarde « Quotidienne » a échoué", FAILED),
    ("La sauvegarde n'a pas réussi", FAILED),
    ("Sauvegarde terminée partiellement", WARNING),
    # the worst counts
    ("1 Successful Backup, 1 Failed Offsite Copy", FAILED),
    ("Backup completed with errors", FAILED),
    ("success with warnings", WARNING),
    # case and accents
    ("SAUVEGARDE REUSSIE", SUCCESS),
    ("sauvegarde re\u0301ussie", SUCCESS),
    ("ÉCHEC", FAILED),
    ("Echec de la sauvegarde", FAILED),
    # whole words
    ("errorless", None),
    ("unsuccessful", FAILED),
    ("successor", None),
    ("backup_failed", FAILED),
    ("backup-ok", SUCCESS),
    ("Backup of brok", None),
    # denied, or counted as none
    ("0 errors, 0 warnings: success", SUCCESS),
    ("10 errors: success", FAILED),
    ("1,000 errors: success", FAILED),
    ("Vault 2.0 error", FAILED),
    ("no errors, successful", SUCCESS),
    ("without any warnings: ok", SUCCESS),
    ("Succès, aucune erreur", SUCCESS),
    ("pas d'erreur : ok", SUCCESS),
    ("Sauvegarde terminée sans erreur", SUCCESS),
    ("Success: 5, Failed: 0, Warning: 0", SUCCESS),
    ("Success: 5, Failed: 1", FAILED),
    ("Réussi - Erreurs : 0", SUCCESS),
    ("Réussi - erreur(s) : 0", SUCCESS),
    ("Réussi - erreur(s) : 01", FAILED),
    ("success, error: 0x80070070", FAILED),
    ("success, errors: 0.5 %", FAILED),
    ("Errors: 0 Warnings: 2 ok", WARNING),
    ("Backup finished: 0 errors", SUCCESS),
    ("Backup finished: 2 errors, 0 warnings", FAILED),
    ("not ok", FAILED),
    ("not success", None),
    # no run is told of
    ("Integrity check completed", None),
    ("Backup started", None),
    ("", None),
    ("\x00\ud800", None),
]


@pytest.mark.parametrize(("subject", "outcome"), SUBJECTS)
def test_the_usual_words_tell_the_outcome(subject: str, outcome: RunStatus | None) -> None:
    assert RULES.outcome(subject, "") == outcome


@pytest.mark.parametrize(
    ("look_in", "subject", "body", "outcome"),
    [
        (LookIn.SUBJECT, "ok", "2 errors", SUCCESS),
        (LookIn.BODY, "error", "all ok", SUCCESS),
        (LookIn.BODY, "ok", "nothing said", None),
        (LookIn.BOTH, "ok", "2 errors", FAILED),
        (LookIn.BOTH, "2 errors", "ok", FAILED),
        (LookIn.BOTH, "backup", "completed", None),
        (LookIn.BODY, "", "Errors: 0\r\nWarnings: 0\r\nBackup completed", SUCCESS),
    ],
)
def test_words_are_looked_for_where_the_rules_say(
    look_in: LookIn, subject: str, body: str, outcome: RunStatus | None
) -> None:
    rules = MailRules(senders=SENDERS, look_in=look_in, success=("ok", "backup completed"))
    assert rules.outcome(subject, body) == outcome


def test_words_of_ones_own_replace_the_usual() -> None:
    rules = MailRules(senders=SENDERS, success=("6C8F1FF2", "tâche finie"), failed=(), warning=("no media",))
    said = {"code 6c8f1ff2": SUCCESS, "TACHE FINIE": SUCCESS, "tâche non finie": None, "ok": None, "failed": None}
    assert {subject: rules.outcome(subject, "") for subject in said} == said
    assert rules.outcome("no media", "") == WARNING, "a denial may itself be the word"


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("nas@cabinet.example", True),
        ("NAS@Cabinet.Example", True),
        ("nas@other.example", False),
        ("other@cabinet.example", False),
        ("anybody@office.example", True),
        ("anybody@sub.office.example", False),
        ("anybody@badoffice.example", False),
        ("@office.example@evil.example", False),
        ("evil.example@", False),
        ("nas", False),
        ("", False),
        ("<>", False),
    ],
)
def test_only_senders_of_the_rules_may_write(sender: str, allowed: bool) -> None:
    assert MailRules(senders=("nas@Cabinet.example", "@Office.example")).allows(sender) is allowed


@pytest.mark.parametrize(
    "given",
    [
        {"senders": ()},
        {"senders": ("cabinet.example",)},
        {"senders": ("a b@cabinet.example",)},
        {"senders": ("@",)},
        {"senders": SENDERS * 51},
        {"senders": SENDERS, "success": ("...",)},
        {"senders": SENDERS, "success": ("",)},
        {"senders": SENDERS, "success": ("ok\nok",)},
        {"senders": SENDERS, "failed": ("x" * 101,)},
        {"senders": SENDERS, "failed": ("x",) * 101},
        {"senders": SENDERS, "look_in": "header"},
    ],
)
def test_rules_that_could_not_work_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MailRules.model_validate(given)


def written(change: Callable[[EmailMessage], object], subject: str = "ok") -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    change(message)
    return bytes(message)


def with_html_beside(message: EmailMessage) -> None:
    message.set_content("le texte")
    message.add_alternative("<p>the page</p>", subtype="html")
    message.add_attachment(b"a log", maintype="text", subtype="plain", filename="log.txt")


def only_html(message: EmailMessage) -> None:
    page = "<title>error</title><style>.error {}</style ><!-- error --><p>tout va <b>bien</b> &eacute;t&eacute;"
    message.set_content(page, subtype="html")


TEXTS = [
    (written(lambda message: message.set_content("été", cte="quoted-printable")), "été"),
    (written(lambda message: message.set_content("été", cte="base64")), "été"),
    (written(lambda message: message.set_content("été", charset="iso-8859-1")), "été"),
    (written(with_html_beside), "le texte"),
    (written(only_html), "tout va bien été"),
    (b"Subject: x\r\n\r\n\xe9t\xe9", "été"),
    (b"Subject: x\n\n\xc3\xa9t\xc3\xa9", "été"),
    (b"\r\nno headers", "no headers"),
    (b"Subject: no body", ""),
    (b"Content-Type: text/plain; charset=nonsense\n\nplain", "plain"),
    (b"Content-Type: text/plain; charset=unicode_escape\n\n\\d", "\\d"),
    (b"Content-Transfer-Encoding: base64\n\nb2s", "ok"),
    (b"Content-Transfer-Encoding: base64\n\n!b2!s!=", "ok"),
    (b"Content-Type: multipart/mixed\n\n--x\n\nwithout a boundary", ""),
    (b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nnot closed", "not closed"),
    (b"Content-Type: multipart/mixed; boundary=x\n\npreamble\n--x--\nepilogue", ""),
    (
        b'Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/mixed; boundary="xx"\n\n'
        b"--xx\n\ninside\n--xx--\n--x--\n",
        "inside",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "text"), TEXTS)
def test_the_first_text_is_read(raw: bytes, text: str) -> None:
    assert " ".join(read_letter(raw).text.split()) == text


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (written(lambda message: message.set_content(""), "Sauvegarde réussie à l'été"), "Sauvegarde réussie à l'été"),
        (b"Subject: =?utf-8?B?UsOpdXNzaQ==?= =?iso-8859-1?q?_=E9t=E9?=\n\n", "Réussi été"),
        (b"Subject: a\r\n long\r\n\tone\r\n\r\n", "a long one"),
        (b"subject:first\nSubject: second\n\n", "first"),
        (b"Subject: R\xc3\xa9ussi\n\n", "Réussi"),
        (b"Subject: R\xe9ussi\n\n", "Réussi"),
        (b"Subject: =?utf-8?b?b2sNCkJjYzogeA==?=\n\n", "ok  Bcc: x"),
        (b"Subject: =?nonsense?q?ok?=\n\n", "ok"),
        (b"Subject: =?utf-8?x?ok?=\n\n", "=?utf-8?x?ok?="),
        (b"Subject: nul\x00here\n\n", "nul here"),
        (b"X: y\n\nSubject: in the body\n", ""),
    ],
)
def test_the_subject_is_read(raw: bytes, subject: str) -> None:
    assert " ".join(read_letter(raw).subject.split(" ")) == subject


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Sat, 21 Nov 2026 19:00:00 +0100", datetime(2026, 11, 21, 18, tzinfo=UTC)),
        ("Sat, 21 Nov 2026 18:00:00 -0000", datetime(2026, 11, 21, 18, tzinfo=UTC)),
        ("Sat, 21 Nov 1969 18:00:00 +0000", None),
        ("Sat, 21 Nov 99999 18:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_that_cannot_be_read_is_none(header: str, told: datetime | None) -> None:
    assert read_letter(f"Date: {header}\n\n".encode()).sent_at == told


def test_only_the_beginning_is_looked_at() -> None:
    for encoding, body in (
        ("8bit", b"x" * 10**6),
        ("base64", b64encode(b"x" * 10**6)),
        ("quoted-printable", b"=78" * 10**6),
    ):
        letter = read_letter(f"Content-Transfer-Encoding: {encoding}\n\n".encode() + body)
        assert len(letter.text) == MOST_LOOKED_AT


def nested(levels: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels)
    )


def test_what_lies_too_deep_is_not_looked_for() -> None:
    assert read_letter(nested(10) + b"\r\nok").text == "ok"
    assert read_letter(nested(17_000) + b"\r\nok").text == ""


MUTATIONS = 10_000


def mutated(raw: bytes, random: Random) -> bytes:
    """A few cuts, repetitions, splices and broken bytes."""
    mail = bytearray(raw)
    for _ in range(random.randint(1, 6)):
        at, to = sorted(random.choices(range(len(mail) + 1), k=2))
        match random.randrange(6):
            case 0:
                del mail[at:to]
            case 1:
                mail[at:at] = mail[at:to] * random.randint(1, 3)
            case 2:
                mail[at:at] = random.choice(PIECES)
            case 3:
                mail[at:to] = random.randbytes(min(to - at, 20))
            case 4:
                other = random.choice(SEEDS)
                mail[at:to] = other[random.randrange(len(other)) :]
            case _:
                mail = mail.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\r\n")))
        del mail[20_000:]
    return bytes(mail)


SEEDS = [raw for raw, _ in TEXTS] + [nested(5), b"Date: Sat, 21 Nov 2026 19:00:00 +0100\nSubject: =?utf-8?q?ok?=\n\nok"]
PIECES = [
    b"\x00", b"\r\n\r\n", b"\r\n--", b"\r\n ", b"=", b"==", b"=?utf-8?b?", b"?=", b"=?idna?q?x?=",
    b"; charset=", b"utf-16", b"iso-2022-jp", b"\xff\xfe", b"\xed\xa0\x80", b"boundary=\"\"",
    b"<style", b"<!--", b"&#x110000;", b"&#99999999999999999999;", "ﷺ".encode() * 50, b"Errors : 0",
    b"Content-Type: multipart/mixed; boundary=x\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"Date: Mon, 31 Feb 2026 99:99:99 +9999\r\n", b"Date: Sat, 21 Nov 2026 19:00:00 +\xd9\xa1\r\n",
]  # fmt: skip


def test_no_mutation_of_a_mail_is_too_broken_to_be_read() -> None:
    random = Random(20261121)  # noqa: S311 - tests repeat
    rules = MailRules(senders=SENDERS, look_in=LookIn.BOTH)
    outcomes = set()
    for _ in range(MUTATIONS):
        letter = read_letter(mutated(random.choice(SEEDS), random))
        letter.text.encode(), letter.subject.encode(), letter.message_id.encode()
        assert "\x00" not in letter.text + letter.subject
        assert len(letter.text) <= MOST_LOOKED_AT
        outcomes.add(rules.outcome(letter.subject, letter.text))
    assert outcomes >= {SUCCESS, FAILED, None}, "the mutations still say something"
