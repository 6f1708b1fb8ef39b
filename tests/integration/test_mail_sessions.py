"""SMTP sessions at their limits: whatever a client does, memory stays bounded and the next one is served."""

import asyncio
import shutil
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest

from collector.intake import smtp as sessions
from collector.intake.smtp import SIZE_LIMIT
from tests.integration.house import PATIENCE_S, House, count, enrol, until
from tests.integration.mailbox import NAS, Letters, Reply, address, deliver, mail, mailbox, runs

# As base64 comes: the most that a mail may have.
LINES = (b"x" * 76 + b"\r\n") * (SIZE_LIMIT // 78)


@pytest.fixture
async def letters(house: House) -> AsyncIterator[Letters]:
    async with mailbox(house) as opened:
        yield opened


@pytest.fixture
async def daily(house: House) -> str:
    return await address(house, await enrol(house))


async def test_what_is_too_large_is_refused_by_its_size(house: House, letters: Letters, daily: str) -> None:
    def announce(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        return [client.mail(NAS, [f"SIZE={size}"])[0] for size in (SIZE_LIMIT + 1, SIZE_LIMIT)]

    assert await letters.talk(announce) == [552, 250]
    assert (await letters.send(daily, mail("ok") + LINES + b"x" * 76))[0] == 552
    assert (await letters.send(daily, mail("ok") + LINES[: -5 * 78]))[0] == 250


async def test_a_line_that_is_too_long_is_refused(house: House, letters: Letters, daily: str) -> None:
    lengths = (sessions.LONGEST_LINE - 2, sessions.LONGEST_LINE + 2)
    codes = [(await letters.send(daily, b"Subject: ok\r\n\r\n" + b"x" * length + b"\r\n"))[0] for length in lengths]
    assert codes == [250, 500]
    assert await count(house, "section") == 1


@pytest.mark.parametrize("what", [b"x", b"\r\n"])
async def test_what_never_ends_is_cut_off(house: House, letters: Letters, daily: str, what: bytes) -> None:
    def pour(client: smtplib.SMTP) -> int:
        client.ehlo()
        client.mail(NAS)
        client.rcpt(daily)
        client.docmd("DATA")
        assert client.sock is not None
        poured = 0
        try:
            while poured < 100 * SIZE_LIMIT:
                poured += client.sock.send(what * 65_536)
        except OSError:
            client.close()
        return poured

    assert await letters.talk(pour) < 50 * SIZE_LIMIT, "less than what sockets hold between us"
    assert (await letters.send(daily, mail("ok")))[0] == 250


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


async def test_one_address_does_not_take_all_the_room(monkeypatch: pytest.MonkeyPatch, letters: Letters) -> None:
    monkeypatch.setattr(sessions, "MOST_OF_AN_ADDRESS", 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", letters.port)
    assert (await reader.readline()).startswith(b"220 ")
    for source, greeting in (("127.0.0.1", b"421 "), ("127.0.0.2", b"220 ")):
        other, way = await asyncio.open_connection("127.0.0.1", letters.port, local_addr=(source, 0))
        assert (await other.readline()).startswith(greeting)
        way.close()
        await way.wait_closed()
    writer.close()
    await writer.wait_closed()


async def test_addresses_of_one_network_count_as_one(monkeypatch: pytest.MonkeyPatch, letters: Letters) -> None:
    monkeypatch.setattr(sessions, "MOST_OF_AN_ADDRESS", 1)
    monkeypatch.setattr(sessions, "neighbourhood", lambda _: "2001:db8::")
    _, held = await asyncio.open_connection("127.0.0.1", letters.port)
    reader, writer = await asyncio.open_connection("127.0.0.1", letters.port, local_addr=("127.0.0.2", 0))
    assert (await reader.readline()).startswith(b"421 ")
    for one in (held, writer):
        one.close()
        await one.wait_closed()


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
    assert 400 <= code < 600 or command.startswith(b"VRFY")
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
        return deliver(client, daily, mail("ok") + LINES[: -5 * 78])

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
        writer.write(b"EHLO x\r\nSTARTTLS\r\n")
        await reader.readuntil(b"220 Ready to start TLS\r\n")
        writer.write(b"MAIL FROM:<nas@cabinet.example>\r\n")
        assert not (await reader.read()).startswith(b"250"), "nothing is said outside any more"
        writer.close()
        await writer.wait_closed()
        assert (await letters.send(daily, mail("ok")))[0] == 250
        assert letters.counted("fault") == 0
