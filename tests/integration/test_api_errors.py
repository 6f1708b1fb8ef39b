"""What goes wrong, as programs and people are told: the right status, whose fault it is, and a way out."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from api.middleware import MOST_BODY, SAFE_HEADERS
from tests.conftest import Database
from tests.integration.api_fleet import Fleet, settings, visitor

AWAY = "postgresql://vigie@127.0.0.1:1/vigie"
ACKNOWLEDGE = f"/v1/incidents/{uuid4()}/acknowledge"
PROBLEM = "application/problem+json"
PAGE = "text/html; charset=utf-8"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
HOLDER = {"Authorization": "Bearer vgo_" + "0" * 16 + "_" + "0" * 64, "Cookie": "vigie_session=x"}


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["content-type"]


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


def form_of(length: int) -> bytes:
    return b"token=" + b"x" * (length - len("token="))


def comment_of(length: int) -> bytes:
    return b'{"comment": "' + b"x" * (length - 15) + b'"}'


async def test_a_body_over_the_limit_is_a_413_for_programs(database: Database) -> None:
    token = await Fleet(database.owner).operator()
    over, at_most = comment_of(MOST_BODY + 1), comment_of(MOST_BODY)
    async with visitor(settings(database.url), token=token) as client:
        for body in (over, in_pieces(over)):
            answer = await client.post(ACKNOWLEDGE, content=body, headers=JSON)
            assert kind(answer) == (413, PROBLEM)
            assert answer.json()["type"] == "urn:vigie:too_long"
        for body in (at_most, in_pieces(at_most)):
            assert kind(await client.post(ACKNOWLEDGE, content=body, headers=JSON)) == (422, PROBLEM)


@pytest.mark.parametrize(
    ("body", "media_type", "told"),
    [
        (b'{"comment": }', "application/json", "(body): must be JSON: Expecting value, at character 12"),
        (b'{"comment": "x"}', "text/plain", "(body): must be a JSON object, sent with Content-Type: application/json"),
        (b"[]", "application/json", "(body): must be a JSON object, sent with Content-Type: application/json"),
    ],
)
async def test_a_body_that_is_no_object_is_told_so_in_words(
    database: Database, body: bytes, media_type: str, told: str
) -> None:
    token = await Fleet(database.owner).operator()
    path = ACKNOWLEDGE.replace("acknowledge", "comment")
    async with visitor(settings(database.url), token=token) as client:
        answer = await client.post(path, content=body, headers={"Content-Type": media_type})
    assert (kind(answer), answer.json()["detail"]) == ((422, PROBLEM), told)


async def test_a_body_over_the_limit_is_a_413_for_people(database: Database) -> None:
    over, at_most = form_of(MOST_BODY + 1), form_of(MOST_BODY)
    async with visitor(settings(database.url), language="") as client:
        for body in (over, in_pieces(over)):
            answer = await client.post("/sign-in", content=body, headers=FORM)
            assert kind(answer) == (413, PAGE)
            assert "What you sent is too long." in answer.text
            assert all(name in answer.headers for name in SAFE_HEADERS)
        for body in (at_most, in_pieces(at_most)):
            assert kind(await client.post("/sign-in", content=body, headers=FORM)) == (401, PAGE)


async def test_a_body_that_nobody_reads_is_refused_by_its_announced_length(database: Database) -> None:
    async with visitor(settings(database.url)) as client:
        assert kind(await client.request("GET", "/v1/practices", content=b"x" * (MOST_BODY + 1))) == (413, PROBLEM)


@pytest.fixture
async def broken(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An api that fails by its own fault whenever it reads how practices stand."""
    fleet = Fleet(database.owner)
    token = await fleet.operator("Alice")
    await fleet.practice("A", link="a")
    async with visitor(settings(database.url), token=token, language="", faults_raise=False) as client:
        await client.post("/sign-in", data={"token": token})
        await database.owner.execute("REVOKE SELECT ON practice_now FROM vigie_reader")
        yield client


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/noc", "Something went wrong on our side."),
        ("/noc?lang=fr", "Une erreur s’est produite de notre côté."),
        ("/status/a", "Une erreur s’est produite de notre côté."),
        ("/status/a?lang=en", "Something went wrong on our side."),
    ],
)
async def test_our_own_fault_is_never_the_readers(broken: httpx.AsyncClient, path: str, words: str) -> None:
    page = await broken.get(path)
    assert kind(page) == (500, PAGE)
    assert words in page.text


@pytest.mark.parametrize("path", ["/noc", "/v1/practices"])
async def test_a_fault_is_logged_once_whoever_reads_of_it(broken: httpx.AsyncClient, path: str) -> None:
    with capture_logs() as logged:
        await broken.get(path)
    assert [line["event"] for line in logged] == ["a request failed"]


@pytest.mark.parametrize("path", ["/noc", "/status/a", "/v1/practices"])
async def test_a_fault_carries_safe_headers(broken: httpx.AsyncClient, path: str) -> None:
    answer = await broken.get(path)
    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in SAFE_HEADERS} == dict(SAFE_HEADERS)


async def test_a_fault_is_a_problem_for_programs(broken: httpx.AsyncClient) -> None:
    assert kind(await broken.get("/v1/practices")) == (500, PROBLEM)


async def test_a_database_that_is_away_is_a_503_and_never_a_500() -> None:
    async with visitor(settings(AWAY)) as client:
        problem = await client.get("/v1/practices", headers=HOLDER)
        assert kind(problem) == (503, PROBLEM)
        assert problem.headers["retry-after"] == "5"
        for path in ("/noc", "/status/abc"):
            page = await client.get(path, headers=HOLDER)
            assert kind(page) == (503, PAGE)
            assert page.headers["retry-after"] == "5"
            assert "Les données ne peuvent pas être lues" in page.text
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503


@pytest.mark.parametrize(
    ("path", "language", "way_out"),
    [
        ("/noc", "en", '<a id="way-out" href="/">Back to the start</a>'),
        ("/sign-in", "en", '<a id="way-out" href="/">Back to the start</a>'),
        ("/status/abc", "fr", '<a id="way-out" href="">Recharger la page</a>'),
    ],
)
async def test_an_error_page_speaks_its_neighbours_language_and_leads_out(
    path: str, language: str, way_out: str
) -> None:
    async with visitor(settings(AWAY), language="") as client:
        page = await client.get(path, headers=HOLDER)
    assert kind(page) == (503, PAGE)
    assert f'<html lang="{language}"' in page.text
    assert way_out in page.text


async def test_a_page_that_is_not_there_is_a_page(database: Database) -> None:
    async with visitor(settings(database.url), language="") as client:
        nowhere, lost = await client.get("/nowhere"), await client.get("/status/lost")
        assert (kind(nowhere), kind(lost)) == ((404, PAGE), (404, PAGE))
        assert "way-out" in nowhere.text
        assert "way-out" not in lost.text  # the provider's door is no way out for a practice
        assert "Votre prestataire peut vous en donner un nouveau" in lost.text
        assert "prestataire" not in nowhere.text


async def test_a_cursor_that_is_not_ours_is_refused_as_a_page(database: Database) -> None:
    fleet = Fleet(database.owner)
    async with visitor(settings(database.url), language="") as client:
        await client.post("/sign-in", data={"token": await fleet.operator()})
        page = await client.get("/noc?after=nonsense")
    assert kind(page) == (422, PAGE)
    assert "This request could not be understood." in page.text
