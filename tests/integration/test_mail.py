"""Mail over real SMTP sessions: 250 only for what is committed, and every refusal with the code that is true."""

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from collector.administer import Enrolled
from collector.intake import group_commit
from collector.intake.admission import Admission
from collector.intake.figures import read_figures
from collector.model.credential import Credential, Holder
from collector.store.connect import Role, open_pool
from collector.store.practice_keys import add_practice_key
from tests.factories import ENDPOINT, NOW
from tests.integration.house import PATIENCE_S, House, count, enrol, rows
from tests.integration.mailbox import DOMAIN, NAS, Letters, Reply, address, deliver, mail, mailbox, runs

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
async def letters(house: House) -> AsyncIterator[Letters]:
    async with mailbox(house) as opened:
        yield opened


@pytest.fixture
async def enrolled(house: House) -> Enrolled:
    return await enrol(house)


@pytest.fixture
async def daily(house: House, enrolled: Enrolled) -> str:
    return await address(house, enrolled)


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
    kept = json.loads(log["body"])
    assert (kept["job"], kept["action"], kept["text"].strip()) == ("daily", "mail", "ok\n\ntout va bien")


async def test_a_job_of_a_machine_stays_its_own(house: House, letters: Letters, enrolled: Enrolled) -> None:
    own = await address(house, enrolled, endpoint_id=ENDPOINT)
    assert (await letters.send(own.upper(), mail("ok")))[0] == 250
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


async def test_the_same_mail_to_two_jobs_is_a_run_of_each(
    house: House, letters: Letters, enrolled: Enrolled, daily: str
) -> None:
    weekly = await address(house, enrolled, "weekly")
    whole = mail("ok", Message_ID="<1@nas>", Date="Sat, 21 Nov 2026 19:00:00 +0100")

    def to_both(client: smtplib.SMTP) -> list[int]:
        client.ehlo()
        client.mail(NAS)
        codes = [client.rcpt(daily)[0], client.rcpt(weekly)[0], client.data(whole)[0]]
        return [*codes, deliver(client, weekly, whole)[0]]

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
    """A bounce has none, and tells of no run."""
    assert (await letters.send(daily, mail("ok", From=NAS), sender))[0] == 550
    await nothing_stored(house, letters, "sender")


@pytest.mark.parametrize("holder", [Holder.PRACTICE, Holder.SCRIPT, Holder.JOB])
async def test_a_key_without_mail_rules_is_no_address(
    house: House, letters: Letters, enrolled: Enrolled, holder: Holder
) -> None:
    key = Credential.mint(holder)
    job = "daily" if holder is Holder.JOB else None
    async with house.owner.acquire() as conn:
        await add_practice_key(conn, enrolled.practice.practice_id, key, at=NOW, actor="test", job=job)
    assert (await letters.send(f"{key}@{DOMAIN}", mail("ok")))[0] == 550
    await nothing_stored(house, letters, "recipient")


async def test_a_revoked_address_is_refused_even_after_it_was_named(house: House, letters: Letters, daily: str) -> None:
    client = await asyncio.to_thread(smtplib.SMTP, "127.0.0.1", letters.port, timeout=PATIENCE_S)
    try:
        await asyncio.to_thread(client.ehlo)
        await asyncio.to_thread(client.mail, NAS)
        assert (await asyncio.to_thread(client.rcpt, daily))[0] == 250
        await house.owner.execute("UPDATE practice_key SET revoked_at = now()")
        await asyncio.sleep(1.1)  # what a collector remembers is good for a second
        assert (await asyncio.to_thread(client.data, mail("ok")))[0] == 550
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


async def test_a_store_that_is_away_leaves_the_mail_with_its_sender(house: House, daily: str) -> None:
    away = open_pool("postgresql://nobody@127.0.0.1:1/nothing", Role.INTAKE, 1)
    async with away as nobody, mailbox(house, pool=nobody) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 451
        await nothing_stored(house, letters, "away")


async def test_a_full_queue_leaves_the_mail_with_its_sender(
    house: House, daily: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "MOST_REQUESTS", 0)
    async with mailbox(house) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 451
        await nothing_stored(house, letters, "overloaded")


async def test_a_practice_that_sends_too_much_is_told_when_to_come_again(house: House, daily: str) -> None:
    async with mailbox(house, admission=Admission(0.001, 0.5)) as letters:
        assert (await letters.send(daily, mail("ok")))[0] == 250
        code, said = await letters.send(daily, mail("ok"))
        assert (code, b"again in" in said) == (451, True)
        assert letters.counted("too_much") == 1
