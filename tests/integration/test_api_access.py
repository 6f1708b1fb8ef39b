"""Who may read what: operators by token or session, a practice by its link, and nobody else."""

import html
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from collector.model.campaign import PROVIDER
from collector.model.credential import Credential, Holder
from collector.store.connect import Role, open_pool
from collector.store.operators import revoke_operator
from collector.store.practice_keys import add_practice_key
from collector.store.reading import reading, reading_by_link
from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor
from tests.integration.browsing import csrf_in

ROUTES = [
    ("GET", "/v1/practices"),
    ("GET", f"/v1/practices/{UUID(int=7)}"),
    ("GET", "/v1/incidents"),
    ("GET", "/v1/tickets"),
    ("POST", f"/v1/incidents/{UUID(int=7)}/acknowledge"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_programs_need_an_operators_token_in_force(database: Database, method: str, path: str) -> None:
    fleet = Fleet(database.owner)
    valid = await fleet.operator("Alice")
    revoked = await fleet.operator("Bob")
    practice_key = Credential.mint(Holder.PRACTICE)
    practice_id = await fleet.practice("A")
    async with database.owner.acquire() as conn:
        await revoke_operator(conn, "Bob", at=NOW, actor="test")
        await add_practice_key(conn, practice_id, practice_key, at=NOW, actor="test")
    forged = valid[:-1] + ("0" if valid[-1] != "0" else "1")
    refused = [None, "Bearer", "Bearer nonsense", f"Basic {valid}", f"Bearer {revoked}", f"Bearer {practice_key}"]
    async with visitor(settings(database.url)) as client:
        for authorization in [*refused, f"Bearer {forged}", f"Bearer {Credential.mint(Holder.OPERATOR)}"]:
            headers = {"Authorization": authorization} if authorization else {}
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 401, authorization
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"
        answer = await client.request(method, path, headers={"Authorization": f"Bearer {valid}"})
        assert answer.status_code in (200, 404)


async def test_a_revoked_operator_is_refused_at_once_everywhere(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    async with visitor(settings(database.url), token=token) as client:
        await client.post("/sign-in", data={"token": token})
        assert (await client.get("/noc")).status_code == 200
        async with database.owner.acquire() as conn:
            await revoke_operator(conn, "Alice", at=NOW, actor="test")
        assert (await client.get("/v1/practices")).status_code == 401
        assert (await client.get("/noc")).status_code == 303


async def test_a_scope_shows_one_practice_even_to_a_query_without_where(database: Database) -> None:
    fleet = Fleet(database.owner)
    mine, other = await fleet.practice("Mine", link="mine"), await fleet.practice("Other")
    for practice_id in (mine, other):
        endpoint_id = await fleet.endpoint(practice_id, "SRV")
        await fleet.job(practice_id, "nightly")
        await fleet.incident(practice_id)
        ticket = await fleet.ticket(practice_id)
        await fleet.message(practice_id, ticket)
        await fleet.heartbeat(practice_id, endpoint_id, HOUR)
    tables = [
        "practice", "practice_now", "endpoint_now", "job_now", "incident", "ticket", "outbox", "status_link",
        "heartbeat_visible",
    ]  # fmt: skip
    async with open_pool(database.url, Role.API, 2) as pool:
        for table in tables:
            question = f"SELECT DISTINCT practice_id FROM {table}"  # noqa: S608 - the names above
            async with reading_by_link(pool, "mine") as opened:
                assert opened is not None
                assert [row[0] for row in await opened[0].fetch(question)] == [mine], table
            async with reading(pool, scope="") as conn:
                assert await conn.fetch(question) == [], table
            async with reading(pool) as conn:
                assert {row[0] for row in await conn.fetch(question)} - {PROVIDER} == {mine, other}, table
        async with pool.acquire() as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.fetch("SELECT * FROM heartbeat")
            assert await conn.fetch("SELECT * FROM practice") == []


async def test_signing_in_gives_a_cookie_that_only_the_browser_holds(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    async with visitor(settings(database.url, public_url="https://vigie.example")) as client:
        assert (await client.get("/")).headers["location"] == "/noc"
        assert (await client.get("/noc")).headers["location"] == "/sign-in"
        answer = await client.post("/sign-in", data={"token": f" {token} "})
        assert (answer.status_code, answer.headers["location"]) == (303, "/noc")
        cookie = answer.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Secure", "Path=/", "Max-Age=43200"))
    secret = cookie.split("=", 1)[1].split(";")[0]
    assert secret not in str(await database.owner.fetch("SELECT * FROM operator_session"))


async def test_a_link_to_a_page_leads_there_by_way_of_the_door(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    wanted = f"/noc/incidents/{uuid4()}?before=7"
    async with visitor(settings(database.url)) as client:
        door = (await client.get(wanted)).headers["location"]
        refused = await client.post(
            "/sign-in", data={"token": "vgo_wrong", "to": hidden_in((await client.get(door)).text)}
        )
        answer = await client.post("/sign-in", data={"token": token, "to": hidden_in(refused.text)})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
        assert (await client.get(door)).headers["location"] == wanted  # signed in already


def hidden_in(page: str) -> str:
    return html.unescape(page.split('name="to" value="')[1].split('"')[0])


@pytest.mark.parametrize(
    "to",
    [
        "", "https://evil.example/noc", "//evil.example/noc", "/\\evil.example", "/noc.evil.example", "/noc\r\nX: y",
        "/noc/a b", "/nocturne", "/status/abc", "noc", "/noc?" + "x" * 2_001,
    ],
)  # fmt: skip
async def test_the_door_leads_to_operators_pages_alone(database: Database, to: str) -> None:
    token = await Fleet(database.owner).operator("Alice")
    async with visitor(settings(database.url)) as client:
        answer = await client.post("/sign-in", data={"token": token, "to": to})
        assert answer.headers["location"] == "/noc"
        assert (await client.get("/sign-in", params={"to": to})).headers["location"] == "/noc"


async def test_signing_in_and_out_and_expiry(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    now = [NOW]
    async with visitor(settings(database.url), now=lambda: now[0]) as client:
        refused = await client.post("/sign-in", data={"token": "vgo_wrong"})
        assert refused.status_code == 401
        assert "set-cookie" not in refused.headers
        await client.post("/sign-in", data={"token": token})
        assert (await client.get("/sign-in")).headers["location"] == "/noc"
        page = await client.get("/noc")
        assert "Alice" in page.text
        assert (await client.post("/sign-out", data={"csrf": csrf_in(page.text)})).status_code == 303
        assert (await client.get("/noc")).status_code == 303
        assert await database.owner.fetchval("SELECT count(*) FROM operator_session") == 0
        await client.post("/sign-in", data={"token": token})
        now[0] += timedelta(hours=12) - timedelta(seconds=1)
        assert (await client.get("/noc")).status_code == 200
        now[0] += timedelta(seconds=1)
        assert (await client.get("/noc")).status_code == 303


async def test_signing_in_and_out_is_audited(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    async with visitor(settings(database.url)) as client:
        await client.post("/sign-in", data={"token": "vgo_wrong"})
        await client.post("/sign-in", data={"token": token})
        opened = await database.owner.fetchval("SELECT xmin::text FROM operator_session")
        csrf = csrf_in((await client.get("/noc")).text)
        for _ in range(2):
            await client.post("/sign-out", data={"csrf": csrf})
    deeds = await database.owner.fetch(
        "SELECT actor, action, at, xmin::text AS tx FROM audit WHERE action LIKE 'sign %' ORDER BY audit_id"
    )
    assert [(deed["actor"], deed["action"], deed["at"]) for deed in deeds] == [
        ("Alice", "sign in", NOW),
        ("Alice", "sign out", NOW),
    ]
    assert deeds[0]["tx"] == opened


async def test_without_its_audit_row_nobody_comes_in_or_goes_out(database: Database) -> None:
    token = await Fleet(database.owner).operator("Alice")
    async with visitor(settings(database.url), faults_raise=False) as client:
        await client.post("/sign-in", data={"token": token})
        csrf = csrf_in((await client.get("/noc")).text)
        await database.owner.execute("REVOKE INSERT ON audit FROM vigie_api")
        assert (await client.post("/sign-out", data={"csrf": csrf})).status_code == 500
        refused = await client.post("/sign-in", data={"token": token})
        assert (refused.status_code, "set-cookie" in refused.headers) == (500, False)
    assert await database.owner.fetchval("SELECT count(*) FROM operator_session") == 1


async def test_forms_of_other_sites_are_refused(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator("Alice")
    incident = await fleet.incident(await fleet.practice("A", "critical", "backup_missed.not_run"))
    async with visitor(settings(database.url)) as client:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            answer = await client.post("/sign-in", data={"token": token}, headers=headers)
            assert answer.status_code == 403, headers
        await client.post("/sign-in", data={"token": token}, headers={"Origin": "http://vigie.test"})
        for form in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "é"}):
            assert (await client.post("/sign-out", data=form)).status_code == 403
            assert (await client.post(f"/noc/incidents/{incident}/acknowledge", data=form)).status_code == 403
        assert (await client.get("/noc")).status_code == 200
    assert await database.owner.fetchval("SELECT state FROM incident") == "open"


async def test_another_sessions_form_is_refused(database: Database) -> None:
    fleet = Fleet(database.owner)
    alice, bob = await fleet.operator("Alice"), await fleet.operator("Bob")
    async with visitor(settings(database.url)) as first, visitor(settings(database.url)) as second:
        await first.post("/sign-in", data={"token": alice})
        await second.post("/sign-in", data={"token": bob})
        stolen = csrf_in((await first.get("/noc")).text)
        assert (await second.post("/sign-out", data={"csrf": stolen})).status_code == 403
