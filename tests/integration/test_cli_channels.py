"""The commands about channels: what stands how, and a marked test through each kind, with never a secret shown."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import Response
from typer.testing import Result

from collector.model.book import Book
from collector.model.channels import MailChannel, RequestTrackerChannel, Secret, WebhookChannel
from collector.model.message import Addressed
from collector.store.configuration import put_policies
from collector.store.outbox import post
from deploy.demo.receiver import create_app
from tests.factories import NOW
from tests.integration.house import House, enrol, message, open_ticket
from tests.integration.post_office import post_office
from tests.integration.receivers import SECRET, served
from tests.integration.test_cli import done, refused, run

Vigie = Callable[..., Awaitable[Result]]
TOKEN = "1-14-0123456789abcdef"


@pytest.fixture
def vigie(house: House) -> Vigie:
    async def on_this_house(*words: str, **environment: str) -> Result:
        return await run(house.database.url, *words, **environment)

    return on_this_house


async def in_force(house: House, **channels: object) -> None:
    book = Book.model_validate({"channels": channels})
    async with house.owner.acquire() as conn, conn.transaction():
        await put_policies(conn, [], at=NOW, actor="test", summary="test", book=book)


def webhook(url: str, env: str = "DESK_SECRET") -> WebhookChannel:
    return WebhookChannel.model_validate({"kind": "webhook", "url": f"{url}/webhook", "secret": Secret(env=env)})


def mail(port: int) -> MailChannel:
    given = {"kind": "mail", "host": "localhost", "port": port, "security": "none", "sender": "v@a.example"}
    return MailChannel.model_validate({**given, "to": "desk@a.example"})


async def lines(vigie: Vigie, **environment: str) -> list[list[str]]:
    listed = done(await vigie("channel", "list", **environment))
    return [line.split(maxsplit=2) for line in listed.splitlines()[1:]]


async def test_every_channel_is_listed_with_what_hinders_it(house: House, vigie: Vigie, tmp_path: Path) -> None:
    rt = {"kind": "request_tracker", "url": "https://rt.example", "queue": "Vigie", "token": {"file": tmp_path / "no"}}
    await in_force(
        house, good=webhook("https://a.example"), unset=webhook("https://b.example", "NOT_THERE"),
        unsigned=webhook("https://c.example", "PLAIN"), rt=RequestTrackerChannel.model_validate(rt),
    )  # fmt: skip
    listed = done(await vigie("channel", "list", DESK_SECRET=SECRET, PLAIN=TOKEN))
    rows = {line.split()[0]: line for line in listed.splitlines()[1:]}
    assert rows.keys() == {"good", "unset", "unsigned", "rt"}
    assert "webhook  " in rows["good"]
    assert "ready" in rows["good"]
    assert "left out: environment variable NOT_THERE is not set" in rows["unset"]
    assert "left out: environment variable PLAIN is not whsec_" in rows["unsigned"]
    assert f"left out: file {tmp_path / 'no'} cannot be read" in rows["rt"]
    assert SECRET not in listed
    assert TOKEN not in listed


async def test_the_list_counts_what_waits_and_what_was_given_up(house: House, vigie: Vigie) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    async with house.worker.acquire() as conn:
        for _ in range(3):
            told = message(practice_id, await open_ticket(house, practice_id), 1)
            await post(conn, [Addressed("tickets", told)], NOW)
    given_up = """
        UPDATE outbox SET dead_at = $1, tried_at = $1, last_error = 'answered 500'
        WHERE outbox_id = (SELECT outbox_id FROM outbox LIMIT 1)
    """
    await house.owner.execute(given_up, NOW)
    (row,) = await lines(vigie)
    assert row[0] == "tickets"
    assert "not configured" in " ".join(row)
    assert row[2].split()[-4:] == ["2", "1", "answered", "500"]
    environment = {"VIGIE_TICKET_WEBHOOK_URL": "https://a.example/hook", "VIGIE_TICKET_WEBHOOK_SECRET": SECRET}
    (row,) = await lines(vigie, **environment)
    assert row[:2] == ["tickets", "webhook"]
    assert row[2].startswith("ready")


@pytest.mark.parametrize("by", ["book", "settings"])
async def test_a_marked_ticket_opens_and_closes_at_a_webhook(house: House, vigie: Vigie, by: str) -> None:
    async with served(create_app(SECRET)) as url:
        await in_force(house, **({"desk": webhook(url)} if by == "book" else {}))
        environment = {"DESK_SECRET": SECRET}
        if by == "settings":
            environment = {"VIGIE_TICKET_WEBHOOK_URL": f"{url}/webhook", "VIGIE_TICKET_WEBHOOK_SECRET": SECRET}
        name = "desk" if by == "book" else "tickets"
        said = done(await vigie("channel", "test", name, **environment))
    assert said.splitlines() == ["ticket.opened taken", "ticket.resolved taken", f"{name} works"]


async def test_a_marked_ticket_goes_by_mail(house: House, vigie: Vigie) -> None:
    async with post_office() as office:
        await in_force(house, desk=mail(office.port))
        assert "desk works" in done(await vigie("channel", "test", "desk"))
    opened, closed = office.kept
    assert "tout va bien" in opened["Subject"]
    assert opened["Subject"] == closed["Subject"]
    assert closed["References"] == opened["Message-ID"]


async def test_a_channel_that_refuses_says_so_and_fails(house: House, vigie: Vigie) -> None:
    refusing = FastAPI(openapi_url=None)
    refusing.add_api_route("/webhook", lambda: Response(status_code=401), methods=["POST"], response_model=None)
    async with served(refusing) as url:
        await in_force(house, desk=webhook(url))
        result = await vigie("channel", "test", "desk", DESK_SECRET=SECRET)
    assert result.exit_code == 1
    assert "desk did not take it: answered 401" in result.stderr
    assert SECRET not in result.output


async def test_a_channel_without_its_secret_says_which(house: House, vigie: Vigie) -> None:
    await in_force(house, desk=webhook("https://a.example"))
    result = await vigie("channel", "test", "desk")
    assert result.exit_code == 1
    assert "environment variable DESK_SECRET is not set" in result.stderr


async def test_an_unknown_channel_is_refused_and_the_known_ones_named(house: House, vigie: Vigie) -> None:
    await in_force(house, desk=webhook("https://a.example"))
    assert "no channel is called 'desks'; those there are: desk" in refused(await vigie("channel", "test", "desks"))


async def test_a_test_leaves_nothing_behind_here(house: House, vigie: Vigie) -> None:
    async with served(create_app(SECRET)) as url:
        await in_force(house, desk=webhook(url))
        done(await vigie("channel", "test", "desk", DESK_SECRET=SECRET))
    for table in ("outbox", "ticket", "ticket_remote", "incident"):
        assert await house.owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - a name in a test
