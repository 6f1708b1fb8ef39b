"""`vigie mail add`: the address is shown once, its rules are kept, and what cannot work is refused in a sentence."""

import re

import pytest

from collector.model.credential import Credential, Holder
from collector.model.heartbeat import RunStatus
from collector.model.mail import FAILED, LookIn, MailRules
from tests.factories import ENDPOINT, NOW
from tests.integration.house import House, arrival, count, enrol, judge, rows, store
from tests.integration.mailbox import mail, mailbox
from tests.integration.test_cli import Vigie, done, refused, vigie

__all__ = ["vigie"]

FROM = ("--from", "nas@cabinet.example")


async def kept_rules(house: House) -> MailRules:
    (key,) = await rows(house, "SELECT mail FROM practice_key WHERE holder = 'job'")
    return MailRules.model_validate_json(key["mail"])


async def test_the_address_is_shown_once_and_kept_as_a_hash(house: House, vigie: Vigie) -> None:
    await enrol(house, "A")
    result = await vigie(
        "mail", "add", "A", "daily", *FROM, "--from", "@Office.example", VIGIE_SMTP_DOMAIN="in.example"
    )
    said = done(result)
    (shown,) = re.findall(r"^address +(\S+)@in\.example$", said, re.MULTILINE)
    assert f"/ping/{shown} " in said
    credential = Credential.parse(shown)
    assert credential is not None
    (key,) = await rows(
        house, "SELECT key_id, holder, job, endpoint_id, secret_hash FROM practice_key WHERE mail IS NOT NULL"
    )
    assert (key["key_id"], key["holder"], key["job"], key["endpoint_id"]) == (
        credential.key_id,
        Holder.JOB,
        "daily",
        None,
    )
    assert credential.matches(key["secret_hash"])
    assert await kept_rules(house) == MailRules(senders=("nas@cabinet.example", "@office.example"))
    assert "from     nas@cabinet.example, @office.example" in said
    assert f"failed   subject says: {', '.join(FAILED)}" in said
    assert "VIGIE_SMTP_PORT" in result.stderr, "nothing listens yet"
    audit = await rows(house, "SELECT action, subject, detail::text FROM audit WHERE action = 'add mail address'")
    assert [one["subject"] for one in audit] == [f"key:{credential.key_id}"]
    assert "office.example" in audit[0]["detail"]
    assert shown not in audit[0]["detail"]


async def test_words_of_ones_own_are_the_rules(house: House, vigie: Vigie) -> None:
    await enrol(house, "A")
    words = ("--success", "6C8F1FF2", "--warning", "tape full", "--failed", "6C8F1FF4", "--failed", "no tape")
    done(await vigie("mail", "add", "A", "daily", *FROM, *words, "--in", "body", VIGIE_SMTP_PORT="2525"))
    rules = await kept_rules(house)
    assert (rules.look_in, rules.failed) == (LookIn.BODY, ("6C8F1FF4", "no tape"))
    assert rules.outcome("error", "code 6C8F1FF2") is RunStatus.SUCCESS


async def test_a_machine_is_named_as_people_know_it(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    assert "no endpoint" in refused(await vigie("mail", "add", "A", "daily", *FROM, "--endpoint", "SRV-01"))
    await store(house, arrival(enrolled.practice.practice_id))
    await judge(house, enrolled.practice.practice_id, NOW)
    done(await vigie("mail", "add", "A", "daily", *FROM, "--endpoint", "SRV-01"))
    (key,) = await rows(house, "SELECT endpoint_id FROM practice_key WHERE holder = 'job'")
    assert key["endpoint_id"] == ENDPOINT


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("B", "daily", *FROM), "no practice 'B'"),
        (("A", "", *FROM), "is no name of a job"),
        (("A", "two\nlines", *FROM), "is no name of a job"),
        (("A", "daily", "--from", "cabinet.example"), "senders"),
        (("A", "daily", *FROM, "--success", "..."), "'...' has no word in it"),
    ],
)
async def test_what_cannot_work_is_refused(house: House, vigie: Vigie, words: tuple[str, ...], named: str) -> None:
    await enrol(house, "A")
    assert named in refused(await vigie("mail", "add", *words))
    assert await count(house, "practice_key") == 1, "the practice's own"


async def test_a_revoked_address_ends(house: House, vigie: Vigie) -> None:
    await enrol(house, "A")
    said = done(await vigie("mail", "add", "A", "daily", *FROM, VIGIE_SMTP_DOMAIN="mail.example"))
    to = said.split()[1]
    listed = done(await vigie("key", "list", "A"))
    (key_id,) = re.findall(r"^(\w+).*job daily", listed, re.MULTILINE)
    async with mailbox(house) as letters:
        assert (await letters.send(to, mail("ok")))[0] == 250
    done(await vigie("key", "revoke", key_id))
    async with mailbox(house) as letters:
        assert (await letters.send(to, mail("ok")))[0] == 550
