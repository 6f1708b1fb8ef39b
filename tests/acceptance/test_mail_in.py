"""Mail in real processes: what Python's smtplib sends to a collector becomes runs, and a failing one a ticket."""

import asyncio
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from shutil import which

import asyncpg
import pytest

from collector.administer import Deed, enrol_practice
from deploy.demo.stack import Stack, free_ports, running
from tests.acceptance.conftest import PATIENCE_S, Provider, eventually
from tests.conftest import Database

VIGIE = str(Path(sys.executable).parent / "vigie")
NAS = "nas@cabinet.example"
DOMAIN = "backups.example"


@asynccontextmanager
async def collector(
    database_url: str, logs: Path, **settings: str
) -> AsyncIterator[tuple["subprocess.Popen[bytes]", int]]:
    """A collector that takes mail, and its port for that."""
    port, smtp = free_ports(0, 0)
    environment = {
        "VIGIE_DATABASE_URL": database_url,
        "VIGIE_COLLECTOR_PORT": str(port),
        "VIGIE_SMTP_PORT": str(smtp),
        "VIGIE_SMTP_DOMAIN": DOMAIN,
    } | settings
    async with running("mail", [VIGIE, "collector"], environment, logs) as process:
        yield process, smtp


async def address(database_url: str, practice: str, job: str) -> str:
    """As `vigie mail add` prints it."""
    command = [VIGIE, "mail", "add", practice, job, "--from", NAS]
    environment = {"VIGIE_DATABASE_URL": database_url, "VIGIE_SMTP_DOMAIN": DOMAIN}
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, check=True)
    return next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("address"))


async def answers(port: int) -> bool | None:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    writer.close()
    return True


def send(port: int, to: str, subject: str, tls: ssl.SSLContext | None = None) -> None:
    """As a backup script in Python would."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = NAS, to, subject
    message.set_content("Un rapport dont rien n'est gardé : C:\\Patients\\Dupont.jpg")
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        if tls:
            client.starttls(context=tls)
        client.send_message(message)


async def statuses(database_url: str) -> list[str]:
    conn = await asyncpg.connect(database_url)
    try:
        rows = await conn.fetch(
            "SELECT body->0->>'status' AS status FROM vigie.section WHERE kind = 'mail' ORDER BY received_at"
        )
    finally:
        await conn.close()
    return [row["status"] for row in rows]


async def test_mails_are_runs_and_a_failing_one_becomes_a_ticket(stack: Stack, provider: Provider) -> None:
    enrolled = await provider.enrol("Cabinet Pessac")
    await provider.schedule(enrolled, "nas", every=timedelta(hours=1), grace=timedelta(hours=1))
    to = await address(stack.database_url, "Cabinet Pessac", "nas")
    async with collector(stack.database_url, stack.logs) as (_, port):
        await eventually(lambda: answers(port), "a collector that takes mail")
        await asyncio.to_thread(send, port, to, "Sauvegarde réussie")
        await asyncio.to_thread(send, port, to, "Sauvegarde réussie, 1 avertissement")
        await asyncio.to_thread(send, port, to, "La sauvegarde a échoué")
        assert await statuses(stack.database_url) == ["success", "warning", "failed"], "answered after the commit"
        ticket = await provider.ticket("open")
        assert ticket["title"] == "Backup failed: nas"
        await asyncio.to_thread(send, port, to, "Sauvegarde réussie")
        await provider.ticket("resolved")

        with pytest.raises(smtplib.SMTPDataError) as refused:
            await asyncio.to_thread(send, port, to, "Mise à jour disponible")
        assert refused.value.smtp_code == 554
    assert "Dupont" not in "".join(log.read_text() for log in stack.logs.glob("*.log"))
    assert to.partition("@")[0] not in (stack.logs / "mail.log").read_text(), "an address is a key"


async def test_mails_come_inside_tls(database: Database, tmp_path: Path) -> None:
    chain, key = await asyncio.to_thread(certificate, tmp_path)
    async with database.owner.acquire() as conn:
        await enrol_practice(conn, "Cabinet Talence", "Europe/Paris", Deed("test", datetime.now(UTC)))
    to = await address(database.url, "Cabinet Talence", "nas")
    settings = {"VIGIE_SMTP_CERTIFICATE": str(chain), "VIGIE_SMTP_KEY": str(key)}
    async with collector(database.url, tmp_path, **settings) as (_, port):
        await eventually(lambda: answers(port), "a collector that takes mail")
        await asyncio.to_thread(send, port, to, "ok", ssl.create_default_context(cafile=str(chain)))
    assert await statuses(database.url) == ["success"]


@pytest.mark.parametrize("wrong", ["port", "certificate"])
async def test_what_keeps_mail_from_coming_is_said_at_start(tmp_path: Path, wrong: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        missing = str(tmp_path / "missing.pem")
        settings = {
            "port": {"VIGIE_SMTP_PORT": str(port)},
            "certificate": {"VIGIE_SMTP_CERTIFICATE": missing, "VIGIE_SMTP_KEY": missing},
        }
        async with collector("postgresql://nobody@127.0.0.1:1/none", tmp_path, **settings[wrong]) as (process, _):
            assert await asyncio.to_thread(process.wait, PATIENCE_S) == 2
    said = (tmp_path / "mail.log").read_text()
    assert {"port": f"cannot listen on 127.0.0.1:{port}: ", "certificate": "VIGIE_SMTP_CERTIFICATE"}[wrong] in said
    assert len(said.splitlines()) == 1, "a sentence, no traceback"


def certificate(folder: Path) -> tuple[Path, Path]:
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate")
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key
