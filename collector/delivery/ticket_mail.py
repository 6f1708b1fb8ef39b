"""Tickets and notices by mail: every helpdesk takes it, and threads what refers to the same opening message.

A mail has the same Message-ID with every try, so that one sent again after a lost answer is known as the same by
whoever looks at it; nothing can be looked for by mail, and nothing has to settle. Headers as RFC 5322 (threads) and
RFC 3834 (`Auto-Submitted`) say.
"""

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, formataddr
from pathlib import Path

import aiosmtplib

from collector.delivery.channel import DeliveryError
from collector.delivery.written import Pen, Written, write_digest, write_notice, write_ticket
from collector.model.channels import MailChannel
from collector.model.escalation import Action
from collector.model.message import Notice, TicketEvent, TicketMessage
from collector.store.outbox import Parcel

# Wrong or missing credentials: mended on our side, so what waits may go out yet. Source: RFC 4954, section 6.
_OURS_TO_MEND = range(530, 540)


_IDS = frozenset({"Message-ID", "In-Reply-To", "References"})


class _WholeIds(EmailPolicy):
    """Ids stand on one line: Python encodes one that is longer than 78 characters, and nobody threads by that."""

    def fold(self, name: str, value: str) -> str:
        if name in _IDS and value.isascii():
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii") if name in _IDS else super().fold_binary(name, value)


_POLICY = _WholeIds(linesep="\r\n", cte_type="7bit")  # which any server takes


class UntrustedError(Exception):
    """A certificate authority that cannot be read, or is none."""


class TicketMail:
    """One address; a helpdesk's for tickets, a person's for notices."""

    def __init__(self, name: str, spec: MailChannel, password: str | None, pen: Pen) -> None:
        self.name = name
        self.timeout: timedelta = spec.timeout
        self._spec = spec
        self._password = password
        self._pen = pen
        self._tls = trusting(spec.authority)

    async def deliver(self, parcel: Parcel) -> None:
        await self._send(mail_of(parcel, self._spec, self._pen))

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        await self._send(digest_of(parcels, self._spec, self._pen))

    async def _send(self, mail: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                bytes(mail),  # folded by us: aiosmtplib has a policy of its own
                sender=self._spec.sender,
                recipients=[self._spec.to],
                hostname=self._spec.host,
                port=self._spec.port,
                username=self._spec.username,
                password=self._password,
                use_tls=self._spec.security == "tls",
                start_tls=self._spec.security == "starttls",
                tls_context=None if self._spec.security == "none" else self._tls,
                timeout=self.timeout.total_seconds(),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0]) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"no answer: {type(error).__name__}") from error


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Raises UntrustedError."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise UntrustedError(f"authority {authority} cannot be used: {error.strerror or error}") from None


def _refused(error: aiosmtplib.SMTPResponseException) -> DeliveryError:
    """4xx may be taken later, 5xx never (RFC 5321, section 4.2.1)."""
    permanent = error.code >= 500 and error.code not in _OURS_TO_MEND
    if isinstance(error, (aiosmtplib.SMTPConnectResponseError, aiosmtplib.SMTPHeloError)):
        permanent = False  # it is this server that is unwilling, whatever the mail
    return DeliveryError(f"answered {error.code}", permanent=permanent)


def mail_of(parcel: Parcel, spec: MailChannel, pen: Pen) -> EmailMessage:
    message, domain = parcel.message, _domain(spec)
    own_id = f"<{parcel.outbox_id}@{domain}>"
    if isinstance(message, Notice):
        return _mail(write_notice(message, pen), _of_notice(message, own_id, domain), message.at, spec, pen)
    return _mail(write_ticket(message, pen), _of_ticket(message, own_id, domain), message.at, spec, pen)


def digest_of(parcels: Sequence[Parcel], spec: MailChannel, pen: Pen) -> EmailMessage:
    """Named after its last notice: what is gathered anew after a failure is another digest."""
    notices = [parcel.message for parcel in parcels if isinstance(parcel.message, Notice)]
    headers = {"Message-ID": f"<digest.{parcels[-1].outbox_id}@{_domain(spec)}>", "X-Vigie-Event": "notice.digest"}
    if any(notice.action is Action.PAGE for notice in notices):
        headers["Importance"] = "high"
    return _mail(write_digest(notices, pen), headers, notices[-1].at, spec, pen)


def _mail(written: Written, headers: Mapping[str, str], at: datetime, spec: MailChannel, pen: Pen) -> EmailMessage:
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = formataddr(("Vigie", spec.sender))
    mail["To"] = spec.to
    mail["Subject"] = written.subject
    mail["Date"] = format_datetime(at)
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = pen.language
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(written.body)
    return mail


def _domain(spec: MailChannel) -> str:
    return spec.sender.rpartition("@")[2]


def _of_ticket(message: TicketMessage, own_id: str, domain: str) -> dict[str, str]:
    """The opening mail is known by its ticket, so that the others can refer to it without having seen it."""
    opening = f"<ticket.{message.ticket_id}@{domain}>"
    headers = {
        "X-Vigie-Practice": str(message.practice_id),
        "X-Vigie-Ticket": str(message.ticket_id),
        "X-Vigie-Event": message.event.value,
        "X-Vigie-Severity": message.severity.value,
    }
    if message.customer:
        headers["X-Vigie-Customer"] = message.customer
    if message.event is TicketEvent.OPENED:
        return {"Message-ID": opening, **headers}
    return {"Message-ID": own_id, "In-Reply-To": opening, "References": opening, **headers}


def _of_notice(notice: Notice, own_id: str, domain: str) -> dict[str, str]:
    """All notices of one incident make one thread, whoever of them gets which."""
    thread = f"<incident.{notice.incident.incident_id}@{domain}>"
    headers = {
        "X-Vigie-Practice": str(notice.practice_id),
        "X-Vigie-Incident": str(notice.incident.incident_id),
        "X-Vigie-Event": f"notice.{notice.kind.value}",
    }
    urgent = notice.action is Action.PAGE
    return {"Message-ID": own_id, "References": thread, **headers, **({"Importance": "high"} if urgent else {})}
