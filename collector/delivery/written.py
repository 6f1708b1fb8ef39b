"""What a person reads of a ticket or a notice, in their language and the provider's time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from collector.delivery.sandbox import SUFFIX, UnwrittenError, fill, sandbox
from collector.logs import logger
from collector.model.channels import Language
from collector.model.incident import RECOVERED, IncidentState
from collector.model.message import IncidentLine, Notice, NoticeKind, TicketMessage
from collector.texts.words import Words, words_in

# Of the worst incidents; the others are counted, and stand on the pages.
MOST_LINES = 20
LONGEST_SUBJECT = 200
_WHEN: Mapping[Language, str] = {"fr": "EEEE d MMMM y 'à' HH:mm", "en": "EEEE d MMMM y 'at' HH:mm"}

_log = logger("delivery")


@dataclass(frozen=True)
class Written:
    """`subject` is one line; that of a ticket's messages stays the same."""

    subject: str
    body: str


class Templates:
    """The provider's, where its folder has one of that language and name, else ours. Read again when they change."""

    def __init__(self, folder: Path | None = None, failed: Callable[[str], None] = lambda _: None) -> None:
        self._sandboxes = {"fr": sandbox("fr", folder), "en": sandbox("en", folder)}
        self._failed = failed

    def write(self, language: Language, name: str, words: Mapping[str, object], otherwise: Written) -> Written:
        """The first line is the subject. A template that fails is logged and counted, and never holds up a message."""
        try:
            text = fill(self._sandboxes[language].get_template(name + SUFFIX), words)
            return _with_subject(text)
        except Exception as error:  # noqa: BLE001 - a template may raise anything
            _log.error("a template failed", template=f"{language}/{name}", error=f"{type(error).__name__}: {error}")
            self._failed(name)
            return otherwise


def _with_subject(text: str) -> Written:
    subject, _, body = text.strip().partition("\n")
    if not subject:
        raise UnwrittenError("its first line is the subject, and it has none")
    return Written(one_line(subject), body.strip() + "\n")


@dataclass(frozen=True)
class Pen:
    """In which language, time and templates it is written, and where its links lead."""

    language: Language
    zone: str
    public_url: str
    templates: Templates

    @property
    def words(self) -> Words:
        return words_in(self.language)

    def when(self, at: datetime) -> str:
        """With its zone: whoever reads it may be elsewhere."""
        local = format_datetime(at, _WHEN[self.language], ZoneInfo(self.zone), Locale(self.language))
        return f"{local} ({self.zone})"

    def incident_url(self, incident_id: UUID) -> str:
        return f"{self.public_url.rstrip('/')}/noc/incidents/{incident_id}"


@dataclass(frozen=True)
class WrittenLine:
    """An incident as a template sees it; `closed` says how it ended where we did not see it recover."""

    title: str
    sentence: str
    advice: str
    severity: str
    since: str
    over: bool
    resolved_at: str
    closed: str
    url: str
    facts: Mapping[str, str]


def write_ticket(message: TicketMessage, pen: Pen) -> Written:
    lines = [write_line(one, pen) for one in _worst_first(message.incidents)]
    words = {
        "event": message.event.value.removeprefix("ticket."),
        "number": ticket_number(message.ticket_id),
        "title": enduring_title(message, pen.words),
        "practice": message.practice,
        "customer": message.customer or "",
        "severity": pen.words.by_key[f"severity.{message.severity.value}"],
        "at": pen.when(message.at),
        "open": [one for one in lines if not one.over][:MOST_LINES],
        "over": [one for one in lines if one.over][:MOST_LINES],
        "closed": any(one.closed for one in lines),
        "more": max(0, sum(not one.over for one in lines) - MOST_LINES),
        "notes": [pen.words.note(said) for said in message.notes],
        "merged_into": ticket_number(message.merged_into) if message.merged_into else "",
        "url": ticket_url(message, pen.public_url),
    }
    return pen.templates.write(pen.language, "ticket", words, _plain(words, lines))


def write_notice(notice: Notice, pen: Pen) -> Written:
    line = write_line(notice.incident, pen)
    words = {
        "kind": notice.kind.value,
        "page": notice.action.value == "page",
        "times": notice.times,
        "practice": notice.practice,
        "person": notice.person or "",
        "at": pen.when(notice.at),
        "incident": line,
        "title": line.title,
        "url": line.url,
    }
    return pen.templates.write(pen.language, "notice", words, _plain(words, [line]))


def write_digest(notices: Sequence[Notice], pen: Pen) -> Written:
    """Several notices in one message: the worst that lasts first, what is over last, each incident's in their order."""
    notices = _worst_told_first(notices)
    lines = [write_line(one.incident, pen) for one in notices]
    practices = sorted({one.practice for one in notices})
    told = [
        {"practice": one.practice, "kind": one.kind.value, "incident": line}
        for one, line in zip(notices[:MOST_LINES], lines, strict=False)
    ]
    words = {
        "count": len(notices),
        "notices": told,
        "more": len(notices) - len(told),
        "practices": practices,
        "practice": ", ".join(practices),
        "title": lines[0].title,
        "url": f"{pen.public_url.rstrip('/')}/noc",
    }
    return pen.templates.write(pen.language, "digest", words, _plain(words, lines))


def _worst_told_first(notices: Sequence[Notice]) -> Sequence[Notice]:
    last = {one.about: one for one in notices}
    worst = {about: (one.kind is NoticeKind.RESOLVED, one.incident.severity.rank) for about, one in last.items()}
    return sorted(notices, key=lambda one: worst[one.about])


def write_line(line: IncidentLine, pen: Pen) -> WrittenLine:
    over = line.state is IncidentState.RESOLVED
    return WrittenLine(
        title=pen.words.title(line.rule, line.reason, line.facts),
        sentence=pen.words.sentence(line.rule, line.reason),
        advice=pen.words.advice(line.rule),
        severity=pen.words.by_key[f"severity.{line.severity.value}"],
        since=pen.when(line.since),
        over=over,
        resolved_at=pen.when(line.resolved_at) if line.resolved_at else "",
        closed=_closed(line, pen.words) if over else "",
        url=pen.incident_url(line.incident_id),
        facts=line.facts,
    )


def _closed(line: IncidentLine, words: Words) -> str:
    """Somebody said that it is over, or that it is watched no longer: by that alone nothing is well again."""
    return "" if line.resolution in (None, RECOVERED) else words.note(line.resolution).rstrip(" :")


def enduring_title(message: TicketMessage, words: Words) -> str:
    """What the ticket was opened for, whatever joined it or changed since: what threads by the subject needs that."""
    first = min(
        message.incidents,
        key=lambda one: (one.opened_at, one.subject != message.root, one.subject, one.rule),
        default=None,
    )
    return words.title(first.rule, "", first.facts) if first else message.title


def ticket_number(ticket_id: UUID) -> str:
    """Short enough to be said on the telephone."""
    return ticket_id.hex[-8:].upper()


def ticket_url(message: TicketMessage, public_url: str) -> str:
    """The page of the incident that matters most; of the practice for a ticket without any."""
    base = public_url.rstrip("/")
    worst = next(iter(_worst_first(message.incidents)), None)
    return f"{base}/noc/incidents/{worst.incident_id}" if worst else f"{base}/noc?practice={message.practice_id}"


def one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_SUBJECT]


def _worst_first(lines: Sequence[IncidentLine]) -> list[IncidentLine]:
    over = IncidentState.RESOLVED
    return sorted(lines, key=lambda one: (one.state is over, one.severity.rank, one.opened_at, one.subject))


def _plain(words: Mapping[str, object], lines: Sequence[WrittenLine]) -> Written:
    """What is sent where a template fails: what is wrong and where it stands."""
    number = f" {words['number']}" if "number" in words else ""
    subject = one_line(f"[Vigie{number}] {words['practice']}: {words['title']}")
    told = [f"- {one.title} ({one.severity}, {one.since}): {one.sentence}" for one in lines[:MOST_LINES]]
    return Written(subject, "\n".join([subject, "", *told, "", str(words["url"])]) + "\n")
