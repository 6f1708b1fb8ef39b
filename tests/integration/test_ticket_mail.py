"""Tickets and notices by mail, to a real mail server: threaded, the same mail with every try, refused or put off."""

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from collector.delivery.channel import DeliveryError, Telling
from collector.delivery.ticket_mail import TicketMail
from collector.delivery.trial import trial_notices
from collector.delivery.written import Pen, Templates
from collector.model.channels import MailChannel
from collector.model.message import TicketEvent, TicketMessage
from collector.store.outbox import Parcel
from tests.factories import NOW, PRACTICE
from tests.integration.house import message
from tests.integration.post_office import PASSWORD, USER, PostOffice, post_office

TICKET = UUID("7d1f3c52-7f43-4a37-9d3c-0d7d64a1c0aa")
OPENED, APPENDED, RESOLVED, REOPENED = TicketEvent
PEN = Pen("fr", "Europe/Paris", "https://vigie.example", Templates())


def channel(office: PostOffice, secret: str | None = None, **more: object) -> TicketMail:
    spec = {
        "kind": "mail", "host": "localhost", "port": office.port, "security": "none",
        "sender": "vigie@provider.example", "to": "help@provider.example", "timeout": timedelta(seconds=10),
    }  # fmt: skip
    return TicketMail("desk", MailChannel.model_validate(spec | more), secret, PEN)


def ticket(event: TicketEvent = OPENED, **more: object) -> Parcel:
    told = message(PRACTICE, TICKET, 1).model_copy(update={"event": event, **more})
    return Parcel(PRACTICE, uuid4(), 1, None, NOW, told)


def notices() -> list[Parcel]:
    return [Parcel(PRACTICE, uuid4(), 1, None, NOW, notice) for notice in trial_notices(NOW)]


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as opened:
        yield opened


async def test_a_tickets_mails_are_one_thread(office: PostOffice) -> None:
    for event in TicketEvent:
        await channel(office).deliver(ticket(event))
    opening, *later = office.kept
    assert {mail["References"] for mail in later} == {mail["In-Reply-To"] for mail in later} == {opening["Message-ID"]}
    assert opening["In-Reply-To"] is None
    assert len({mail["Message-ID"] for mail in office.kept}) == 4
    assert len({mail["Subject"] for mail in office.kept}) == 1
    assert "64A1C0AA" in opening["Subject"]


async def test_a_long_domain_breaks_no_thread(office: PostOffice) -> None:
    sender = "vigie@tickets.cabinet-informatique-bordeaux-gironde.example.org"
    for event in (TicketEvent.OPENED, APPENDED):
        await channel(office, sender=sender).deliver(ticket(event))
    opening, later = (dict(mail.raw_items()) for mail in office.kept)
    assert opening["Message-ID"] == f"<ticket.{TICKET}@{sender.partition('@')[2]}>"
    assert later["References"] == later["In-Reply-To"] == opening["Message-ID"]


async def test_what_joins_a_ticket_leaves_its_subject(office: PostOffice) -> None:
    later = message(PRACTICE, TICKET, 2).model_copy(update={"title": "Another title"})
    assert isinstance(later, TicketMessage)
    lines = [notice.incident for notice in trial_notices(NOW)]
    worse = lines[0].model_copy(update={"rule": "ransomware_signature", "opened_at": NOW + timedelta(minutes=1)})
    await channel(office).deliver(ticket(incidents=(lines[0],)))
    await channel(office).deliver(ticket(APPENDED, incidents=(worse, lines[0])))
    first, second = office.kept
    assert first["Subject"] == second["Subject"]
    assert "rançongiciel" in body(second)


def body(mail: EmailMessage) -> str:
    return str(mail.get_content())


async def test_a_mail_says_what_it_is(office: PostOffice) -> None:
    await channel(office).deliver(ticket(customer="C-17"))
    (mail,) = office.kept
    assert office.envelopes == [("vigie@provider.example", ["help@provider.example"])]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (mail["X-Vigie-Ticket"], mail["X-Vigie-Event"]) == (str(TICKET), "ticket.opened")
    assert mail["X-Vigie-Customer"] == "C-17"
    assert mail["Date"].datetime == NOW
    assert "Cabinet Test" in body(mail)


async def test_a_mail_sent_again_is_the_same_mail(office: PostOffice) -> None:
    """The server took it and hung up before it said so."""
    office.answers = [None]
    parcel = ticket(APPENDED)
    with pytest.raises(DeliveryError) as raised:
        await channel(office).deliver(parcel)
    await channel(office).deliver(parcel)
    first, again = office.kept
    assert not raised.value.permanent
    assert bytes(first) == bytes(again)


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("421 closing", False), ("451 later", False), ("499 later", False), ("530 sign in first", False),
     ("539 sign in first", False), ("500 what", True), ("529 no", True), ("540 no", True), ("554 spam", True)],
)  # fmt: skip
@pytest.mark.parametrize("at", ["recipient", "answers"])
async def test_what_a_server_refuses_for_good_is_permanent(
    office: PostOffice, answer: str, permanent: bool, at: str
) -> None:
    setattr(office, at, answer if at == "recipient" else [answer])
    with pytest.raises(DeliveryError, match=f"answered {answer[:3]}") as raised:
        await channel(office).deliver(ticket())
    assert raised.value.permanent is permanent
    assert office.kept == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(DeliveryError, match="no answer") as raised:
        await channel(PostOffice(port=1)).deliver(ticket())
    assert not raised.value.permanent


async def test_notices_go_by_mail_too_and_make_a_thread(office: PostOffice) -> None:
    raised, over = notices()
    for parcel in (raised, over):
        await channel(office).deliver(parcel)
    first, second = office.kept
    assert first["References"] == second["References"] is not None
    assert first["Message-ID"] != second["Message-ID"]
    assert (first["X-Vigie-Event"], second["X-Vigie-Event"]) == ("notice.raised", "notice.resolved")


async def test_many_notices_are_one_mail(office: PostOffice) -> None:
    told = channel(office)
    assert isinstance(told, Telling)
    parcels = notices()
    await told.deliver_many(parcels)
    await told.deliver_many(parcels)
    first, again = office.kept
    assert "2 messages" in first["Subject"]
    assert first["Message-ID"] == again["Message-ID"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "chain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd knows TLS by STARTTLS alone
@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_it_signs_in_over_tls(tls: ssl.SSLContext, certificate: tuple[Path, Path], security: str) -> None:
    signed_in = {"security": security, "authority": certificate[0], "username": USER, "password": {"env": "MAIL"}}
    async with post_office(tls=tls, from_the_first_byte=security == "tls", sign_in=True) as office:
        await channel(office, PASSWORD, **signed_in).deliver(ticket())
        assert len(office.kept) == 1
        with pytest.raises(DeliveryError, match="answered 535") as raised:
            await channel(office, "wrong", **signed_in).deliver(ticket())
    assert not raised.value.permanent


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_a_certificate_that_nobody_vouches_for_gets_nothing(tls: ssl.SSLContext, security: str) -> None:
    async with post_office(tls=tls, from_the_first_byte=security == "tls") as office:
        with pytest.raises(DeliveryError, match="no answer"):
            await channel(office, security=security).deliver(ticket())
    assert office.kept == []


async def test_starttls_is_not_left_out_where_the_server_offers_none(office: PostOffice) -> None:
    with pytest.raises(DeliveryError):
        await channel(office, security="starttls").deliver(ticket())
    assert office.kept == []
