"""Tickets in a GLPI that behaves as its documentation says: none can be run here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collector.delivery.answers import RefusedError
from collector.delivery.channel import DeliveryError
from collector.delivery.glpi import Glpi
from collector.delivery.glpi_deeds import plain
from collector.delivery.polling import Look
from collector.delivery.tickets import GoneError, NotMadeError, Remote
from collector.delivery.written import Written
from collector.model.channels import GlpiChannel, Secret
from collector.model.message import TicketMessage
from collector.store.ticket_remotes import Polled
from tests.factories import PRACTICE
from tests.integration.glpi_server import APP_TOKEN, PAUL, US, USER_TOKEN, GlpiServer, glpi_app
from tests.integration.house import message
from tests.integration.receivers import served

SUB_ITEMS = ("ITILFollowup", "Ticket_User", "Log")
WRITTEN = Written("Sauvegarde manquée sur SRV-01", "Rien depuis <hier>.\nÀ voir & à refaire")


@pytest.fixture
def server() -> GlpiServer:
    return GlpiServer()


@pytest.fixture
async def glpi(server: GlpiServer) -> AsyncIterator[Glpi]:
    async with served(glpi_app(server)) as url, _glpi(url) as glpi:
        yield glpi


@asynccontextmanager
async def _glpi(
    url: str, user_token: str = USER_TOKEN, app_token: str | None = APP_TOKEN, **changes: object
) -> AsyncIterator[Glpi]:
    spec = GlpiChannel.model_validate({"kind": "glpi", "url": url, "user_token": Secret(env="GLPI_TOKEN"), **changes})
    async with httpx.AsyncClient() as client:
        yield Glpi(client, spec, user_token, app_token)


def _ticket(customer: str | None = "71") -> TicketMessage:
    return message(PRACTICE, uuid4(), 1).model_copy(update={"customer": customer})


async def _opened(glpi: Glpi) -> tuple[TicketMessage, Remote, int]:
    told = _ticket()
    remote = await glpi.open(told, WRITTEN, "key-0")
    return told, remote, int(remote.remote_id)


async def test_a_ticket_is_made_in_its_practices_entity_and_found_by_its_key(server: GlpiServer, glpi: Glpi) -> None:
    told, remote, number = await _opened(glpi)
    made = server.tickets[number]
    assert (made["name"], made["entities_id"]) == (WRITTEN.subject, 71)
    assert "Rien depuis &lt;hier&gt;.<br>À voir &amp; à refaire" in made["content"]
    assert str(remote.url).endswith(f"/front/ticket.form.php?id={number}")
    await _opened(glpi)
    assert await glpi.find(told.ticket_id) == [remote]
    assert await glpi.find(uuid4()) == []


@pytest.mark.parametrize(
    ("customer", "entity", "used"), [("71", 5, 71), (None, 5, 5), ("C-71", 5, 5), ("0", 5, 0), (None, 0, 0)]
)
async def test_the_customer_number_is_the_entity(
    customer: str | None, entity: int, used: int, server: GlpiServer
) -> None:
    async with served(glpi_app(server)) as url, _glpi(url, entity=entity) as glpi:
        remote = await glpi.open(_ticket(customer), WRITTEN, "key-1")
    assert server.tickets[int(remote.remote_id)]["entities_id"] == used


async def test_without_any_entity_the_service_users_own_is_meant(server: GlpiServer, glpi: Glpi) -> None:
    remote = await glpi.open(_ticket(None), WRITTEN, "key-1")
    assert "entities_id" not in server.tickets[int(remote.remote_id)]


async def test_a_text_that_is_there_is_not_added_again(server: GlpiServer, glpi: Glpi) -> None:
    told, remote, number = await _opened(glpi)
    for key, text in (("key-2", "First"), ("key-2", "First"), ("key-3", "Second"), ("key-2", "First")):
        await glpi.append(remote, told, Written("", text), key)
    assert [plain(text).splitlines()[0] for text in server.texts(number)] == ["First", "Second"]


@pytest.mark.parametrize("closes", [False, True])
async def test_it_is_solved_and_reopened_each_with_its_text(closes: bool, server: GlpiServer, glpi: Glpi) -> None:
    server.closes_what_is_solved = closes
    told, remote, number = await _opened(glpi)
    for _ in range(2):
        await glpi.resolve(remote, told, Written("", "Over"), "key-4")
        assert server.tickets[number]["status"] == (6 if closes else 5)
    for _ in range(2):
        await glpi.reopen(remote, told, Written("", "Back"), "key-5")
        assert server.tickets[number]["status"] == 2
    assert [plain(text).splitlines()[0] for text in server.texts(number)] == ["Over", "Back"]


@pytest.mark.parametrize(("theirs", "after"), [(6, 2), (5, 5), (4, 4)])
async def test_what_is_new_opens_a_ticket_that_takes_no_word_else(
    theirs: int, after: int, server: GlpiServer, glpi: Glpi
) -> None:
    told, remote, number = await _opened(glpi)
    server.person_makes(number, theirs)
    await glpi.append(remote, told, Written("", "New"), "key-6")
    assert server.tickets[number]["status"] == after
    assert len(server.texts(number)) == 1


async def test_a_double_is_linked_and_closed_and_no_longer_found(server: GlpiServer, glpi: Glpi) -> None:
    told, original, _ = await _opened(glpi)
    double = await glpi.open(told, WRITTEN, "key-7")
    assert await glpi.find(told.ticket_id) == [original, double]
    for _ in range(2):
        await glpi.link(double, original)
        assert await glpi.find(told.ticket_id) == [original]
    [link] = server.of(int(double.remote_id), "Ticket_Ticket")
    assert link["link"] == 1, "a duplicate's closing would solve the original"


async def test_one_that_was_deleted_is_gone(server: GlpiServer, glpi: Glpi) -> None:
    told, remote, number = await _opened(glpi)
    server.tickets[number]["is_deleted"] = 1
    with pytest.raises(GoneError):
        await glpi.append(remote, told, WRITTEN, "key-8")
    assert await glpi.find(told.ticket_id) == []
    del server.tickets[number]
    with pytest.raises(GoneError):
        await glpi.resolve(remote, told, WRITTEN, "key-8")


async def test_a_session_that_has_ended_is_renewed_once_for_all(server: GlpiServer, glpi: Glpi) -> None:
    await _opened(glpi)
    server.end_sessions()
    server.asked.clear()
    await asyncio.gather(*(_opened(glpi) for _ in range(5)))
    assert len(server.tickets) == 6
    assert server.asked.count("GET initSession") == 1


async def test_a_session_is_kept(server: GlpiServer, glpi: Glpi) -> None:
    for _ in range(3):
        await _opened(glpi)
    assert server.asked.count("GET initSession") == 1


@pytest.mark.parametrize(
    ("user_token", "app_token", "said"),
    [("wrong", APP_TOKEN, "ERROR_GLPI_LOGIN_USER_TOKEN"), (USER_TOKEN, None, "ERROR_WRONG_APP_TOKEN_PARAMETER")],
)
async def test_a_wrong_token_is_for_people_to_mend(
    user_token: str, app_token: str | None, said: str, server: GlpiServer
) -> None:
    async with served(glpi_app(server)) as url, _glpi(url, user_token, app_token) as amiss:
        with pytest.raises(NotMadeError, match=said) as refused:
            await amiss.open(_ticket(), WRITTEN, "key-9")
    assert not refused.value.permanent
    assert not server.tickets


@pytest.mark.parametrize(
    ("status", "body", "not_made"),
    [
        (400, '["ERROR_GLPI_ADD", "no"]', True),
        (401, '["ERROR_RIGHT_MISSING", "no"]', True),
        (404, "<html>a proxy</html>", True),
        (429, "", True),
        (500, '["ERROR_SQL", "no"]', False),
        (502, "", False),
        (200, "<html>a login page</html>", False),
        (201, "[]", False),
    ],
)
async def test_only_a_refusal_says_that_nothing_was_made(
    status: int, body: str, not_made: bool, server: GlpiServer
) -> None:
    app = FastAPI(openapi_url=None)

    async def answer(request: Request) -> Response:
        return Response(body, status, media_type="application/json" if body.startswith("[") else "text/html")

    app.add_api_route("/apirest.php/Ticket", answer, methods=["POST"], response_model=None)
    app.mount("/", glpi_app(server))
    async with served(app) as url, _glpi(url) as glpi:
        with pytest.raises(DeliveryError) as refused:
            await glpi.open(_ticket(), WRITTEN, "key-10")
    assert isinstance(refused.value, NotMadeError) is not_made
    assert not refused.value.permanent


async def test_a_proxys_404_is_no_deleted_ticket(server: GlpiServer) -> None:
    async with served(FastAPI(openapi_url=None)) as url, _glpi(url) as lost:
        with pytest.raises(DeliveryError, match="404") as refused:
            await lost.append(Remote("1"), _ticket(), WRITTEN, "key-11")
        assert not isinstance(refused.value, GoneError)


def _polled(told: TicketMessage, remote: Remote, seen: str | None = None) -> Polled:
    return Polled(told.practice_id, told.ticket_id, remote.remote_id, remote.url, seen)


def _deeds(look: Look) -> list[tuple[str, str, str]]:
    return [(one.deed.value, one.by, one.said) for read in look.read for one in read.happenings]


@pytest.mark.parametrize("calls_people", ["{name} ({number})", "{name}（{number}）"])
async def test_what_people_do_comes_back_once_and_ours_does_not(
    calls_people: str, server: GlpiServer, glpi: Glpi
) -> None:
    server.calls_people = calls_people
    told, remote, number = await _opened(glpi)
    await glpi.append(remote, told, WRITTEN, "key-12")
    look = await glpi.look([_polled(told, remote)], None)
    assert _deeds(look) == []

    server.give(number, PAUL, by=US)
    look = await glpi.look([_polled(told, remote, look.read[0].seen)], look.cursor)
    assert _deeds(look) == [], "a rule's doing"
    server.give(number, PAUL, by=PAUL)
    server.give(number, US, by=PAUL)
    server.person_says(number, "<p>Je m'en occupe,<br>ça vient &amp; vite</p>")
    server.person_makes(number, 4)
    server.person_makes(number, 5)
    server.person_makes(number, 2)
    await glpi.resolve(remote, told, WRITTEN, "key-13")
    look = await glpi.look([_polled(told, remote, look.read[0].seen)], look.cursor)
    assert _deeds(look) == [
        ("taken", "paul", ""), ("commented", "paul", "Je m'en occupe,\nça vient & vite"), ("closed", "paul", ""),
        ("reopened", "paul", ""),
    ]  # fmt: skip
    [read] = look.read
    assert len({one.event_id for one in read.happenings}) == 4

    again = await glpi.look([_polled(told, remote, read.seen)], look.cursor)
    assert _deeds(again) == []


async def test_a_ticket_that_is_new_to_us_is_read_from_its_beginning(server: GlpiServer, glpi: Glpi) -> None:
    told, remote, number = await _opened(glpi)
    server.person_makes(number, 5)
    server.now += timedelta(hours=1)
    await _opened(glpi)
    cursor = (await glpi.look([], None)).cursor
    assert _deeds(await glpi.look([_polled(told, remote)], cursor)) == [("closed", "paul", "")]


async def test_a_ticket_that_was_deleted_keeps_no_other_from_being_read(server: GlpiServer, glpi: Glpi) -> None:
    gone, there = await _opened(glpi), await _opened(glpi)
    del server.tickets[gone[2]]
    server.person_says(there[2], "Me")
    watched = [_polled(told, remote) for told, remote, _ in (gone, there)]
    look = await glpi.look(watched, None)
    assert _deeds(look) == [("commented", "user 33", "Me")]
    assert (await glpi.look(_after(watched, look), look.cursor)).read == []


async def test_nobody_did_what_is_logged_without_a_number(server: GlpiServer, glpi: Glpi) -> None:
    server.calls_people = "{name}"
    told, remote, number = await _opened(glpi)
    server.person_makes(number, 5)
    await glpi.reopen(remote, told, WRITTEN, "key-14")
    server.person_says(number, "Me")
    assert _deeds(await glpi.look([_polled(told, remote)], None)) == [("commented", "user 33", "Me")]


@pytest.mark.parametrize("kind", SUB_ITEMS)
async def test_a_right_that_we_lack_is_said_and_nothing_is_taken_for_read(
    kind: str, server: GlpiServer, glpi: Glpi
) -> None:
    told, remote, number = await _opened(glpi)
    server.person_says(number, "Me")
    server.forbids = kind
    with pytest.raises(RefusedError, match="ERROR_RIGHT_MISSING"):
        await glpi.look([_polled(told, remote)], None)
    server.forbids = ""
    assert _deeds(await glpi.look([_polled(told, remote)], None)) == [("commented", "user 33", "Me")]


async def test_whoever_takes_it_twice_took_it_twice(server: GlpiServer, glpi: Glpi) -> None:
    told, remote, number = await _opened(glpi)
    server.give(number, PAUL, by=PAUL)
    first = await glpi.look([_polled(told, remote)], None)
    server.give(number, PAUL, by=PAUL)
    second = await glpi.look([_polled(told, remote, first.read[0].seen)], first.cursor)
    assert [one.deed for look in (first, second) for read in look.read for one in read.happenings] == ["taken"] * 2


def _after(watched: list[Polled], look: Look) -> list[Polled]:
    seen = {read.ticket.ticket_id: read.seen for read in look.read}
    return [replace(one, seen=seen.get(one.ticket_id, one.seen)) for one in watched]


async def test_what_did_not_change_is_not_read(server: GlpiServer, glpi: Glpi) -> None:
    watched = [_polled(told, remote) for told, remote, _ in [await _opened(glpi) for _ in range(5)]]
    look = await glpi.look(watched, None)
    for _ in range(2):
        watched = _after(watched, look)
        server.person_says(int(watched[0].remote_id), "Me")
        server.asked.clear()
        look = await glpi.look(watched, look.cursor)
    assert [one.said for read in look.read for one in read.happenings] == ["Me"]
    assert sorted(server.asked) == [*(f"GET Ticket/11/{kind}" for kind in sorted(SUB_ITEMS)), "GET search/Ticket"]


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("plain", "plain"),
        ("<p>a</p><p>b<br/>c</p>", "a\nb\nc"),
        ("&#60;p&#62;1 &#38;#60; 2&#60;/p&#62;", "1 < 2"),
        ("&lt;p&gt;x&lt;/p&gt;", "x"),
        ("", ""),
    ],
)
def test_of_a_text_the_words_are_kept(html: str, words: str) -> None:
    assert plain(html) == words
