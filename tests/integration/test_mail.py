"""Mail over real SMTP sessions: 250 only for what is committed, and every refusal with the code that is true."""

import asyncio
import gc
import json
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from prometheus_client import CollectorRegistry

from collector import administer
from collector.administer import Deed, Enrolled
from collector.intake import smtp as sessions
from collector.intake.admission import Admission
from collector.intake.figures import read_figures
from collector.intake.group_commit import GroupCommit
from collector.intake.hearing import Hearing
from collector.intake.keys import Keyring
from collector.intake.mail import MailDoor
from collector.intake.smtp import SIZE_LIMIT, Mailbox, taking_mail
from collector.metrics import IntakeMetrics
from collector.model.credential import Credential, Holder
from collector.model.mail import MailRules
from collector.store.connect import Pool, Role, open_pool
from collector.store.practice_keys import add_practice_key
from tests.factories import ENDPOINT, NOW
from tests.integration.house import PATIENCE_S, House, count, enrol, rows, until

NAS = "nas@cabinet.example"
DOMAIN = "mail.example"
SAMPLES = Path(__file__).parents[1] / "samples"
DEED = Deed("test", NOW)
Said = TypeVar("Said")
Reply = tuple[int, bytes]


@dataclass
class Letters:
    """A mailbox that is open, and what was counted."""

    port: int
    registry: CollectorRegistry

    def counted(self, outcome: str) -> float:
        return self.registry.get_sample_value("vigie_intake_mails_total", {"outcome": outcome}) or 0

    async def talk(self, do: Callable[[smtplib.SMTP], Said]) -> Said:
        """One session, in a thread of its own."""

        def session() -> Said:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE_S) as client:
                return do(client)

        return await asyncio.to_thread(session)

    async def send(self, to: str, raw: bytes, sender: str = NAS) -> Reply:
        return await self.talk(lambda client: deliver(client, to, raw, sender))


def deliver(client: smtplib.SMTP, to: str, raw: bytes, sender: str = NAS) -> Reply:
    """The first refusal, or the last word."""
    client.ehlo_or_helo_if_needed()
    for code, said in (client.mail(sender), client.rcpt(to)):
        if code != 250:
            return code, said
    return client.data(raw)


@asynccontextmanager
async def mailbox(
    house: House,
    *,
    pool: Pool | None = None,
    queue: int = 100,
    admission: Admission | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Letters]:
    registry = CollectorRegistry()
    metrics = IntakeMetrics(registry)
    commit = GroupCommit(pool or house.intake, metrics, queue)
    keyring = Keyring(house.intake, Hearing(house.database.url))
    door = MailDoor(keyring, admission or Admission(1_000, 1_000), commit, metrics, DOMAIN)
    committing = asyncio.create_task(commit.run())
    listening = socket.create_server(("127.0.0.1", 0))
    try:
        async with taking_mail(Mailbox(listening, tls), door):
            yield Letters(listening.getsockname()[1], registry)
    finally:
        committing.cancel()
        await asyncio.wait([committing])


@pytest.fixture
async def letters(house: House) -> AsyncIterator[Letters]:
    async with mailbox(house) as opened:
        yield opened


async def address(house: House, enrolled: Enrolled, job: str = "daily", **rules: object) -> str:
    async with house.owner.acquire() as conn:
        given = MailRules.model_validate({"senders": (NAS,), **rules})
        key = await administer.add_mail_address(conn, enrolled.practice, None, job, given, DEED)
    return f"{key}@{DOMAIN}"


@pytest.fixture
async def daily(house: House) -> str:
    return await address(house, await enrol(house))


def mail(subject: str, body: str = "", **headers: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return bytes(message)


async def runs(house: House) -> list[dict[str, object]]:
    stored = await rows(house, "SELECT body FROM section WHERE kind = 'mail' ORDER BY received_at")
    return [json.loads(row["body"])[0] for row in stored]


@pytest.mark.parametrize(
    ("subject", "status"),
    [("Sauvegarde réussie", "success"), ("[Warning] daily", "warning"), ("Sauvegarde en échec", "failed")],
)
async def test_a_mail_is_a_run_of_its_job(
    house: House, letters: Letters, daily: str, subject: str, status: str
) -> None:
    code, said = await letters.send(daily, mail(subject, "C:\\Patients\\Dupont.jpg"))
    assert (code, said) == (250, f"2.0.0 stored: daily {status}".encode())
    (run,) = await runs(house)
    assert (run["job"], run["tool"], run["status"], run["message"]) == ("daily", "mail", status, None)
    (section,) = await rows(house, "SELECT kind, endpoint_id, received_at, row_to_json(section)::text FROM section")
    assert (section["kind"], section["endpoint_id"]) == ("mail", None)
    assert run["finished_at"] == section["received_at"].isoformat().replace("+00:00", "Z")
    assert "Dupont" not in section["row_to_json"], "what it says is not kept"
    assert await count(house, "wake") > 0
    assert await count(house, "heartbeat") == 0, "a mail is no sign of life"
    assert letters.counted("stored") == 1


async def test_figures_in_the_text_are_kept(house: House, letters: Letters, daily: str) -> None:
    text = (SAMPLES / "restic/restic-0.19.1_backup.jsonl").read_text()
    told = read_figures(text)
    assert told is not None
    assert told.bytes_total
    await letters.send(daily, mail("ok", text))
    (run,) = await runs(house)
    assert {name: run[name] for name in asdict(told)} == asdict(told)


async def test_a_practice_that_opted_in_keeps_the_text(house: House, letters: Letters, daily: str) -> None:
    await house.owner.execute("UPDATE practice SET keep_logs = true")
    await letters.send(daily, mail("ok", "tout\x00 va bien"))
    (log,) = await rows(house, "SELECT body FROM section WHERE kind = 'log'")
    assert json.loads(log["body"]) == {"job": "daily", "action": "mail", "text": "ok\n\ntout va bien\n"}


async def test_a_job_of_a_machine_stays_its_own(house: House, letters: Letters) -> None:
    enrolled = await enrol(house)
    async with house.owner.acquire() as conn:
        rules = MailRules(senders=(NAS,))
        key = await administer.add_mail_address(conn, enrolled.practice, ENDPOINT, "daily", rules, DEED)
    assert (await letters.send(f"{key}@{DOMAIN}".upper(), mail("ok")))[0] == 250
    (section,) = await rows(house, "SELECT endpoint_id FROM section")
    assert section["endpoint_id"] == ENDPOINT


async def test_a_mail_sent_again_is_stored_once(house: House, letters: Letters, daily: str) -> None:
    whole = mail("ok", Message_ID="<1@nas>", Date="Sat, 21 Nov 2026 19:00:00 +0100")
    other = mail("ok", Message_ID="<2@nas>", Date="Sat, 21 Nov 2026 19:00:00 +0100")
    assert [(await letters.send(daily, raw))[0] for raw in (whole, b"Received: by relay\r\n" + whole, other)] == [
        250
    ] * 3
    assert len(await runs(house)) == 2
    assert (letters.counted("stored"), letters.counted("resent")) == (2, 1)


async def test_a_mail_without_a_date_is_a_run_each_time(house: House, letters: Letters, daily: str) -> None:
    for _ in range(2):
        assert (await letters.send(daily, mail("ok", Message_ID="<1@nas>")))[0] == 250
    assert len(await runs(house)) == 2


async def test_the_same_mail_to_two_jobs_is_a_run_of_each(house: House, letters: Letters, daily: str) -> None:
    (practice_id,) = [row["practice_id"] for row in await rows(house, "SELECT practice_id FROM practice")]
    async with house.owner.acquire() as conn:
        practice = await administer.the_practice(conn, str(practice_id))
        key = await administer.add_mail_address(conn, practice, None, "weekly", MailRules(senders=(NAS,)), DEED)
    whole = mail("ok", Message_ID="<1@nas>", Date="Sat, 21 Nov 2026 19:00:00 +0100")

    def to_both(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        client.mail(NAS)
        codes = [client.rcpt(daily)[0], client.rcpt(f"{key}@{DOMAIN}")[0], client.data(whole)[0]]
        return [*codes, deliver(client, f"{key}@{DOMAIN}", whole)[0]]

    assert await letters.talk(to_both) == [250, 452, 250, 250]
    assert {run["job"] for run in await runs(house)} == {"daily", "weekly"}
    assert letters.counted("second_recipient") == 1


async def nothing_stored(house: House, letters: Letters, outcome: str) -> None:
    assert await count(house, "section") == await count(house, "accepted") == 0
    assert letters.counted(outcome) == 1


@pytest.mark.parametrize(
    ("to", "code", "outcome"),
    [
        ("0b6e8a52-7f43-4a37-9d3c-0d7d64a1c009@mail.example", 550, "recipient"),
        ("postmaster@mail.example", 550, "recipient"),
        ("daily@gmail.example", 550, "relaying"),
        ("daily", 550, "relaying"),
    ],
)
async def test_an_unknown_recipient_is_refused(
    house: House, letters: Letters, daily: str, to: str, code: int, outcome: str
) -> None:
    assert (await letters.send(to, mail("ok")))[0] == code
    await nothing_stored(house, letters, outcome)


@pytest.mark.parametrize("sender", ["other@cabinet.example", "nas@cabinet.example.evil.example", ""])
async def test_an_unknown_sender_is_refused(house: House, letters: Letters, daily: str, sender: str) -> None:
    code, _ = await letters.send(daily, mail("ok", From=NAS), sender)
    assert code == (550 if sender else 501), "bounces have no sender, and tell of no run"
    assert await count(house, "section") == 0


@pytest.mark.parametrize("holder", [Holder.PRACTICE, Holder.SCRIPT, Holder.JOB])
async def test_a_key_without_mail_rules_is_no_address(house: House, letters: Letters, holder: Holder) -> None:
    enrolled = await enrol(house)
    key = Credential.mint(holder)
    job = "daily" if holder is Holder.JOB else None
    async with house.owner.acquire() as conn:
        await add_practice_key(conn, enrolled.practice.practice_id, key, at=NOW, actor="test", job=job)
    assert (await letters.send(f"{key}@{DOMAIN}", mail("ok")))[0] == 550
    await nothing_stored(house, letters, "recipient")


async def test_a_revoked_address_is_refused_even_after_it_was_named(house: House, letters: Letters, daily: str) -> None:
    async def revoke_between(client: smtplib.SMTP) -> Reply:
        await asyncio.to_thread(client.ehlo)
        await asyncio.to_thread(client.mail, NAS)
        assert (await asyncio.to_thread(client.rcpt, daily))[0] == 250
        await house.owner.execute("UPDATE practice_key SET revoked_at = now()")
        await asyncio.sleep(1.1)  # what a collector remembers is good for a second
        return await asyncio.to_thread(client.data, mail("ok"))

    client = await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", letters.port, timeout=PATIENCE_S)
    try:
        assert (await revoke_between(client))[0] == 550
    finally:
        client.close()
    await nothing_stored(house, letters, "recipient")


async def test_a_mail_without_a_keyword_is_no_run(house: House, letters: Letters, daily: str) -> None:
    code, said = await letters.send(daily, mail("Integrity check completed", "ok"))
    assert code == 554
    assert b"vigie mail add" in said, "it names the way out"
    await nothing_stored(house, letters, "no_keyword")


async def test_whoever_guesses_is_hung_up_on(letters: Letters) -> None:
    def guess(client: smtplib.SMTP) -> Reply:
        client.ehlo()
        client.mail(NAS)
        while (reply := client.rcpt(f"nobody@{DOMAIN}"))[0] == 550:
            pass
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
        return reply

    code, said = await letters.talk(guess)
    assert code == 421
    assert b"again in" in said
    assert letters.counted("guesses") == 1


async def test_what_is_too_large_is_refused_by_its_size(house: House, letters: Letters, daily: str) -> None:
    def announce(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        return [client.mail(NAS, [f"SIZE={size}"])[0] for size in (SIZE_LIMIT + 1, SIZE_LIMIT)]

    assert await letters.talk(announce) == [552, 250]
    lines = b"x" * 998 + b"\r\n"
    assert (await letters.send(daily, mail("ok") + lines * (SIZE_LIMIT // 1000 + 1)))[0] == 552
    assert (await letters.send(daily, mail("ok") + lines * (SIZE_LIMIT // 1000 - 1)))[0] == 250


async def test_a_line_that_is_too_long_is_refused(house: House, letters: Letters, daily: str) -> None:
    assert (await letters.send(daily, b"Subject: ok\r\n\r\n" + b"x" * 10_000 + b"\r\n"))[0] == 500
    assert await count(house, "section") == 0


async def test_a_line_without_an_end_is_cut_off(house: House, letters: Letters, daily: str) -> None:
    def pour(client: smtplib.SMTP) -> int:
        client.ehlo()
        client.mail(NAS)
        client.rcpt(daily)
        client.docmd("DATA")
        assert client.sock is not None
        poured = 0
        try:
            while poured < 100 * SIZE_LIMIT:
                poured += client.sock.send(b"x" * 65_536)
        except OSError:
            client.close()
        return poured

    assert await letters.talk(pour) < 50 * SIZE_LIMIT, "less than what sockets hold between us"
    assert (await letters.send(daily, mail("ok")))[0] == 250


async def test_a_store_that_is_away_leaves_the_mail_with_its_sender(house: House, daily: str) -> None:
    nobody = open_pool("postgresql://nobody@127.0.0.1:1/nothing", Role.INTAKE, 1)
    async with nobody, mailbox(house, pool=nobody) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 451
        await nothing_stored(house, letters, "away")


async def test_a_full_queue_leaves_the_mail_with_its_sender(house: House, daily: str) -> None:
    async with mailbox(house, queue=0) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 451
        await nothing_stored(house, letters, "overloaded")


async def test_a_practice_that_sends_too_much_is_told_when_to_come_again(house: House, daily: str) -> None:
    async with mailbox(house, admission=Admission(0.001, 1)) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 250
        code, said = await letters.send(daily, mail("ok"))
        assert (code, b"again in" in said) == (451, True)
        assert letters.counted("too_much") == 1


async def test_there_is_room_for_so_many_sessions(monkeypatch: pytest.MonkeyPatch, letters: Letters) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    held = [await asyncio.open_connection("127.0.0.1", letters.port) for _ in range(2)]
    assert [(await reader.readline())[:3] for reader, _ in held] == [b"220", b"220"]
    reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
    assert (await reader.read()).startswith(b"421 ")
    for _, one in (*held, (reader, writer)):
        one.close()
        await one.wait_closed()

    async def has_room() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
        greeting = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return greeting.startswith(b"220")

    await until(has_room)


@pytest.mark.parametrize("limit", ["COMMAND_S", "SESSION_S"])
async def test_a_silent_client_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, letters: Letters, limit: str) -> None:
    monkeypatch.setattr(sessions, limit, 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.read()).startswith(b"220")
    writer.close()
    await writer.wait_closed()


async def test_a_session_cut_off_in_its_data_stores_nothing(house: House, letters: Letters, daily: str) -> None:
    def cut(client: smtplib.SMTP) -> None:
        client.ehlo()
        client.mail(NAS)
        client.rcpt(daily)
        client.docmd("DATA")
        client.send(mail("ok"))
        client.close()

    await letters.talk(cut)
    assert (await letters.send(daily, mail("error")))[0] == 250
    assert [run["status"] for run in await runs(house)] == ["failed"]


async def test_a_collector_that_stops_says_so(house: House) -> None:
    async with mailbox(house) as letters:
        reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
        await reader.readline()
    assert (await reader.read()).startswith(b"421 ")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "command",
    [
        "MAIL FROM:<né@cabinet.example>".encode(),
        b"MAIL FROM:<nas@cabinet.example> SMTPUTF8",
        b"MAIL FROM:nas@cabinet.example\x00",
        b"RCPT TO:<a@b>",
        b"DATA",
        b"AUTH PLAIN AGEAYg==",
        b"STARTTLS",
        b"VRFY postmaster",
        b"EXPN all",
        b"\xff\xfe\x00",
        b"",
        b"x" * 5_000,
    ],
)
async def test_a_bad_command_is_answered_and_the_session_goes_on(letters: Letters, daily: str, command: bytes) -> None:
    def say(client: smtplib.SMTP) -> tuple[int, int]:
        client.ehlo()
        client.send(command + b"\r\n")
        code, _ = client.getreply()
        client.rset()
        return code, deliver(client, daily, mail("ok"))[0]

    code, after = await letters.talk(say)
    assert 500 <= code < 600 or command.startswith(b"VRFY")
    assert after == 250
    assert letters.counted("fault") == 0


async def test_no_nonsense_ends_in_a_fault(letters: Letters, daily: str) -> None:
    random = Random(25)  # noqa: S311 - tests repeat
    words = [
        b"MAIL FROM:", b"RCPT TO:", b"EHLO ", b"HELP ", b"NOOP ", b"SIZE=", b"BODY=", daily.encode(),
        *(bytes([one]) for one in b"<>@()[]:;,.= a\t\x00\xe9\"\\"),
    ]  # fmt: skip

    def babble(client: smtplib.SMTP) -> None:
        client.ehlo()
        for _ in range(60):
            client.send(b"".join(random.choices(words, k=random.randint(1, 25))) + b"\r\n")
            assert client.getreply()[0] in range(200, 600)

    for _ in range(20):
        await letters.talk(lambda client: _until_hung_up(babble, client))
    assert letters.counted("fault") == 0
    assert (await letters.send(daily, mail("ok")))[0] == 250


def _until_hung_up(say: Callable[[smtplib.SMTP], None], client: smtplib.SMTP) -> None:
    """Too many unknown commands end a session."""
    try:
        say(client)
    except (smtplib.SMTPServerDisconnected, BrokenPipeError):
        client.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    made = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(made / "key.pem"), "-out", str(made / "chain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return made / "chain.pem", made / "key.pem"


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


async def test_mail_comes_inside_tls(
    house: House, daily: str, tls: ssl.SSLContext, certificate: tuple[Path, Path]
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate[0]))

    def inside(client: smtplib.SMTP) -> Reply:
        client.starttls(context=trusting)
        client.ehlo()
        assert not client.has_extn("starttls")
        assert not client.has_extn("auth"), "nobody signs in: the address is the key"
        return deliver(client, daily, mail("ok") + b"x\r\n" * 200_000)

    async with mailbox(house, tls=tls) as letters:
        assert (await letters.talk(inside))[0] == 250
        assert (await letters.send(daily, mail("ok")))[0] == 250, "it is offered, not asked for"


async def test_a_client_that_fails_at_tls_is_no_fault(house: House, daily: str, tls: ssl.SSLContext) -> None:
    def refuse(client: smtplib.SMTP) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        client.close()

    async with mailbox(house, tls=tls) as letters:
        await letters.talk(refuse)
        reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
        await reader.readline()
        writer.write(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<nas@cabinet.example>\r\n")
        assert b"220 Ready" in await reader.read()
        writer.close()
        await writer.wait_closed()
        assert (await letters.send(daily, mail("ok")))[0] == 250
        assert letters.counted("fault") == 0
    gc.collect()
