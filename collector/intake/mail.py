"""What the collector answers to a mail: a run of the job whose address it is, or why not, in a sentence."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from random import Random

from aiosmtpd.smtp import SMTP, Envelope, Session, TLSSetupException

from collector.intake.admission import Admission, TooMuchError, tokens_of
from collector.intake.figures import Figures, read_figures
from collector.intake.group_commit import GroupCommit, OverloadedError
from collector.intake.keys import Keyring, TooManyGuessesError, UnknownKeyError
from collector.intake.letter import Letter, read_letter
from collector.logs import logger
from collector.metrics import IntakeMetrics
from collector.model.credential import Holder
from collector.model.heartbeat import Backup, RunStatus
from collector.model.identity import uuid7
from collector.model.mail import MailRules
from collector.store.connect import StoreAwayError, UnstorableError
from collector.store.intake import Arrival, SectionRow
from collector.store.kept_logs import Log
from collector.store.practice_keys import PracticeKey

_log = logger("mail")


class RefusedError(Exception):
    """What the sender is answered, with its SMTP code; `outcome` counts it."""

    def __init__(self, outcome: str, reply: str) -> None:
        super().__init__(reply)
        self.outcome = outcome
        self.reply = reply


@dataclass(frozen=True)
class _Addressee:
    """A job that may be told of by mail, and the rules of its address."""

    key: PracticeKey
    job: str
    rules: MailRules


class MailDoor:
    """The hooks of an SMTP session (aiosmtpd calls them by these names). 250 leaves only after the commit.

    A mail has one recipient, since the answer to DATA is one for all: the others are sent 452, and their mail comes
    in a transaction of its own (RFC 5321, section 4.5.3.1.10). Whoever knows an address and one of its senders can
    tell of its job, and of nothing else.
    """

    def __init__(
        self, keyring: Keyring, admission: Admission, commit: GroupCommit, metrics: IntakeMetrics, domain: str
    ) -> None:
        self._keyring = keyring
        self._admission = admission
        self._commit = commit
        self._metrics = metrics
        self.domain = domain.lower()

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Nobody signs in here: the address is the key."""
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        try:
            if envelope.rcpt_tos:
                raise RefusedError("second_recipient", "452 4.5.3 one recipient a mail; send it to the others alone")
            await self._addressee(session, address, envelope.mail_from or "")
        except RefusedError as refused:
            return self._refuse(server, refused)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Asks for the key again, which costs no query: it may have been revoked meanwhile."""
        written = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            addressee = await self._addressee(session, envelope.rcpt_tos[0], envelope.mail_from or "")
            return await self._take(addressee, written, datetime.now(UTC))
        except RefusedError as refused:
            return self._refuse(server, refused)

    async def handle_exception(self, error: Exception) -> str:
        """What a mail can do wrong is answered elsewhere; a client that does no TLS is no fault."""
        if not isinstance(error, TLSSetupException):
            _log.error("a mail session failed", error=type(error).__name__)
            self._metrics.mails.labels(outcome="fault").inc()
        return "451 4.3.0 this is our fault, and logged; nothing was stored, send it again later"

    def _refuse(self, server: SMTP, refused: RefusedError) -> str:
        self._metrics.mails.labels(outcome=refused.outcome).inc()
        if refused.reply.startswith("421") and server.transport is not None:
            # The reply is written first, in the same step of the loop.
            server.loop.call_soon(server.transport.close)
        return refused.reply

    async def _addressee(self, session: Session, address: str, sender: str) -> _Addressee:
        token, _, domain = address.rpartition("@")
        if domain.lower() != self.domain:
            raise RefusedError("relaying", f"550 5.7.1 only mail to {self.domain} is taken; nothing is passed on")
        key = await self._key(token.lower(), session.peer[0] if session.peer else "")
        if key.holder is not Holder.JOB or key.job is None or key.mail is None:
            raise _unknown()
        rules = MailRules.model_validate_json(key.mail)
        if not rules.allows(sender):
            raise RefusedError("sender", "550 5.7.1 this sender may not write here; 'vigie mail add' says who may")
        return _Addressee(key, key.job, rules)

    async def _key(self, token: str, peer: str) -> PracticeKey:
        try:
            return await self._keyring.admit(token, peer)
        except UnknownKeyError:
            raise _unknown() from None
        except TooManyGuessesError as error:
            raise RefusedError(
                "guesses", f"421 4.7.0 too many unknown addresses; again in {error.retry_after_s} s"
            ) from None
        except StoreAwayError:
            raise _away() from None

    async def _take(self, addressee: _Addressee, written: bytes, now: datetime) -> str:
        try:
            self._admission.take(addressee.key.practice_id, tokens_of(1, len(written)))
        except TooMuchError as error:
            raise RefusedError(
                "too_much", f"451 4.7.1 too much of this practice; again in {error.retry_after_s} s"
            ) from None
        letter = read_letter(written)
        status = addressee.rules.outcome(letter.subject, letter.text)
        if status is None:
            raise RefusedError(
                "no_keyword",
                "554 5.6.0 no keyword of this address says how the run went, so nothing was stored; "
                "name one of this mail with --success, --warning or --failed of 'vigie mail add'",
            )
        stored = await self._store(_arrival(addressee, letter, status, now))
        self._metrics.mails.labels(outcome="stored" if stored else "resent").inc()
        return f"250 2.0.0 stored: {addressee.job.encode('ascii', 'replace').decode()} {status.value}"

    async def _store(self, arrival: Arrival) -> bool:
        """Whether it is new, once it is committed."""
        try:
            resent = await self._commit.store([arrival])
        except OverloadedError:
            raise RefusedError("overloaded", "451 4.3.2 too much waits; nothing was stored, send it again") from None
        except StoreAwayError:
            raise _away() from None
        except UnstorableError:
            raise RefusedError("unstorable", "554 5.6.0 the store refuses it; sending it again cannot help") from None
        return resent.get(arrival.identity, arrival.received_at) == arrival.received_at


def _unknown() -> RefusedError:
    return RefusedError("recipient", "550 5.1.1 no such address; 'vigie mail add' makes one")


def _away() -> RefusedError:
    return RefusedError("away", "451 4.3.0 the store is away; send it again, a second copy is harmless")


def _arrival(addressee: _Addressee, letter: Letter, status: RunStatus, now: datetime) -> Arrival:
    """The run ended when its mail came: a device's clock, and how long a mail was under way, is nobody's word."""
    key = addressee.key
    figures = read_figures(letter.text) or Figures("mail")
    run = Backup(job=addressee.job, status=status, finished_at=now, **asdict(figures))
    sections = [SectionRow("mail", f"[{run.model_dump_json()}]")]
    if key.keep_logs:
        log = Log(job=addressee.job, action="mail", text=f"{letter.subject}\n\n{letter.text}")
        sections.append(SectionRow("log", log.model_dump_json()))
    return Arrival(
        practice_id=key.practice_id,
        endpoint_id=key.endpoint_id,
        id=uuid7(letter.sent_at or now, _seed(key, letter, status)),
        received_at=now,
        sent_at=now,
        skew_s=0,
        sections=tuple(sections),
        material=True,
        beat=None,
    )


def _seed(key: PracticeKey, letter: Letter, status: RunStatus) -> Random:
    """One id for each copy of a mail: it is sent again where our answer was lost.

    Without a date of its own, from which the id takes its time, each copy is a run; told twice, it is harmless.
    """
    whole = json.dumps([key.key_id, letter.message_id, str(letter.sent_at), letter.subject, status.value])
    return Random(sha256(whole.encode()).digest())  # noqa: S311 - it need not be secret, only the same again
