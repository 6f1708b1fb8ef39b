"""What a job's mail address takes for a run: who may write, and which words tell how it went."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from collector.model.heartbeat import RunStatus
from collector.model.value import ONE_LINE, Value

# Words that claim an outcome; that something is over or has run ("completed", "terminée") claims none by itself, or
# the end of an integrity check would pass for a backup. The words are those of subjects as products write them:
# Veeam `[%JobResult%] %JobName% ... %Issues%` (helpcenter.veeam.com/archive/vbaws/20/rest/schemas_email.html),
# `[OK]`, `[WARNING]`, `[ERROR]` (sebastianfeldmann/phpbu#110), "Backup finished successfully" (framps/raspiBackup#372),
# "Backup succeed" (YunoHost-Apps/borg_ynh#48).
FAILED = (
    "failed", "failure", "failures", "fail", "fails", "error", "errors", "fatal", "aborted", "cancelled", "canceled",
    "interrupted", "incomplete", "unsuccessful", "unsuccessfully", "not successful", "not ok", "not completed",
    "did not complete", "could not complete",
    "échec", "échecs", "échoué", "échouée", "échoués", "échouées", "erreur", "erreurs", "annulé", "annulée",
    "interrompu", "interrompue", "incomplet", "incomplète", "pas réussi", "pas terminé", "pas terminée",
    "non terminé", "non terminée", "non effectuée",
)  # fmt: skip
WARNING = (
    "warning", "warnings", "partial", "partially",
    "avertissement", "avertissements", "partiel", "partielle", "partiellement", "attention",
)  # fmt: skip
SUCCESS = (
    "success", "successful", "successfully", "succeeded", "succeed", "ok", "without errors", "backup completed",
    "backup complete", "backup finished",
    "succès", "réussi", "réussie", "réussis", "réussies", "sans erreur", "sans erreurs", "sauvegarde terminée",
    "sauvegarde effectuée",
)  # fmt: skip

_DENIED = "0|no|not|non|without|zero|sans|aucun|aucune|pas|ni|nor|never|jamais"
# "errors: 0" and "erreur(s) : 0" say what "0 errors" says. In "finished: 0 errors" it is the errors that are none,
# and 0x80070070, 0.5 and 0:30 are other numbers.
_COUNTED_NONE = re.compile(
    r"""(?<![^\W\d_]) ([^\W\d_]++) (?:\([a-z]{1,3}\))? \s{0,3} [:=] \s{0,3} 0 (?!\w|[.,:/]\d)
    (?! [^\S\n]++ [^\W\d_]++ (?:\([a-z]{1,3}\))?+ (?!\s*+[:=]) )""",
    re.VERBOSE,
)
# A word, or a number with what joins its parts: "0 errors" is said in neither "2.0 errors" nor "1,000 errors".
_WORD = re.compile(r"[^\W\d_]*+\d++(?:[.,:/]\d++)++|[^\W_]++")


class LookIn(StrEnum):
    """Where keywords are looked for. Subjects are written to be understood; bodies quote, count and explain."""

    SUBJECT = "subject"
    BODY = "body"
    BOTH = "both"


def _has_a_word(keyword: str) -> str:
    if not _words(keyword):
        raise ValueError(f"{keyword!r} has no word in it")
    return keyword


Sender = Annotated[
    str, StringConstraints(min_length=2, max_length=254, to_lower=True, pattern=r"^[^@\s\x00-\x1f]*@[^@\s\x00-\x1f]+$")
]
Keyword = Annotated[str, StringConstraints(max_length=100, pattern=ONE_LINE), AfterValidator(_has_a_word)]
Keywords = Annotated[tuple[Keyword, ...], Field(max_length=100)]


class MailRules(Value):
    """Senders are whole addresses, or `@domain` for all of one. A keyword is one word or several in a row.

    A keyword counts where it stands as whole words, in any case and accents, unless it is denied: "0 errors",
    "without warnings", "Erreurs : 0".
    """

    senders: Annotated[tuple[Sender, ...], Field(min_length=1, max_length=50)]
    look_in: LookIn = LookIn.SUBJECT
    failed: Keywords = FAILED
    warning: Keywords = WARNING
    success: Keywords = SUCCESS

    def allows(self, sender: str) -> bool:
        address = sender.lower()
        _, at, domain = address.rpartition("@")
        return bool(at and domain) and (address in self.senders or f"@{domain}" in self.senders)

    def outcome(self, subject: str, body: str) -> RunStatus | None:
        """The worst that is said. None where nothing is: such a mail tells of no run."""
        where = {LookIn.SUBJECT: (subject,), LookIn.BODY: (body,), LookIn.BOTH: (subject, body)}
        texts = [_words(text) for text in where[self.look_in]]
        said = (
            (RunStatus.FAILED, self.failed),
            (RunStatus.WARNING, self.warning),
            (RunStatus.SUCCESS, self.success),
        )
        return next((status for status, keywords in said if _say(texts, keywords)), None)


def _say(texts: Sequence[str], keywords: tuple[str, ...]) -> bool:
    found = (found for text in texts for found in _any_of(keywords).finditer(text))
    return bool(keywords) and any(not one["denied"] for one in found)


@lru_cache(maxsize=1_000)
def _any_of(keywords: tuple[str, ...]) -> re.Pattern[str]:
    """Any keyword as whole words, together with what denies it right before."""
    alternatives = "|".join(re.escape(_words(keyword)) for keyword in keywords)
    return re.compile(rf"(?<!\S)(?P<denied>(?:{_DENIED}) (?:(?:d|de|any) )?)?(?:{alternatives})(?!\S)")


def _words(text: str) -> str:
    """The words of a text, without case and accents, one space between them."""
    split = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in split if not unicodedata.combining(letter))
    return " ".join(_WORD.findall(_COUNTED_NONE.sub(r"0 \1", plain)))
